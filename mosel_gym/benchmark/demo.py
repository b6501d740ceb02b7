"""The demonstration: act, reflect, improve the weakest module, act again, beside a control.

The shipped agent learned on narrow layouts and is run on wider ones. It reflects on rollouts there
and improves from what its own analyzer judged successful. The control gets the same number of
gradient steps on demonstrations alone. All arms are evaluated on the same seeds, which neither
training nor rollouts have seen.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from mosel_gym.benchmark.arms import (
    ArmJob,
    Choice,
    choose_module,
    control_arm,
    improve_arm,
    in_background,
    refined_language,
    stored_report,
)
from mosel_gym.benchmark.collect import CollectConfig, collect
from mosel_gym.benchmark.provenance import read_json, write_json
from mosel_gym.benchmark.results import EpisodeResult
from mosel_gym.benchmark.rollouts import Keep, rollouts
from mosel_gym.benchmark.specs import PretrainedAgent, env_id
from mosel_gym.benchmark.summary import DemoOutcome, write_demo
from mosel_gym.benchmark.workers import Workers
from mosel_gym.errors import InvalidPlan, MoselError
from mosel_gym.registry import task_of
from mosel_gym.types import ImproveReport, Target

# Apart from each other, and from the training seeds, which start at 0.
_EVALUATION, _ROLLOUTS, _DEMOS = 1_000_000, 2_000_000, 3_000_000
_HOLD, _SETTLE = 10, 40
"""Steps in a row that count as held, and after which an episode ends: by then the arm has let go,
and the last pictures show what it left behind."""
_TRAINING_SHARE = 12
"""An arm's training counts as so many episodes in the progress bar."""


@dataclass(frozen=True)
class DemoConfig:
    """Sizes; the defaults take about a quarter of an hour on two cores."""

    episodes: int = 32
    """Evaluation episodes of each arm, the same seeds for all."""
    rollouts: int = 64
    """Episodes that the agent reflects on and learns from."""
    demos: int = 24
    """Expert demonstrations on narrow layouts: for the control, and a share of the round."""
    seed: int = 0
    checkpoint: str = "libero-long"
    """Name or folder of the agent."""
    task: str = "MOSEL-LiberoLong-Task6"
    """Environment id, or the number of a LIBERO-Long task."""
    target: Target = "auto"
    """Which module to improve; auto goes by the reflections."""
    layout_spread_m: float | None = None
    """Of rollouts and evaluation; None = what the checkpoint's card says, else 0.06."""
    demo_spread_m: float | None = None
    """Of the demonstrations; None = what the checkpoint's card says, else 0."""
    steps: int | None = None
    """Gradient steps of each arm; None = the agent's own number."""
    max_steps: int = 600
    render_every: int = 4
    """Pictures in evaluation: one every so many steps."""
    rollout_render_every: int = 2
    """Pictures in rollouts, which are learned from."""


def demo(
    config: DemoConfig,
    out_dir: str | Path = "runs/demo",
    workers: int = 2,
    *,
    fresh: bool = False,
    progress: bool = True,
) -> dict[str, Any]:
    """Run the demonstration and write `summary.json`, `report.html` and the mp4s.

    Args:
        config: Sizes and seeds.
        out_dir: Results; whatever is finished there is not run again.
        workers: Processes, one thread each.
        fresh: Remove an earlier run first.
        progress: Show one bar for all of it.

    Returns:
        The summary, as written.

    Raises:
        UnknownId: No such checkpoint or environment.
        MoselError: `out_dir` holds something else.
        NotEnoughData: Too few rollout segments were judged successful to learn from.
    """
    folder = Path(out_dir)
    config = _resolved(config)
    _prepare(folder, config, fresh)
    amount = config.demos + config.rollouts + 3 * config.episodes + 2 * _TRAINING_SHARE
    with (
        Workers(workers) as pool,
        tqdm(total=amount, unit="ep", disable=not progress, dynamic_ncols=True) as bar,
    ):
        run = _Demo(config, folder, pool, bar)
        outcome = run.all()
    return write_demo(folder, config, outcome, task_of(config.task))


