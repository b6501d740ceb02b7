"""The four kinds of goals, and that the expert's pictures are those of the seed and skill."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mosel_gym.agents.base import InverseDynamics, VideoPlanner
from mosel_gym.agents.executor import ExecutorConfig, SkillExecutor
from mosel_gym.benchmark.metrics import rate
from mosel_gym.benchmark.reliance import (
    BlindToGoals,
    ExpertPictures,
    GoalAgent,
    RelianceConfig,
    RelianceRow,
    _Job,
    _record_one,
    goal_reliance,
    picture_file,
    total,
)
from mosel_gym.benchmark.specs import EnvSpec
from mosel_gym.benchmark.tables import reliance_table
from mosel_gym.envs.expert_episode import _still
from mosel_gym.errors import DamagedFile
from mosel_gym.types import ActionChunk, Frame, Observation

FRAME = np.zeros((8, 8, 3), np.uint8)


class Follower:
    """Remembers the goal that it was shown."""

    name = "follower"

    def reset(self, seed: int) -> None:
        self.seed = seed

    def act(self, observation: Observation, goal: Frame | None, skill: str | None) -> ActionChunk:
        self.goal = goal
        return ActionChunk(np.zeros((4, 7), np.float32), 2.0)


def test_no_goal_reaches_the_policy_and_none_is_ever_near() -> None:
    inner = Follower()
    blind = BlindToGoals(inner)
    assert isinstance(blind, InverseDynamics)
    blind.reset(3)
    chunk = blind.act({}, FRAME, "push")
    assert inner.goal is None
    assert inner.seed == 3
    assert chunk.steps_to_goal == float("inf")


def test_further_tries_without_a_goal_are_drawn_as_with_one() -> None:
    class Sampled(Follower):
        scale: float | None = None

        def sample_at(self, temperature: float | None) -> None:
            self.scale = temperature

    inner = Sampled()
    again = ExecutorConfig(retry_temperature=1.5)
    executor = SkillExecutor(ExpertPictures(Path(), {}), BlindToGoals(inner), config=again)
    executor.start("", {}, again=True)
    assert inner.scale == 1.5
    BlindToGoals(Follower()).sample_at(1.5)  # it draws nothing, and nothing changes


def test_expert_pictures_are_those_of_seed_and_skill(tmp_path: Path) -> None:
    for seed in (1, 2):
        for skill, value in (("lift it", 10), ("drop it", 20)):
            np.save(
                picture_file(tmp_path, seed, skill), np.full((7, 8, 8, 3), value + seed, np.uint8)
            )
    honest, wrong = ExpertPictures(tmp_path, {}), ExpertPictures(tmp_path, {"lift it": "drop it"})
    assert isinstance(honest, VideoPlanner)
    for planner in (honest, wrong):
        planner.reset(2)
    assert honest.imagine(FRAME, "lift it").frames[0, 0, 0, 0] == 12
    plan = wrong.imagine(FRAME, "lift it")
    assert plan.frames[0, 0, 0, 0] == 22
    assert plan.skill == "lift it"  # the agent still means to lift it
    wrong.reset(9)
    with pytest.raises(DamagedFile, match="seed-000009-drop-it"):
        wrong.imagine(FRAME, "lift it")


def test_modes_swap_one_part_of_a_real_agent(untrained: Path) -> None:
    names = {}
    for mode in ("none", "wrong", "oracle", "generated"):
        agent = GoalAgent(str(untrained), mode, "expert", (("a", "b"),)).build()
        names[mode] = agent.name  # type: ignore[attr-defined]
    assert len(set(names.values())) == 4
    assert "no goal" in names["none"]
    assert "expert-pictures(wrong)" in names["wrong"]


def test_rows_add_up() -> None:
    rows = [
        RelianceRow("wrong", "a", rate(1, 20), rate(0, 20), 0),
        RelianceRow("wrong", "b", rate(2, 20), rate(2, 20), 0),
        RelianceRow("oracle", "a", rate(19, 20), rate(18, 20), 0),
        RelianceRow("oracle", "b", rate(20, 20), rate(20, 20), 0),
    ]
    assert (total(rows, "wrong").successes, total(rows, "wrong").trials) == (2, 40)
    assert "38/40" in reliance_table(rows)


@pytest.mark.slow
def test_measured_with_the_simulator(untrained: Path, tmp_path: Path) -> None:
    config = RelianceConfig(episodes=1, max_steps=20)
    rows = goal_reliance(str(untrained), config, tmp_path, 1, progress=False)
    assert len(rows) == 8
    assert all(row.errors == 0 and row.held.trials == 1 for row in rows)
    assert {row.task for row in rows} == {"MOSEL-LiberoLong-Task6"}


@pytest.mark.slow
def test_pictures_of_an_expert_that_fails_are_no_goal(tmp_path: Path) -> None:
    skill = "put the white mug on the plate"
    job = _Job(EnvSpec("MOSEL-LiberoLong-Task6"), skill, 0, 7, tmp_path / "done.npy")
    _record_one(job)
    assert len(np.load(job.path)) == 7
    failed = replace(job, path=tmp_path / "failed.npy")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mosel_gym.envs.expert_episode.skill_actions", lambda env, *_: _still(env))
        _record_one(failed)
    assert len(np.load(failed.path)) == 0
