"""One round of improvement, timed by stage at a small size, and what that means for the paper's."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import redirect_stderr
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from mosel_gym.benchmark.arms import ArmJob, improve_arm
from mosel_gym.benchmark.paper.chain import all_successes
from mosel_gym.benchmark.paper.config import ROLLOUTS
from mosel_gym.benchmark.recipe import Recipe
from mosel_gym.benchmark.rollout import run_episode
from mosel_gym.benchmark.specs import EnvSpec, PretrainedAgent
from mosel_gym.errors import MoselError, NotEnoughData
from mosel_gym.registry import task_of

Module = Literal["video", "policy"]
MODULES: tuple[Module, ...] = ("video", "policy")


@dataclass(frozen=True)
class RoundSize:
    """How large a round is."""

    interactions: int
    """Episodes that are learned from."""
    steps: dict[str, int]
    """Gradient steps of each module."""
    check: int
    """Episodes after it that the analyzer judges, to see whether the round made things worse."""


@dataclass(frozen=True)
class RoundSpeed:
    """Seconds of the stages of a round that was run."""

    size: RoundSize
    rollouts_s: float
    judging_s: float
    """Judging the interactions and storing them."""
    training_s: dict[str, float]
    """The gradient steps of each module."""
    loading_s: dict[str, float]
    """Reading the interactions, preparing batches, and writing the agent."""
    check_s: float
    note: str = ""

    @property
    def stages_s(self) -> dict[str, float]:
        """Rollouts, judging, training of each module, check."""
        return self.extrapolated(self.size)

    def extrapolated(self, size: RoundSize) -> dict[str, float]:
        """The same stages at another size, by `FORMULA`."""
        each = size.interactions / self.size.interactions
        found = {"rollouts": self.rollouts_s * each, "judging": self.judging_s * each}
        for name, steps in size.steps.items():
            step_s = self.training_s[name] / self.size.steps[name]
            found[f"training, {name}"] = step_s * steps + self.loading_s[name] * each
        return found | {"check": self.check_s / self.size.check * size.check}


FORMULA = (
    "rollouts and judging: seconds an interaction x interactions; training: seconds a gradient "
    "step x gradient steps + loading x interactions; check: seconds an episode x episodes"
)


def timed_round(source: str, env: EnvSpec, size: RoundSize, folder: Path) -> RoundSpeed:
    """Carry out a round in this process, one stage after the other.

    Where no skill is judged successful, every one counts as a success, so that there is something
    to time; `note` says so. Nothing of it is kept but in `folder`.

    Args:
        source: Name or folder of a MOSEL agent.
        env: The task, as interactions are run.
        size: How large.
        folder: For the interactions and the agents.

    Raises:
        MoselError: An interaction broke, or the agent cannot improve.
    """
    spec = PretrainedAgent(source, buffer=str(folder / "buffer"))
    rollouts_s, judging_s = _episodes(spec, env, range(ROLLOUTS, ROLLOUTS + size.interactions))
    note, buffer = "", folder / "buffer"
    training: dict[str, float] = {}
    loading: dict[str, float] = {}
    refined = source
    for name in MODULES:
        job = ArmJob(
            base=refined,
            goal=task_of(env.id).goal,
            buffer=str(buffer),
            demos=None,
            out=str(folder / name),
            target=name,
            steps=size.steps[name],
            recipe=Recipe(min_accepted=1),  # what it comes to is not the question here
        )
        try:
            took_s, report = _quietly(improve_arm, job)
        except NotEnoughData as error:
            note = f"every skill was taken as a success, for the time alone ({error})"
            buffer = all_successes(folder / "buffer", folder / "unidentified")
            took_s, report = _quietly(improve_arm, replace(job, buffer=str(buffer)))
        training[name], loading[name] = report.seconds, max(0.0, took_s - report.seconds)
        refined = str(folder / name)
    first = ROLLOUTS + size.interactions
    check_s = sum(_episodes(PretrainedAgent(refined), env, range(first, first + size.check)))
    return RoundSpeed(size, rollouts_s, judging_s, training, loading, check_s, note)


def _episodes(spec: PretrainedAgent, env_spec: EnvSpec, seeds: range) -> tuple[float, float]:
    """Seconds of acting and of judging; loading networks and scene belongs to neither."""
    agent, env = spec.build(), env_spec.make()
    acting = judging = 0.0
    try:
        env.reset(seed=seeds.start)
        for seed in seeds:
            result = run_episode(env, agent, seed).result
            if result.status == "error":
                raise MoselError(f"The interaction with seed {seed} broke: {result.error}")
            judging += result.seconds["judging"]
            acting += sum(result.seconds.values()) - result.seconds["judging"]
    finally:
        env.close()
    return acting, judging


def _quietly(arm: Callable[[ArmJob], Any], job: ArmJob) -> tuple[float, Any]:
    """Seconds of an arm and what it reports; its progress goes to `<out>.log`."""
    log = Path(f"{job.out}.log")
    start_s = time.perf_counter()
    with log.open("w", encoding="utf-8") as file, redirect_stderr(file):
        report = arm(job)
    return time.perf_counter() - start_s, report
