"""PRIVILEGED: success after refinement against the precision of the judge (G.2, Table 8).

One agent, one task, one set of rollouts. Judges of several precisions, made from simulator truth
with noise, label the same rollouts; the same module is refined from each set of labels, with the
same steps; all refined agents are evaluated on the same held-out seeds. What differs is the judge.
"""

from __future__ import annotations

from concurrent.futures import Future, wait
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from mosel_gym.benchmark.arms import ArmJob, control_arm, improve_arm, in_background
from mosel_gym.benchmark.judge_agents import EXPERT, JudgedAgent
from mosel_gym.benchmark.judge_curve_labels import Labels, NoisySetting, label_rollouts
from mosel_gym.benchmark.judge_curve_text import write_curve
from mosel_gym.benchmark.metrics import Comparison, Confusion
from mosel_gym.benchmark.provenance import plain, read_json, write_json
from mosel_gym.benchmark.results import (
    EpisodeResult,
    compare_arms,
    summarize,
    verdict_confusion,
)
from mosel_gym.benchmark.rollouts import Keep, rollouts
from mosel_gym.benchmark.specs import PretrainedAgent, env_id, env_kwargs
from mosel_gym.benchmark.workers import Workers
from mosel_gym.data.buffer import ReflectionBuffer
from mosel_gym.errors import MoselError, NotEnoughData
from mosel_gym.registry import task_of

# As in the demo: apart from each other, and from the training seeds, which start at 0.
_EVALUATION, _ROLLOUTS = 1_000_000, 2_000_000


@dataclass(frozen=True)
class JudgeCurveConfig:
    """Sizes; the defaults take some hours on two cores."""

    agent: str = "libero-long"
    """Checkpoint name or folder; for the target language also "expert", which plans like an agent
    and acts as the scripted expert (privileged), so that the plan alone decides."""
    task: str = "MOSEL-LiberoLong-Task6"
    """Environment id, or the number of a LIBERO-Long task."""
    target: Literal["policy", "video", "language"] = "policy"
    """What is refined."""
    precisions: tuple[float, ...] = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    """Of the judges, with success as the positive class."""
    recall: float = 0.9
    """Of all judges."""
    rollouts: int = 64
    """Episodes that are judged and learned from (policy, video)."""
    episodes: int = 32
    """Held-out episodes of each agent, the same seeds for all."""
    seed: int = 0
    """Moves all seeds: rollouts, evaluation and noise."""
    steps: int | None = None
    """Gradient steps; None = the agent's own number."""
    demos: Path | None = None
    """Demonstrations: a share of every batch, and all of a control that is then run as well."""
    buffer: Path | None = None
    """Reflected rollouts with predicates, in place of new ones."""
    rounds: int = 3
    """Target language: further plans for a seed, at most 3."""
    plan: tuple[str, ...] = ()
    """Target language: the first plan, such as one that is wrong; none = the planner's own."""
    base_rate: float = 0.5
    """Target language: share of skill segments that is expected to succeed; the rates of the noise
    follow from it."""
    layout_spread_m: float | None = None
    """Objects are moved by up to this much, where the environment can do that."""
    cameras: tuple[str, ...] = ()
    """Pictures that the agent needs; none named = the environment's own choice."""
    control: str | None = None
    """Control mode, where the environment has several; None = its default."""
    max_steps: int | None = None
    """Step limit; None = the task's own."""
    render_every: int = 4
    """Pictures in evaluation: one every so many steps."""
    rollout_render_every: int = 2
    """Pictures in rollouts, which are learned from."""
    settle: int = 40
    """Steps in a row after which an episode ends."""


@dataclass
class CurvePoint:
    """One judge, or an arm that needs none."""

    label: str
    setting: NoisySetting | None
    """None for "before" and "control"."""
    judged: Confusion = field(default_factory=Confusion)
    """The judge's verdicts on skill segments against the truth."""
    rounds: list[list[EpisodeResult]] = field(default_factory=list)
    """Results after 0, 1, ... refinements; networks have one entry, after their refinement."""
    versus: Comparison | None = None
    """Paired with "before" on the same seeds."""
    note: str = ""
    """Why nothing was refined."""

    @property
    def results(self) -> list[EpisodeResult]:
        """At the end."""
        return self.rounds[-1] if self.rounds else []


