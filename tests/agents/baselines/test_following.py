"""What each baseline imagines and follows, in the world of buttons."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from numpy.typing import NDArray

from mosel_gym.agents.analysis.pixel import PixelAnalyzer
from mosel_gym.agents.analysis.privileged import PrivilegedAnalyzer
from mosel_gym.agents.baselines import HipAgent, PalmEAgent, UniPiAgent
from mosel_gym.agents.config import ActingConfig, MoselConfig
from mosel_gym.agents.executor import ExecutorConfig
from mosel_gym.agents.plan_check import PlanCheckConfig
from mosel_gym.agents.planning.offline import OfflinePlanner
from mosel_gym.data.buffer import ReflectionBuffer
from mosel_gym.errors import InvalidPlan
from mosel_gym.types import (
    ActionChunk,
    Frame,
    Observation,
    SkillSegment,
    Target,
    VisualPlan,
)
from tests.agents import conftest as buttons

# So little moves in this world of dots that every plan would pass for frozen.
UNCHECKED = PlanCheckConfig(redraws=0)
FOLLOWS = ActingConfig(executor=ExecutorConfig(plan_check=UNCHECKED))


class TextPolicy:
    """Is shown no goal; moves to the button that it is told, and says how far it is."""

    name = "text"

    def __init__(self) -> None:
        self.told: list[str | None] = []

    def act(self, observation: Observation, goal: Frame | None, skill: str | None) -> ActionChunk:
        assert goal is None
        assert skill is not None
        self.told.append(skill)
        world = buttons.ButtonWorld()
        world.position = np.array(buttons.BUTTONS[buttons.colour_of(skill)])
        return buttons.ReachingPolicy().act(observation, world.draw(), skill)


class SilentPolicy(TextPolicy):
    """The same, and never says that it has arrived."""

    def act(self, observation: Observation, goal: Frame | None, skill: str | None) -> ActionChunk:
        return replace(super().act(observation, goal, skill), steps_to_goal=32.0)


class WholeImagination(buttons.StraightImagination):
    """Imagines red, then blue, in six frames."""

    def imagine(self, frame: Frame, skill: str) -> VisualPlan:
        first = super().imagine(frame, buttons.RED)
        then = super().imagine(first.frames[-1], buttons.BLUE)
        self.calls[-2:] = [skill]
        return VisualPlan(skill, np.concatenate([first.frames, then.frames]), self.name)


def imagined(segment: SkillSegment) -> tuple[int, ...]:
    assert segment.imagined is not None
    return segment.imagined.shape


def test_hip_follows_one_video_a_skill_and_asks_nobody() -> None:
    class Watcher(PixelAnalyzer):
        def reached(self, *arguments: Any) -> float:
            raise AssertionError("a baseline asks nobody while it acts")

    video, judge = buttons.StraightImagination(), Watcher(buttons.BrightnessJudge())
    agent = HipAgent(OfflinePlanner(), video, buttons.ReachingPolicy(), FOLLOWS, analyzer=judge)
    agent.reset(buttons.make_task())
    world = buttons.ButtonWorld()
    buttons.run_episode(agent, world)
    assert world.success
    assert video.calls == [buttons.RED, buttons.BLUE]
    assert imagined(agent.episode.segments[0]) == (3, 32, 32, 3)
    reflection = agent.reflect()
    assert reflection.judged
    assert reflection.success
    assert reflection.analyzer == "pixel"
    assert agent.reflect() is reflection
    assert agent.name == "hip(offline, straight, reaching)"


def test_hip_tries_no_skill_twice() -> None:
    """MOSEL's judge would see that red is dark, and send it there again."""
    video = buttons.StraightImagination()
    policy = buttons.ReachingPolicy(miss=3.0, misses_in=(buttons.RED,))
    executor = ExecutorConfig(skill_budget=200, retry="home", plan_check=UNCHECKED)
    config = MoselConfig(executor=executor)
    agent = HipAgent(OfflinePlanner(), video, policy, config)
    agent.reset(buttons.make_task())
    world = buttons.ButtonWorld()
    buttons.run_episode(agent, world, steps=200)
    skills = [s.skill for s in agent.episode.segments if s.kind == "skill"]
    assert skills == video.calls == [buttons.RED, buttons.BLUE]
    assert (world.lit["red"], world.lit["blue"]) == (False, True)
    assert type(agent.config) is ActingConfig


def test_palm_e_imagines_nothing_and_ends_a_skill_by_its_own_word() -> None:
    policy = TextPolicy()
    agent = PalmEAgent(OfflinePlanner(), policy)
    agent.reset(buttons.make_task())
    world = buttons.ButtonWorld()
    steps = buttons.run_episode(agent, world)
    assert world.success
    assert steps < 2 * agent.config.executor.skill_budget
    assert list(dict.fromkeys(policy.told)) == [buttons.RED, buttons.BLUE]
    assert all(segment.imagined is None for segment in agent.episode.segments)
    assert [s.kind for s in agent.episode.segments] == ["skill", "transition", "skill"]
    assert agent.name == "palm-e(offline, text)"


