"""Runs what a table needs and no row says yet: episodes, rounds of improvement, judgements."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from mosel_gym.benchmark.arms import ArmJob, in_background
from mosel_gym.benchmark.collect import CollectConfig, collect
from mosel_gym.benchmark.paper import extras
from mosel_gym.benchmark.paper.chain import Chain, slug
from mosel_gym.benchmark.paper.config import DEMOS, PaperConfig, rollout_seeds, trial_seeds
from mosel_gym.benchmark.paper.information import information
from mosel_gym.benchmark.paper.labels import INTERACTIONS, chain_of, is_control, targets_of
from mosel_gym.benchmark.paper.measure import SampledAgent
from mosel_gym.benchmark.paper.roster import Roster, arguments
from mosel_gym.benchmark.paper.store import TRIALS, Store, cell
from mosel_gym.benchmark.paper.work import TRAINING_SHARE, Trial, Work, robotwin
from mosel_gym.benchmark.results import EpisodeResult
from mosel_gym.benchmark.rollouts import Keep, rollouts
from mosel_gym.benchmark.rows import rows_of
from mosel_gym.benchmark.workers import Workers
from mosel_gym.errors import BudgetReached, MoselError, SpecMismatch

MARKER = "paper-run.json"
"""In the folder of a task: says that `--fresh` may remove it."""
_HOPELESS = ("UnknownId", "SpecMismatch", "MissingLibrary", "MissingKey", "DamagedFile")
"""Errors of a first episode that the next one would meet as well."""


class Runner:
    """One command's work.

    Args:
        config: Sizes.
        out: Folder of episodes, buffers and agents.
        results: Folder of rows.
        workers: Processes, or a pool that stays open; 1 runs here.
        bar: A progress bar of episodes.
    """

    def __init__(
        self, config: PaperConfig, out: Path, results: Path, workers: Workers | int, bar: Any
    ) -> None:
        self.config, self.out, self.workers, self.bar = config, out, workers, bar
        self.store = Store(results)
        self.roster = Roster(config)
        self.controls = False
        """Whether a control is trained beside every round, since it will be asked for."""
        self.broken: list[str] = []
        """Errors of episodes."""
        self._chains: dict[tuple[str, int], Chain] = {}

    def run(self, work: Work) -> None:
        """Everything that is not done yet; what cannot be done is noted as a gap.

        Raises:
            MoselError: A folder holds something else, or a budget was reached.
        """
        self.controls = any(is_control(trial.label) for trial in work.trials)
        for env_id in work.plans:
            extras.plans(self, env_id)
        for trial in work.trials:
            what = "disturbed trials" if trial.disturbed else "trials"
            cell_of = (trial.shown_label, trial.env_id, trial.repeat, what)
            with self.noting(*cell_of):
                self.trials(trial)
            if self.store.notes.reason(*cell_of):
                self.bar.total -= self.config.trials
        for env_id in work.interactions:
            extras.interactions(self, env_id)
        for env_id in work.judged:
            extras.judge_anew(self, env_id)
        for env_id in work.imagined:
            extras.imagine(self, env_id)
        for trial in work.sampled:
            extras.time(self, trial)

    def chain(self, env_id: str, repeat: int = 0) -> Chain:
        """The improvement of a task."""
        return self._chains.setdefault((env_id, repeat), Chain(self, env_id, repeat))

    def task_folder(self, env_id: str) -> Path:
        """Where everything about a task lies, marked as ours."""
        marker = self.out / env_id / MARKER
        if not marker.exists():
            marker.parent.mkdir(parents=True, exist_ok=True)
            marker.write_text("{}\n", encoding="utf-8")
        return marker.parent

    def trials(self, trial: Trial) -> None:
        """The trials of one cell.

        Raises:
            MoselError: The agent is not there, or cannot act in this environment.
        """
        config, seeds = self.config, trial_seeds(self.config, trial.repeat)
        conditions = config.conditions(disturbed=trial.disturbed)
        wanted = cell(trial.env_id, trial.shown_label, trial.repeat, conditions)
        known = self._known_fingerprint(trial)
        if set(seeds) <= self.store.done(wanted, known):
            self.bar.update(len(seeds))
            return
        spec = self._spec(trial)
        fingerprint = spec.fingerprint()
        done = self.store.done(wanted, fingerprint)
        folder = self.chain(trial.env_id, trial.repeat).folder / "trials" / slug(trial.shown_label)
        with self.unit(f"{trial.env_id}: {trial.shown_label}", len(seeds)):
            results = self.episodes(
                spec,
                trial.env_id,
                arguments(trial.env_id, _source(spec), **self.env(config.render_every)),
                [seed for seed in seeds if seed not in done],
                folder.with_name(folder.name + "-disturbed") if trial.disturbed else folder,
                Keep(reflect=False, hold=config.hold),
                disturbed=trial.disturbed,
            )
        rows = rows_of(
            results,
            trial.env_id,
            trial.shown_label,
            round=len(targets_of(trial.label) or ()),
            repeat=trial.repeat,
            conditions=conditions,
            fingerprint=fingerprint,
            information=self._information(trial.label, _source(spec), trial.env_id),
        )
        # Only now: where the new version cannot act, the rows of the earlier one still stand.
        self.store.forget_agent(wanted, fingerprint)
        self.store.add(TRIALS, rows)

    def collect_interactions(self, chain: Chain, label: str, done: int, place: Path) -> None:
        """The interactions of one round, judged, into `place/buffer`."""
        config, env_id = self.config, chain.env_id
        spec = chain.spec(label)
        source = spec.source
        count = self.interactions(env_id)
        conditions = config.conditions(
            purpose=INTERACTIONS, render_every=config.rollout_render_every
        )
        keep = replace(spec, buffer=str((place / "buffer").resolve()))
        with self.unit(f"{env_id}: interactions of {label}", count):
            results = self.episodes(
                keep,
                env_id,
                arguments(env_id, source, **self.env(config.rollout_render_every)),
                rollout_seeds(count, done, chain.repeat),
                place / "rollouts",
                Keep(hold=config.hold),
            )
        rows = rows_of(
            results,
            env_id,
            label,
            round=done,
            repeat=chain.repeat,
            conditions=conditions,
            fingerprint=spec.fingerprint(),
            information=self._information(label, source, env_id),
        )
        self.store.add(INTERACTIONS, rows)

    def train(self, jobs: Sequence[tuple[Callable[..., Any], ArmJob]], text: str) -> None:
        """Arms beside each other; the first one's error is raised, of the others each its own.

        Raises:
            MoselError: The first arm could not be trained.
        """
        with self.unit(f"{text}: training", 2 * TRAINING_SHARE):
            if isinstance(self.workers, Workers):
                futures = [self.workers.submit(in_background, *job) for job in jobs]
                for future in futures[1:]:
                    with contextlib.suppress(MoselError):  # told when that arm is asked for
                        future.result()
                futures[0].result()
                return
            for number, job in enumerate(jobs):
                with contextlib.suppress(*([MoselError] if number else [])):
                    in_background(*job)

    def demonstrations(self, env_id: str, source: str) -> str | None:
        """Folder of demonstrations of a task, made by the scripted expert if none were given."""
        config = self.config
        if config.demos is not None and any((config.demos / env_id).rglob("*.hdf5")):
            return str(config.demos / env_id)
        folder = self.task_folder(env_id) / "demonstrations"
        needed = arguments(env_id, source)
        with self.unit(f"{env_id}: demonstrations", 0):
            collect(
                CollectConfig(
                    task=env_id,
                    episodes=config.demo_episodes,
                    seed=DEMOS,
                    layout_spread_m=0.0 if robotwin(env_id) else config.layout_spread_m,
                    control=needed.get("control"),
                    cameras=needed.get("cameras"),
                    video=False,
                    only_successes=True,
                ),
                folder,
                self.workers,
                progress=False,
            )
        return str(folder) if any(folder.glob("*.hdf5")) else None

    def episodes(
        self,
        spec: Any,
        env_id: str,
        kwargs: dict[str, Any],
        seeds: Sequence[int],
        folder: Path,
        keep: Keep,
        **more: Any,
    ) -> list[EpisodeResult]:
        """Episodes that are not on disk yet; one goes ahead to see whether the others can.

        Raises:
            SpecMismatch: The agent and the task do not fit.
        """

        def run(some: Sequence[int]) -> list[EpisodeResult]:
            return rollouts(
                spec, env_id, kwargs, some, self.workers, folder, False,
                keep=keep, on_result=lambda result: self.bar.update(), **more,
            )  # fmt: skip

        first = run(seeds[:1])
        if first and first[0].status == "error":
            said = first[0].error.strip().rpartition("\n")[2]
            if any(name in said.partition(":")[0] for name in _HOPELESS):
                raise SpecMismatch(said.partition(": ")[2] or said)
        results = run(seeds) if len(seeds) > 1 else first
        self.broken += [result.error for result in results if result.status == "error"]
        return results

    def interactions(self, env_id: str) -> int:
        """Episodes of a round."""
        return self.config.interactions_of(robotwin(env_id))

    def chain_targets(self, env_id: str) -> tuple[str, ...]:
        """See `labels.chain_of`."""
        return chain_of(env_id)

    def env(self, render_every: int) -> dict[str, Any]:
        """How every episode is run, as arguments of the environment."""
        config = self.config
        return {
            "success_hold": max(config.hold, config.settle),
            "max_steps": config.max_steps,
            "render_every": render_every,
            "layout_spread_m": config.layout_spread_m or None,
        }

    @contextmanager
    def noting(
        self, labels: str | Sequence[str], env_id: str, repeat: int = 0, what: str = "trials"
    ) -> Iterator[None]:
        """Note as a gap why the block could not be done, or that it was."""
        reason = ""
        try:
            yield
        except (MoselError, FileNotFoundError) as error:
            if type(error) is MoselError or isinstance(error, BudgetReached):
                raise
            reason = str(error)
        for label in [labels] if isinstance(labels, str) else labels:
            self.store.notes.put(reason, label, env_id, repeat, what)

    @contextmanager
    def unit(self, text: str, amount: int) -> Iterator[None]:
        """Count the block as `amount` episodes, however many of them were run."""
        self.bar.set_description(text.replace("MOSEL-", ""))
        before = self.bar.n
        try:
            yield
        finally:
            self.bar.update(before + amount - self.bar.n)

    def forget(self, env_ids: Sequence[str]) -> None:
        """Remove what earlier runs made of some tasks.

        Raises:
            MoselError: A folder was not made by this command.
        """
        folders = [self.out / env_id for env_id in env_ids]
        for folder in folders:
            if folder.exists() and any(folder.iterdir()) and not (folder / MARKER).exists():
                raise MoselError(
                    f"{folder} is no folder of this command, so --fresh leaves it alone."
                )
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
        self.store.forget(env_ids)

    def _spec(self, trial: Trial) -> Any:
        if targets_of(trial.label) is None:
            spec = self.roster.spec(trial.label, trial.env_id)
        else:
            spec = self.chain(trial.env_id, trial.repeat).spec(trial.label)
        return spec if trial.steps is None else SampledAgent(spec, trial.steps)

    def _information(self, label: str, source: str, env_id: str) -> str:
        """What an agent was given to learn from."""
        return information(label, source, self.interactions(env_id), self.config.analyzer)

    def _known_fingerprint(self, trial: Trial) -> str | None:
        """Of the agent, without making it; None = it has to be made to know."""
        if not targets_of(trial.label):
            return str(self._spec(trial).fingerprint())
        found = self.chain(trial.env_id, trial.repeat).known_fingerprint(trial.label)
        if found is None or trial.steps is None:
            return found
        return f"{found}, {trial.steps} sampling steps"


def _source(spec: Any) -> str:
    """Folder or name of an agent, without a kind in front."""
    from mosel_gym.agents.kinds import split_source

    inner = spec.agent if isinstance(spec, SampledAgent) else spec
    return str(split_source(inner.source)[1])