def judge_curve(
    config: JudgeCurveConfig,
    out_dir: str | Path,
    workers: int = 2,
    *,
    progress: bool = True,
) -> tuple[str, list[EpisodeResult]]:
    """Run it and write `curve.json`, `curve.md` and `curve.png`; what is finished is not run again.

    Returns:
        The table as text, and every episode.

    Raises:
        MoselError: `out_dir` holds a curve with other settings.
        NotEnoughData: The rollouts hold no success or no failure, so that no judge has a precision.
        SpecMismatch: The rollouts have no predicates of the simulator.
    """
    folder = Path(out_dir)
    config = replace(config, task=env_id(config.task))
    _prepare(folder, config)
    with Workers(workers) as pool:
        run = _Curve(config, folder, pool, progress)
        points = run.language() if config.target == "language" else run.networks()
    for point in points[1:]:
        if point.results:
            point.versus = compare_arms(point.label, "before", point.results, points[0].results)
    text = write_curve(folder, config, [_row(point) for point in points])
    episodes = [result for point in points for result in point.results]
    return text, episodes


class _Curve:
    def __init__(
        self, config: JudgeCurveConfig, folder: Path, pool: Workers, progress: bool
    ) -> None:
        self.config, self.folder, self.pool, self.progress = config, folder, pool, progress
        self.settings = [NoisySetting(value, config.recall) for value in config.precisions]

    def networks(self) -> list[CurvePoint]:
        """Rollouts once, labels for each judge, a refinement from each, an evaluation of each."""
        labels = label_rollouts(
            self._rollouts(),
            self.settings,
            self.folder / "labels",
            self.config.seed,
            progress=self.progress,
        )
        points = [CurvePoint("before", None, rounds=[self._evaluate("before", self.config.agent)])]
        points += self._refined(labels)
        return points

    def language(self) -> list[CurvePoint]:
        """For each judge: run, judge, plan anew while it sees a failure, at most `rounds` times."""
        config = self.config
        points = []
        for setting in self.settings:
            agent = JudgedAgent(
                config.agent, setting.precision, setting.recall, config.base_rate, config.seed
            )
            try:
                agent.analyzer()
            except ValueError as error:
                points.append(CurvePoint(setting.name, setting, note=str(error)))
                continue
            results = self._run(
                agent, setting.name, config.rollout_render_every, plan=config.plan or None,
                refine_rounds=config.rounds,
            )  # fmt: skip
            attempts = [row for last in results for row in (*last.earlier, last)]
            rounds = [[row.after(at) for row in results] for at in range(config.rounds + 1)]
            points.append(CurvePoint(setting.name, setting, verdict_confusion(attempts), rounds))
        first = next((point for point in points if point.rounds), None)
        if first is None:
            raise MoselError(f"No judge can be made. The first one: {points[0].note}")
        # Judges do not act: the first attempts are the same for all of them.
        return [CurvePoint("before", None, rounds=[first.rounds[0]]), *points]

    def _rollouts(self) -> ReflectionBuffer:
        config = self.config
        if config.buffer is not None:
            return ReflectionBuffer(config.buffer)
        place = self.folder / "buffer"
        agent = JudgedAgent(config.agent, buffer=str(place.resolve()))
        first = _ROLLOUTS + 10_000 * config.seed
        self._run(
            agent, "rollouts", config.rollout_render_every, first=first, count=config.rollouts
        )
        return ReflectionBuffer(place)

    def _refined(self, labels: list[Labels]) -> list[CurvePoint]:
        config = self.config
        points: list[CurvePoint] = []
        jobs: list[tuple[CurvePoint, ArmJob, Any]] = []
        if config.demos is not None:
            point = CurvePoint("control", None)
            points.append(point)
            jobs.append((point, self._job(labels[0].setting, "control"), control_arm))
        for row in labels:
            point = CurvePoint(row.setting.name, row.setting, row.confusion, note=row.note)
            points.append(point)
            if row.usable:
                jobs.append((point, self._job(row.setting, row.setting.name), improve_arm))
        self._train(jobs)
        for point, job, _ in jobs:
            if not point.note:
                point.rounds = [self._evaluate(point.label, job.out)]
        return points

    def _train(self, jobs: list[tuple[CurvePoint, ArmJob, Any]]) -> None:
        running: dict[Future[Any], CurvePoint] = {}
        for point, job, arm in jobs:
            while len(running) >= self.pool.count:
                self._collect(running)
            running[self.pool.submit(in_background, arm, job)] = point
        while running:
            self._collect(running)

    def _collect(self, running: dict[Future[Any], CurvePoint]) -> None:
        done, _ = wait(running, return_when="FIRST_COMPLETED")
        for future in done:
            point = running.pop(future)
            try:
                future.result()
            except NotEnoughData as error:  # a strict judge may leave too little to learn from
                point.note = str(error)

    def _job(self, setting: NoisySetting, label: str) -> ArmJob:
        config = self.config
        return ArmJob(
            base=config.agent,
            goal=task_of(config.task).goal,
            buffer=str(self.folder / "labels" / setting.name),
            demos=None if config.demos is None else str(config.demos),
            out=str(self.folder / "agents" / label),
            target=config.target,
            steps=config.steps,
        )

    def _evaluate(self, label: str, source: str) -> list[EpisodeResult]:
        agent = PretrainedAgent(source)
        return self._run(agent, label, self.config.render_every, keep=Keep(reflect=False))

    def _run(
        self,
        agent: Any,
        label: str,
        render_every: int,
        *,
        first: int | None = None,
        count: int | None = None,
        keep: Keep | None = None,
        **more: Any,
    ) -> list[EpisodeResult]:
        config = self.config
        first = _EVALUATION + 10_000 * config.seed if first is None else first
        return rollouts(
            agent,
            config.task,
            env_kwargs(
                layout_spread_m=config.layout_spread_m,
                cameras=config.cameras or None,
                control=config.control,
                success_hold=config.settle,
                max_steps=config.max_steps,
                render_every=render_every,
            ),
            range(first, first + (config.episodes if count is None else count)),
            self.pool,
            self.folder / "runs" / label,
            self.progress,
            keep=keep or Keep(),
            label=label,
            **more,
        )


