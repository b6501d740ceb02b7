"""The judges that ship, on episodes that are made here: what they were trained for, seen anew."""

from __future__ import annotations

from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest

from mosel_gym.agents.analysis.shipped import JUDGES, ShippedAnalyzer, judge_path
from mosel_gym.benchmark.modules import identity, make_analyzer
from mosel_gym.envs.base import LongHorizonEnv
from mosel_gym.envs.expert_episode import expert_episode
from mosel_gym.errors import SpecMismatch, UnknownId
from mosel_gym.models.judge import SubgoalJudge
from mosel_gym.registry import TASKS
from mosel_gym.types import Episode

LIBERO, ROBOTWIN = "MOSEL-LiberoLong-Task6", "MOSEL-RoboTwin-PushBlock"
CAMERAS = {
    LIBERO: ("agentview", "wrist"),
    ROBOTWIN: ("head_camera", "left_camera", "right_camera"),
}


@pytest.fixture(scope="module")
def episodes() -> dict[str, Episode]:
    """One by the expert for each suite, on a seed that no judge has seen."""
    found = {}
    for task, cameras in CAMERAS.items():
        env = gym.make(task, cameras=cameras, render_every=8, disable_env_checker=True).unwrapped
        assert isinstance(env, LongHorizonEnv)
        found[task] = expert_episode(env, None, 850_002)
        env.close()
    return found


@pytest.mark.parametrize("task", CAMERAS)
def test_a_success_is_seen_and_an_unfinished_one_too(
    task: str, episodes: dict[str, Episode]
) -> None:
    episode = episodes[task]
    assert episode.success
    analyzer = make_analyzer("pixel")
    assert isinstance(analyzer, ShippedAnalyzer)
    seen = analyzer.analyze(episode)
    assert seen.success, seen.rationale
    assert (seen.analyzer, seen.privileged) == ("pixel", False)
    half = episode.num_steps // 4  # within the first skill
    cut = replace(
        episode,
        observations={name: rows[: half + 1] for name, rows in episode.observations.items()},
        actions=episode.actions[:half],
        segments=(replace(episode.segments[0], stop=half),),
        fresh=np.ones(half + 1, bool),
        skill_done=None,
    )
    assert not analyzer.analyze(cut).success


def test_they_know_every_skill_of_their_tasks() -> None:
    for name, tasks in (
        ("libero", [task for task in TASKS.values() if task.suite == "libero-long"]),
        ("robotwin", [task for task in TASKS.values() if task.suite == "robotwin"]),
    ):
        judge = SubgoalJudge.load(judge_path(name))
        assert len(tasks) in (3, 10)
        missing = {s for task in tasks for s in task.skill_texts} - set(judge.config.skills)
        assert not missing


def test_what_they_cannot_judge_is_said(episodes: dict[str, Episode]) -> None:
    analyzer = ShippedAnalyzer()
    other = replace(episodes[LIBERO], provenance={"robot": "humanoid"})
    with pytest.raises(SpecMismatch, match="humanoid"):
        analyzer.analyze(other)
    blind = replace(
        episodes[ROBOTWIN],
        observations={
            k: v for k, v in episodes[ROBOTWIN].observations.items() if k != "left_camera"
        },
    )
    with pytest.raises(SpecMismatch, match="left_camera"):
        analyzer.analyze(blind)
    with pytest.raises(UnknownId, match="robotwin"):
        judge_path("humanoid")


def test_a_run_tells_judges_apart() -> None:
    assert set(JUDGES.values()) == {"libero", "robotwin"}
    assert len(identity("pixel").split()) == 3  # the word, and a digest for each