class _Demo:
    def __init__(self, config: DemoConfig, folder: Path, pool: Workers, bar: Any) -> None:
        self.config, self.folder, self.pool, self.bar = config, folder, pool, bar
        self._stages_file = folder / "stages.json"
        self.stages: dict[str, float] = (
            read_json(self._stages_file) if self._stages_file.exists() else {}
        )

    def all(self) -> DemoOutcome:
        """Every stage in order."""
        config, folder = self.config, self.folder
        before = self._evaluate("before", config.checkpoint)
        collected = self._rollouts()
        with self._stage("demonstrations"):
            self._collect_demos()
        with self._stage("improvement"):
            choice, improved, control, language = self._improve()
        arms = {"before": before}
        if control is not None:
            arms["control"] = self._evaluate("control", str(folder / "agents" / "control"))
        else:
            self.bar.update(config.episodes)
        arms["after"] = self._evaluate("after", str(folder / "agents" / "improved"))
        return DemoOutcome(arms, collected, choice, improved, control, language, self.stages)

    def _evaluate(self, arm: str, source: str) -> list[EpisodeResult]:
        with self._stage(f"evaluation: {arm}"):
            return self._run(
                PretrainedAgent(source),
                _EVALUATION,
                self.config.episodes,
                self.config.render_every,
                self.folder / arm,
                Keep(video=True, video_stride=self.config.render_every, hold=_HOLD),
            )

    def _rollouts(self) -> list[EpisodeResult]:
        with self._stage("rollouts"):
            agent = PretrainedAgent(
                self.config.checkpoint, buffer=str((self.folder / "buffer").resolve())
            )
            return self._run(
                agent,
                _ROLLOUTS,
                self.config.rollouts,
                self.config.rollout_render_every,
                self.folder / "rollouts",
                Keep(hold=_HOLD),
            )

    def _run(
        self,
        agent: PretrainedAgent,
        first_seed: int,
        count: int,
        render_every: int,
        folder: Path,
        keep: Keep,
    ) -> list[EpisodeResult]:
        config = self.config
        first = first_seed + 10_000 * config.seed
        kwargs = {
            "layout_spread_m": config.layout_spread_m,
            "success_hold": _SETTLE,
            "max_steps": config.max_steps,
            "render_every": render_every,
        }
        with self._counted(count):
            return rollouts(
                agent,
                config.task,
                kwargs,
                range(first, first + count),
                self.pool,
                folder,
                progress=False,
                keep=keep,
                on_result=lambda result: self.bar.update(),
            )

    def _collect_demos(self) -> None:
        config = self.config
        wanted = CollectConfig(
            task=config.task,
            episodes=config.demos,
            seed=_DEMOS + 10_000 * config.seed,
            layout_spread_m=config.demo_spread_m or 0.0,
            video=False,
            only_successes=True,
        )
        with self._counted(config.demos):
            collect(
                wanted,
                self.folder / "demos",
                self.pool,
                progress=False,
                on_result=lambda entry: self.bar.update(),
            )

    def _improve(
        self,
    ) -> tuple[Choice, ImproveReport, ImproveReport | None, dict[str, Any] | str]:
        job = ArmJob(
            base=self.config.checkpoint,
            goal=task_of(self.config.task).goal,
            buffer=str(self.folder / "buffer"),
            demos=str(self.folder / "demos"),
            out=str(self.folder / "agents" / "improved"),
            target=self.config.target,
            steps=self.config.steps,
        )
        choice = self._choice(job)
        module: Any = choice.module
        if module == "none":
            raise MoselError(
                f"There is nothing to improve: {choice.reason} Run more episodes, or wider layouts "
                "(--layout-spread-m)."
            )
        arm = replace(job, target=module)
        with self._counted(2 * _TRAINING_SHARE):
            jobs = [(improve_arm, arm)]
            if module in ("video", "policy"):
                jobs.append(
                    (control_arm, replace(arm, out=str(self.folder / "agents" / "control")))
                )
            reports = [stored_report(wanted.out) for _, wanted in jobs]
            if None in reports:
                futures = [self.pool.submit(in_background, *pair) for pair in jobs]
                self._watch(futures, module)
                reports = [future.result() for future in futures]
        improved, control = reports[0], reports[1] if len(reports) > 1 else None
        assert improved is not None
        improved = replace(improved, reason=choice.reason)
        return choice, improved, control, self._language(job)

    def _choice(self, job: ArmJob) -> Choice:
        path = self.folder / "choice.json"
        if path.exists():
            return Choice(**read_json(path))
        choice = self.pool.submit(choose_module, job).result()
        write_json(path, asdict(choice))
        return choice

    def _language(self, job: ArmJob) -> dict[str, Any] | str:
        """Language refinement, shown beside the arms; it changes neither of them."""
        path = self.folder / "language.json"
        if not path.exists():
            try:
                found: object = self.pool.submit(refined_language, job).result()
            except InvalidPlan as error:
                found = f"The plan was at fault, and the task planner has no other one: {error}"
            write_json(path, found or "No reflection put the plan at fault, so it was not refined.")
        told: dict[str, Any] | str = read_json(path)
        return told

    def _watch(self, futures: Sequence[Future[Any]], module: str) -> None:
        """Training runs in other processes; keep the clock in the bar going meanwhile."""
        start_s = time.monotonic()
        pending = set(futures)
        while pending:
            done, pending = wait(pending, timeout=1.0)
            self.bar.update(_TRAINING_SHARE * len(done))
            self.bar.set_postfix_str(f"{module}, {time.monotonic() - start_s:.0f} s")
        self.bar.set_postfix_str("")

    @contextmanager
    def _counted(self, amount: int) -> Iterator[None]:
        """Whatever was skipped inside counts as done."""
        before = self.bar.n
        yield
        self.bar.update(before + amount - self.bar.n)

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        self.bar.set_description(name)
        start_s = time.monotonic()
        try:
            yield
        finally:
            self.stages[name] = self.stages.get(name, 0.0) + time.monotonic() - start_s
            write_json(self._stages_file, self.stages)