def _row(point: CurvePoint) -> dict[str, Any]:
    """What is written of a point."""
    return {
        "label": point.label,
        "precision": point.setting and point.setting.precision,
        "recall": point.setting and point.setting.recall,
        "judged": point.judged.to_plain(),
        "rounds": [plain(summarize(point.label, results)) for results in point.rounds],
        "versus_before": plain(point.versus),
        "versus_text": "" if point.versus is None else str(point.versus),
        "note": point.note,
    }


def _prepare(folder: Path, config: JudgeCurveConfig) -> None:
    """Make sure that the agent can be refined, and that the folder is new or this curve's."""
    if config.agent == EXPERT and config.target != "language":
        raise MoselError(
            f"The scripted expert has no {config.target} to refine. Give --agent a checkpoint, or "
            "--target language."
        )
    if not config.precisions:
        raise MoselError("There is no judge; give at least one precision in 0..1.")
    names = [NoisySetting(value, config.recall).name for value in config.precisions]
    if len(set(names)) < len(names):
        raise MoselError(
            f"The precisions {list(config.precisions)} do not all differ in their first two "
            "decimals, which name the judges' folders. Give others."
        )
    path = folder / "settings.json"
    identity = plain(asdict(config))
    identity["agent_digest"] = JudgedAgent(config.agent).fingerprint()
    if path.exists() and (stored := read_json(path)) != identity:
        other = [key for key in identity if stored.get(key) != identity[key]]
        raise MoselError(
            f"{folder} holds a curve with other settings ({', '.join(other)} differ). Give another "
            "folder with --out, or remove this one."
        )
    write_json(path, identity)
