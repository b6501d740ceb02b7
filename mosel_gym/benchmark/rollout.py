"""One episode: an agent meets an environment. Everything else in this folder calls this loop."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from mosel_gym.benchmark.model_calls import spent_since, stopped_by, told, usage_of
from mosel_gym.benchmark.results import EpisodeResult, JudgedSegment
from mosel_gym.data.windows import segment_truth
from mosel_gym.errors import ModelError, SimulationDiverged
from mosel_gym.types import Episode, Observation, Reflection, TaskPlan

OnStep = Callable[[int, Observation, Mapping[str, Any]], None]
"""Called with step number, observation and info after every step."""


@runtime_checkable
class Agent(Protocol):
    """What the loop needs of an agent."""

    def reset(
        self,
        task: str,
        skills: Sequence[str] | None = None,
        plan: TaskPlan | Sequence[str] | None = None,
        *,
        seed: int | None = None,
    ) -> None:
        """Begin an episode."""
        ...

    def act(
        self, observation: Observation, info: Mapping[str, Any] | None = None
    ) -> NDArray[np.float32]:
        """The next action."""
        ...


@runtime_checkable
class ReflectiveAgent(Protocol):
    """An agent that keeps its own trace and can say what went wrong."""

    @property
    def name(self) -> str:
        """Of its modules."""
        ...

    @property
    def episode(self) -> Episode:
        """The trace so far."""
        ...

    def finish(self, observation: Observation, info: Mapping[str, Any] | None = None) -> None:
        """Record what the last action led to."""
        ...

    def reflect(self, episode: Episode | None = None) -> Reflection:
        """What failed, which skill, and why."""
        ...


@runtime_checkable
class BoundAgent(Protocol):
    """PRIVILEGED: an agent that needs the environment itself, as the scripted expert does."""

    def bind(self, env: gym.Env[Any, Any]) -> None:
        """Take the environment that the next episode runs in; called before each `reset`.

        Raises:
            SpecMismatch: It is none that the agent can act in.
        """
        ...


@dataclass(frozen=True)
class EpisodeRun:
    """The result, and the trace behind it where the agent kept one."""

    result: EpisodeResult
    episode: Episode | None = None
    reflection: Reflection | None = None


def run_episode(
    env: gym.Env[Any, Any],
    agent: Agent,
    seed: int,
    plan: TaskPlan | Sequence[str] | None = None,
    options: dict[str, Any] | None = None,
    on_step: OnStep | None = None,
    *,
    hold: int = 10,
    stop_skill: str | None = None,
    reflect: bool = True,
) -> EpisodeRun:
    """Run one episode to its end, then let the agent reflect on it.

    Non-obvious behaviour:
        - An exception ends the episode with `status="error"`; Ctrl-C does not, it passes.
        - Where a foundation model gives no verdict after the episode was carried out, the episode
          still counts: `unjudged` says why nobody judged it. So does the episode of an agent that
          has no analyzer; that one is complete, the other is carried out again on the next run.
        - `stopped` says where a budget was reached or a key turned down, so that the caller can
          leave it at that.
        - For `held` to be known, make the environment with `success_hold=hold`. First hits are
          counted here, so they do not depend on it.

    Args:
        env: Observation and info as in `LongHorizonEnv`.
        agent: Any agent; one that keeps a trace also gets `finish` and `reflect`.
        seed: Of the environment, and of the agent's sampling noise.
        plan: Carry this out, in place of the agent's own plan.
        options: For `env.reset`.
        on_step: A subscriber.
        hold: Steps in a row for `held`.
        stop_skill: End the episode once this skill's predicate was held.
        reflect: Ask the agent to reflect.
    """
    clock = Clock()
    tally = Tally(hold)
    spent = usage_of(agent)
    try:
        with clock("reset"):
            if isinstance(agent, BoundAgent):
                agent.bind(env)
            observation, info = env.reset(seed=seed, options=options)
            agent.reset(info["task"], plan=plan, seed=seed)
        terminated = truncated = False
        while not (terminated or truncated):
            with clock("networks"):
                action = agent.act(observation, info)
            with clock.step():
                observation, _, terminated, truncated, info = env.step(action)
            tally.count(info)
            clock.drawn(info)
            if info.get("status") == "error":
                raise SimulationDiverged(info["error"])
            if on_step is not None:
                on_step(tally.steps, observation, info)
            if stop_skill is not None and tally.skill_is_held(stop_skill):
                break
        result = tally.result(seed)
        if not isinstance(agent, ReflectiveAgent):
            return EpisodeRun(replace(result, seconds=clock.parts()))
        agent.finish(observation, info)
        episode = agent.episode
        result, reflection = _with_names(result, agent, episode), None
        if reflect:
            try:
                with clock("judging"):
                    reflection = agent.reflect()
                result = with_reflection(result, episode, reflection)
                if (
                    not reflection.judged
                ):  # neither the video nor a refinement takes it for a verdict
                    reflection = None
            except ModelError as error:  # what was carried out is not lost for want of a verdict
                result = replace(
                    result, unjudged=told(error), unfinished=True, stopped=stopped_by(error)
                )
        result = replace(result, seconds=clock.parts(), models=spent_since(spent, agent))
        return EpisodeRun(result, episode, reflection)
    except Exception as error:  # whatever it was, the other seeds go on, and this one is no failure
        result = EpisodeResult(
            seed,
            "error",
            told(error) if isinstance(error, ModelError) else traceback.format_exc(),
            steps=tally.steps,
            seconds=clock.parts(),
            models=spent_since(spent, agent),
            stopped=stopped_by(error),
        )
        return EpisodeRun(result)


def _with_names(result: EpisodeResult, agent: ReflectiveAgent, episode: Episode) -> EpisodeResult:
    """Who planned, who acted and who judges, whatever comes of it."""
    from mosel_gym.agents.plan_check import counts_in  # loads networks: not for a demonstration

    plan = episode.plan
    return replace(
        result,
        agent=agent.name,
        planner=plan.planner if plan else "",
        plan=plan.skills if plan else (),
        reasoning=plan.reasoning if plan else "",
        imagined_plans=counts_in(episode.provenance),
        analyzer=getattr(getattr(agent, "analyzer", None), "name", ""),
        privileged_agent=bool(getattr(agent, "privileged", False)),
        hints=_hinted(agent, episode.task_id),
    )


def _hinted(agent: ReflectiveAgent, task_id: str) -> bool:
    parts = (getattr(agent, name, None) for name in ("task_planner", "analyzer"))
    hints = (getattr(part, "hints", None) for part in parts)
    return any(given is not None and bool(given.used(task_id)) for given in hints)


def with_reflection(
    result: EpisodeResult, episode: Episode, reflection: Reflection
) -> EpisodeResult:
    """Add the analyzer's words, each verdict beside the truth at `attempt_end`.

    Where an agent says that nobody judged, that is no verdict: `unjudged` says why.
    """
    if not reflection.judged:
        return replace(result, unjudged=reflection.rationale)
    return replace(
        result,
        analyzer=reflection.analyzer,
        privileged=reflection.privileged,
        judged_success=reflection.success,
        fault=reflection.fault,
        failed_skill=reflection.failed_skill,
        rationale=reflection.rationale,
        verdicts=beside_truth(episode, reflection),
    )


def beside_truth(episode: Episode, reflection: Reflection) -> tuple[JudgedSegment, ...]:
    """Each verdict beside the truth at `attempt_end`."""
    return tuple(
        JudgedSegment(
            skill=verdict.skill,
            segment=verdict.segment,
            judged=verdict.success,
            truth=segment_truth(episode, verdict.segment),
            confidence=verdict.confidence,
            reason=verdict.reason,
        )
        for verdict in reflection.verdicts
    )


_SETTING = ("robot", "protocol", "renderer", "assets")


class Tally:
    """Counts what `info` tells: sub-goals and skills, on one step and for several in a row."""

    def __init__(self, hold: int) -> None:
        """Begin with nothing counted."""
        self.hold = hold
        self.steps = 0
        self._success = False
        self._goal_run = self._goal_best = 0
        self._runs: dict[str, int] = {}
        self._best: dict[str, int] = {}
        self._subgoals: dict[str, bool] = {}
        self._setting: dict[str, str] = {}

    def count(self, info: Mapping[str, Any]) -> None:
        """Take in one step."""
        self.steps += 1
        self._success = self._success or bool(info.get("success", False))
        subgoals = info.get("subgoals") or {}
        self._subgoals = {text: bool(done) for text, done in subgoals.items()}
        self._setting = {name: str(info[name]) for name in _SETTING if info.get(name) is not None}
        reached = all(subgoals.values()) if subgoals else bool(info.get("success", False))
        self._goal_run = self._goal_run + 1 if reached else 0
        self._goal_best = max(self._goal_best, self._goal_run)
        for skill, done in (info.get("skill_done") or {}).items():
            self._runs[skill] = self._runs.get(skill, 0) + 1 if done else 0
            self._best[skill] = max(self._best.get(skill, 0), self._runs[skill])

    def skill_is_held(self, skill: str) -> bool:
        """Whether its predicate has held for `hold` steps up to now."""
        return self._runs.get(skill, 0) >= self.hold

    def result(self, seed: int) -> EpisodeResult:
        """What was counted."""
        held = self._goal_best >= self.hold
        # Ended by success, while the goal still held: nobody knows how long it would have.
        unknown = not held and self._success and self._goal_run > 0
        return EpisodeResult(
            seed=seed,
            success=self._goal_best > 0 or self._success,
            held=None if unknown else held,
            steps=self.steps,
            skills={skill: best > 0 for skill, best in self._best.items()},
            skills_held={skill: best >= self.hold for skill, best in self._best.items()},
            subgoals=self._subgoals,
            setting=self._setting,
        )


class Clock:
    """Wall time by part of the loop."""

    def __init__(self) -> None:
        """Start at zero."""
        self._seconds: dict[str, float] = {}
        self._steps: list[float] = []
        self._drawn: list[bool] = []

    @contextmanager
    def __call__(self, part: str) -> Iterator[None]:
        """Count the block's time towards `part`."""
        start_s = time.perf_counter()
        try:
            yield
        finally:
            self._seconds[part] = self._seconds.get(part, 0.0) + time.perf_counter() - start_s

    @contextmanager
    def step(self) -> Iterator[None]:
        """Count an environment step; `drawn` says afterwards whether it drew pictures."""
        start_s = time.perf_counter()
        yield
        self._steps.append(time.perf_counter() - start_s)

    def drawn(self, info: Mapping[str, Any]) -> None:
        """Tell whether the step just counted drew pictures."""
        self._drawn.append(int(info.get("image_age", 0)) == 0)

    def parts(self) -> dict[str, float]:
        """Seconds by part.

        An environment does not tell what its pictures cost. It is what the steps that drew took
        longer than the others; where all of them drew, "simulation" holds both.
        """
        parts = dict(self._seconds)
        drawn = np.array(self._drawn, bool)
        steps = np.array(self._steps[: len(drawn)])
        total = float(np.sum(self._steps))
        pictures = 0.0
        if drawn.any() and not drawn.all():
            pictures = float(np.maximum(steps[drawn] - np.median(steps[~drawn]), 0.0).sum())
        return parts | {"simulation": total - pictures, "pictures": pictures}