def test_without_its_own_word_a_skill_takes_its_budget() -> None:
    config = ActingConfig(executor=ExecutorConfig(skill_budget=50))
    agent = PalmEAgent(OfflinePlanner(), SilentPolicy(), config)
    agent.reset(buttons.make_task(), plan=[buttons.GREEN, buttons.BLUE])
    buttons.run_episode(agent, buttons.ButtonWorld(), steps=150)
    first, _, second = agent.episode.segments[:3]
    assert (first.skill, first.stop - first.start) == (buttons.GREEN, 50)
    assert second.stop - second.start == 50


def test_unipi_imagines_the_task_once_and_follows_it_to_the_end() -> None:
    video = WholeImagination()
    agent = UniPiAgent(video, buttons.ReachingPolicy(), FOLLOWS)
    agent.reset(buttons.make_task())
    world = buttons.ButtonWorld()
    buttons.run_episode(agent, world)
    assert world.success
    assert video.calls == [buttons.GOAL]
    (whole,) = agent.episode.segments
    assert (whole.skill, whole.start, whole.stop) == (buttons.GOAL, 0, world.time)
    assert imagined(whole) == (6, 32, 32, 3)
    plan = agent.episode.plan
    assert plan is not None
    assert (plan.skills, plan.planner) == ((buttons.GOAL,), "whole-goal")
    assert agent.name == "unipi(straight, reaching)"


def test_unipi_never_stops_following_the_last_frame() -> None:
    video = WholeImagination()
    policy = buttons.ReachingPolicy(miss=3.0, misses_in=(buttons.GOAL,))
    agent = UniPiAgent(video, policy, FOLLOWS)
    agent.reset(buttons.make_task())
    world = buttons.ButtonWorld()
    buttons.run_episode(agent, world, steps=400)
    (whole,) = agent.episode.segments
    assert (whole.start, whole.stop) == (0, 400)
    assert video.calls == [buttons.GOAL]


def test_unipi_has_no_other_plan_than_the_goal() -> None:
    agent = UniPiAgent(WholeImagination(), buttons.ReachingPolicy())
    with pytest.raises(InvalidPlan, match=r"only\s+plan is the goal"):
        agent.reset(buttons.make_task(), plan=[buttons.RED])
    agent.reset(buttons.make_task(), plan=[buttons.GOAL])
    agent.reset("a goal that no table knows")
    agent.act(buttons.ButtonWorld().observation())
    assert agent.plan is not None
    assert agent.plan.skills == ("a goal that no table knows",)


def test_who_judges_skills_cannot_judge_the_whole_goal() -> None:
    agent = UniPiAgent(WholeImagination(), buttons.ReachingPolicy(), analyzer=PrivilegedAnalyzer())
    agent.reset(buttons.make_task())
    buttons.run_episode(agent, buttons.ButtonWorld(), steps=60)
    reflection = agent.reflect()
    assert not reflection.judged
    assert "cannot judge the whole goal" in reflection.rationale
    assert buttons.GOAL in reflection.rationale


def test_nobody_judges_and_nothing_improves(tmp_path: Path) -> None:
    video = buttons.StraightImagination()
    buffer = ReflectionBuffer(tmp_path / "buffer")
    agent = HipAgent(OfflinePlanner(), video, buttons.ReachingPolicy(), buffer=buffer)
    agent.reset(buttons.make_task())
    buttons.run_episode(agent, buttons.ButtonWorld(conflict=True), steps=200)
    reflection = agent.reflect()
    assert not reflection.judged
    assert reflection.verdicts == ()
    assert "no video analyzer" in reflection.rationale
    assert len(buffer) == 0
    for target in get_args(Target):
        report = agent.improve(target=target)
        assert (report.target, report.steps, report.plan) == ("none", 0, None)
        assert "nothing was changed" in report.reason


def test_a_watching_analyzer_changes_nothing(tmp_path: Path) -> None:
    def actions(**watching: Any) -> tuple[HipAgent, NDArray[np.float32]]:
        video, policy = buttons.StraightImagination(), buttons.ReachingPolicy(miss=1.5)
        agent = HipAgent(OfflinePlanner(), video, policy, **watching)
        agent.reset(buttons.make_task())
        buttons.run_episode(agent, buttons.ButtonWorld(), steps=150)
        return agent, agent.episode.actions

    _, alone = actions()
    buffer = ReflectionBuffer(tmp_path / "buffer")
    watched, same = actions(analyzer=PrivilegedAnalyzer(), buffer=buffer)
    np.testing.assert_array_equal(alone, same)
    assert watched.reflect().privileged
    assert len(buffer) == 1
    assert "privileged" not in watched.name
