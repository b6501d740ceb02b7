"""Attempts at a seed with refined plans, and the scripted expert as an agent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import permutations
from pathlib import Path
from typing import Any

import gymnasium as gym
import pytest

import mosel_gym  # noqa: F401  # registers the ids
from mosel_gym.agents import OfflinePlanner, PrivilegedAnalyzer
from mosel_gym.benchmark.expert_agent import ExpertAgent
from mosel_gym.benchmark.refine import refinable, refined_attempts
from mosel_gym.benchmark.results import EpisodeResult
from mosel_gym.benchmark.rollout import EpisodeRun, run_episode
from mosel_gym.data.buffer import ReflectionBuffer
from mosel_gym.errors import BudgetReached, InvalidPlan, MoselError, SpecMismatch
from mosel_gym.types import Observation, Task, TaskPlan
from tests.benchmark.rehearsed import NAIVE, SOUND
from tests.benchmark.tiny import ENV_ID, Walker


@pytest.fixture(scope="module")
def sweep() -> Iterator[gym.Env[Any, Any]]:
    env = gym.make("MOSEL-RoboTwin-SweepBlock", renderer="none", max_steps=400)
    yield env
    env.close()


@pytest.fixture(scope="module")
def short() -> Iterator[gym.Env[Any, Any]]:
    """Time runs out after the first skill."""
    env = gym.make("MOSEL-RoboTwin-SweepBlock", renderer="none", max_steps=50)
    yield env
    env.close()


def expert(planner: Any = None, **more: Any) -> ExpertAgent:
    return ExpertAgent(planner or OfflinePlanner(), PrivilegedAnalyzer(), **more)


def attempt(env: Any, agent: ExpertAgent, rounds: int, **more: Any) -> EpisodeResult:
    def record(run: EpisodeRun, number: int) -> EpisodeResult:
        seen.append(number)
        return run.result

    seen: list[int] = []
    result = refined_attempts(env, agent, 1, None, None, rounds=rounds, record=record, **more)
    assert seen == list(range(len(seen)))
    return result


class Fails(OfflinePlanner):
    """Plans once; asked again, it raises."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def plan(
        self,
        task: Task,
        observation: Observation | None = None,
        history: Sequence[tuple[TaskPlan, str]] = (),
    ) -> TaskPlan:
        if history:
            raise self.error
        return super().plan(task, observation, history)


def test_the_handover_is_found_offline_and_the_agent_is_left_as_it_was(sweep: Any) -> None:
    agent = expert()
    result = attempt(sweep, agent, 2)
    assert (result.success, result.refinement, result.plan) == (True, 1, SOUND)
    assert (result.earlier[0].success, result.earlier[0].plan) == (False, NAIVE)
    assert result.agent == "expert(privileged; offline, privileged)"
    assert result.privileged_agent
    assert result.after(0) == result.earlier[0]
    assert result.after(3) is result
    assert (agent.plans, agent.history, agent.rounds) == ({}, {}, 0)


def test_a_planner_without_another_plan_ends_it(short: Any) -> None:
    result = attempt(short, expert(Fails(InvalidPlan("nothing left"))), 3)
    assert (result.refinement, result.refinement_ended) == (0, "nothing left")
    assert not result.unfinished


def test_a_budget_ends_it_for_now(short: Any) -> None:
    result = attempt(short, expert(Fails(BudgetReached("spent"))), 3)
    assert (result.unfinished, result.stopped) == (True, "budget")
    assert result.judged_success is False


def test_results_with_attempts_are_stored(short: Any, tmp_path: Path) -> None:
    result = attempt(short, expert(), 1)
    assert EpisodeResult.read(result.write(tmp_path / "seed.json")) == result


def test_no_plan_brings_the_expert_down(sweep: Any) -> None:
    """Whatever the hands hold: what cannot be done is tried, and is not reached."""
    agent = expert()
    for plan in list(permutations(SOUND, 3))[::9]:
        run = run_episode(sweep, agent, 0, plan)
        assert run.result.status == "ok", run.result.error
        assert run.result.success is False
        assert run.episode is not None
        skills = [s for s in run.episode.segments if s.kind == "skill"]
        assert [segment.skill for segment in skills] == list(plan[: len(skills)])
        assert all(a.stop <= b.start for a, b in zip(skills, skills[1:], strict=False))


def test_the_expert_fills_a_buffer_and_improves_from_it(sweep: Any, tmp_path: Path) -> None:
    buffer = ReflectionBuffer(tmp_path)
    agent = expert(buffer=buffer)
    run = run_episode(sweep, agent, 1)
    assert run.reflection is agent.reflect()
    assert len(buffer) == 1
    report = agent.improve(buffer, "language")
    assert report.plan is not None
    assert (report.target, report.plan.skills) == ("language", SOUND)
    with pytest.raises(SpecMismatch, match="no networks"):
        agent.improve(buffer, "policy")


def test_what_the_expert_cannot_do_is_told() -> None:
    agent = expert()
    with pytest.raises(MoselError, match="bind"):
        agent.reset("reach five")
    with pytest.raises(SpecMismatch, match="mosel list"):
        agent.bind(gym.make(ENV_ID))
    with pytest.raises(SpecMismatch, match="Walker"):
        refinable(Walker())
