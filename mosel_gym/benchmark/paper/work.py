"""What a table needs to be run: trials of which agents, and what else."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from mosel_gym.benchmark.paper.config import PaperConfig
from mosel_gym.benchmark.paper.figure import labels as fig_6_labels
from mosel_gym.benchmark.paper.labels import chain_of, steps_label, targets_of
from mosel_gym.benchmark.paper.other_tables import sampled_agent
from mosel_gym.benchmark.paper.success_tables import (
    POLICY,
    TABLE_1,
    TABLE_2,
    TABLE_4,
    TABLE_10,
    VIDEO,
)
from mosel_gym.registry import task_of

TRAINING_SHARE = 12
"""A training counts as so many episodes in the progress bar."""


@dataclass(frozen=True)
class Trial:
    """Trials of one cell."""

    label: str
    env_id: str
    repeat: int = 0
    disturbed: bool = False
    steps: int | None = None
    """Sampling steps of the video planner; None = the agent's own number."""

    @property
    def shown_label(self) -> str:
        """Of its rows."""
        return steps_label(self.label, self.steps)


@dataclass(frozen=True)
class Work:
    """Everything that one table needs, in the order of execution."""

    trials: tuple[Trial, ...] = ()
    interactions: tuple[str, ...] = ()
    """Tasks whose interactions of the policy round are needed, whatever is tried."""
    judged: tuple[str, ...] = ()
    """Tasks whose interactions other judges judge."""
    imagined: tuple[str, ...] = ()
    """Tasks on which both video planners imagine."""
    sampled: tuple[Trial, ...] = ()
    """Agents whose sampling is timed."""
    plans: tuple[str, ...] = ()
    """Tasks on which the expert carries out plans."""

    @property
    def env_ids(self) -> tuple[str, ...]:
        """All tasks."""
        parts = (self.interactions, self.judged, self.imagined, self.plans)
        found = [trial.env_id for trial in (*self.trials, *self.sampled)]
        return tuple(dict.fromkeys([*found, *(env_id for part in parts for env_id in part)]))

    def episodes(self, config: PaperConfig, known: Collection[str]) -> int:
        """What the progress bar counts up to, if nothing is done yet.

        Args:
            config: Sizes.
            known: Tasks for which there is an agent that can be improved.
        """
        total = config.trials * len(self.trials)
        total += config.trials * (config.refine_rounds + 1) * len(self.plans)
        rounds: set[tuple[str, int, int]] = set()
        for trial in self.trials:
            for at in range(len(targets_of(trial.label) or ())):
                rounds.add((trial.env_id, trial.repeat, at))
        for env_id in (*self.interactions, *self.judged, *self.imagined):
            rounds |= {(env_id, 0, 0), (env_id, 0, 1)}
        for env_id in [env_id for env_id, _, _ in rounds if env_id in known]:
            total += config.interactions_of(robotwin(env_id)) + 2 * TRAINING_SHARE
        return total


def work_of(name: str, env_ids: tuple[str, ...], config: PaperConfig) -> Work:
    """The work behind a table."""
    if name == "table3":
        spoken = tuple(env_id for env_id in env_ids if "language" in chain_of(env_id))
        return Work(
            imagined=tuple(env_id for env_id in env_ids if env_id not in spoken), plans=spoken
        )
    if name == "table7":
        return Work(_cells([POLICY], env_ids) + _cells([POLICY], env_ids, disturbed=True))
    if name == "table8":
        return Work(_cells([POLICY], env_ids), interactions=env_ids)
    if name == "table9":
        return Work(interactions=env_ids, judged=env_ids)
    if name == "table11":
        agent, task = sampled_agent(config.sampled_agent), env_ids[0]
        trials = tuple(Trial(agent, task, steps=steps) for steps in (*config.sampling_steps, None))
        return Work(trials, sampled=trials)
    if name == "fig6":
        found = [
            (label, env_id)
            for env_id in env_ids
            for label in dict.fromkeys((*fig_6_labels(env_id), *fig_6_labels(env_id, True)))
        ]
        return Work(tuple(Trial(label, env_id) for label, env_id in found))
    lines = {"table1": TABLE_1, "table2": TABLE_2, "table4": TABLE_4, "table10": TABLE_10}[name]
    wanted = [row.label for row in lines]
    if name != "table10":
        return Work(_cells(wanted, env_ids))
    return Work(
        tuple(
            trial
            for repeat in range(config.repeats)
            for trial in _cells(wanted, env_ids, repeat=repeat)
        )
    )


def robotwin(env_id: str) -> bool:
    """Whether a task is one of RoboTwin's."""
    return task_of(env_id).suite.startswith("robotwin")


def _cells(
    wanted: Iterable[str], env_ids: Iterable[str], repeat: int = 0, disturbed: bool = False
) -> tuple[Trial, ...]:
    wanted = list(wanted)
    return tuple(Trial(label, env_id, repeat, disturbed) for env_id in env_ids for label in wanted)


__all__ = ["TRAINING_SHARE", "VIDEO", "Trial", "Work", "robotwin", "work_of"]