def _resolved(config: DemoConfig) -> DemoConfig:
    """Fill in what the checkpoint's card says about layouts."""
    from mosel_gym.agents.checkpoint import checkpoint_folder

    card = read_json(checkpoint_folder(config.checkpoint) / "agent.json").get("card", {})
    wide, narrow = config.layout_spread_m, config.demo_spread_m
    return replace(
        config,
        task=env_id(config.task),
        layout_spread_m=float(card.get("demo_layout_spread_m", 0.06)) if wide is None else wide,
        demo_spread_m=float(card.get("layout_spread_m", 0.0)) if narrow is None else narrow,
    )


def _prepare(folder: Path, config: DemoConfig, fresh: bool) -> None:
    """Make sure that the folder is new, or this very run's."""
    path = folder / "demo.json"
    if fresh and folder.exists():
        if not path.exists() and any(folder.iterdir()):
            raise MoselError(f"{folder} is not the folder of a demo, so --fresh leaves it alone.")
        shutil.rmtree(folder)
    agent = PretrainedAgent(config.checkpoint)
    identity = asdict(config) | {"checkpoint_digest": agent.fingerprint()}
    if path.exists() and (stored := read_json(path)) != identity:
        other = [key for key in identity if stored.get(key) != identity[key]]
        raise MoselError(
            f"{folder} holds a demo with other settings ({', '.join(other)} differ). Add --fresh "
            "to begin anew, or --out for another folder."
        )
    write_json(path, identity)
