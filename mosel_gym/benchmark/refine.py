"""The same seed again with another plan: language refinement at work (section 3.1).

No weights are touched. Each seed stands for itself: the plan, the history and the round that the
agent came with are put back afterwards, so that no seed profits from another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

import gymnasium as gym

from mosel_gym.benchmark.model_calls import spent_since, stopped_by, told, usage_of
from mosel_gym.benchmark.results import EpisodeResult, add_up
from mosel_gym.benchmark.rollout import Agent, EpisodeRun, run_episode
from mosel_gym.errors import InvalidPlan, ModelError, SpecMismatch
from mosel_gym.types import Episode, ImproveReport, Reflection, Target, TaskPlan

MAX_ROUNDS = 3
"""The paper refines a plan at most so many times."""
_REMEMBERED = ("plans", "history", "refined", "rounds")
"""What `improve(target="language")` changes of an agent."""
Record = Callable[[EpisodeRun, int], EpisodeResult]
"""Writes the files of an attempt, given the number of refinements before it."""


@runtime_checkable
class RefinableAgent(Agent, Protocol):
    """An agent whose plan can be written anew from what its analyzer said."""

    plans: dict[str, TaskPlan]
    """Goal text -> the plan that refinement arrived at; the next `reset` starts from it."""
    history: dict[str, list[tuple[TaskPlan, str]]]
    rounds: int

    def improve(
        self, buffer: Sequence[tuple[Episode, Reflection]] | None = None, target: Target = "auto"
    ) -> ImproveReport:
        """Refine one module from reflected episodes."""
        ...


def check_rounds(rounds: int) -> None:
    """Insist on a number of further plans that is allowed.

    Raises:
        SpecMismatch: It is outside 0..3.
    """
    if not 0 <= rounds <= MAX_ROUNDS:
        raise SpecMismatch(
            f"--refine-rounds is {rounds}; 0..{MAX_ROUNDS} further plans for a seed are allowed."
        )


def refinable(agent: Agent) -> RefinableAgent:
    """The same agent, if its plan can be refined.

    Raises:
        SpecMismatch: It cannot.
    """
    if not isinstance(agent, RefinableAgent):
        raise SpecMismatch(
            f"The plan of a {type(agent).__name__} cannot be refined: it has no "
            '`improve(target="language")`. Set refine_rounds to 0.'
        )
    return agent


def refined_attempts(
    env: gym.Env[Any, Any],
    agent: RefinableAgent,
    seed: int,
    plan: Sequence[str] | None,
    options: dict[str, Any] | None,
    *,
    rounds: int,
    record: Record,
    hold: int = 10,
) -> EpisodeResult:
    """Run an episode; while it is judged a failure, let the planner think again and run it again.

    The analyzer's word decides, not the simulator's: what it takes for a success is left at that.

    Args:
        env: See `run_episode`.
        agent: See `run_episode`; it acts too.
        seed: The same for all attempts.
        plan: For the first attempt; None = the agent's own plan.
        options: For `env.reset`.
        rounds: Further plans at most.
        record: Called with every attempt.
        hold: Steps in a row for `held`.

    Returns:
        The last attempt that was carried out, with those before it in `earlier`.
    """
    with _put_back(agent):
        run = run_episode(env, agent, seed, plan, options, hold=hold)
        result = record(run, 0)
        while result.refinement < rounds and _judged_failed(run):
            assert run.episode is not None
            assert run.reflection is not None
            spent = usage_of(agent)
            try:
                agent.improve([(run.episode, run.reflection)], "language")
            except InvalidPlan as error:
                result = replace(result, refinement_ended=str(error))
                return _with_cost(result, spent_since(spent, agent))
            except ModelError as error:
                result = replace(
                    result,
                    refinement_ended=told(error),
                    unfinished=True,
                    stopped=stopped_by(error),
                )
                return _with_cost(result, spent_since(spent, agent))
            planning = spent_since(spent, agent)
            number = result.refinement + 1
            run = run_episode(env, agent, seed, None, options, hold=hold)
            attempt = _with_cost(record(run, number), planning)
            if attempt.status == "error":  # the attempts before it were carried out, and count
                result = replace(
                    result,
                    refinement_ended=f"The next attempt broke: {attempt.error}",
                    unfinished=True,
                    stopped=attempt.stopped,
                )
                return _with_cost(result, attempt.models)
            earlier = (*result.earlier, replace(result, earlier=()))
            result = replace(attempt, refinement=number, earlier=earlier)
    return result


def _judged_failed(run: EpisodeRun) -> bool:
    return run.reflection is not None and not run.reflection.success


def _with_cost(result: EpisodeResult, models: dict[str, float]) -> EpisodeResult:
    return replace(result, models=add_up((result.models, models)))


@contextmanager
def _put_back(agent: RefinableAgent) -> Iterator[None]:
    before = {name: copy(getattr(agent, name)) for name in _REMEMBERED if hasattr(agent, name)}
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(agent, name, value)
