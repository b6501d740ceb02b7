"""Gymnasium's own tools around our environments: videos, vector environments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.wrappers import RecordVideo

import mosel_gym  # noqa: F401  # registers the environments
from mosel_gym.agents import MoselAgent
from mosel_gym.integrations.sb3 import AgentModel
from tests.integrations.small_agents import Recorded
from tests.videos import decode

TASK = "MOSEL-LiberoLong-Task6"


def test_record_video_is_upright(tmp_path: Path) -> None:
    inner = gym.make(TASK, render_mode="rgb_array", max_steps=5, cameras=("agentview",))
    env = RecordVideo(
        inner, str(tmp_path / "videos"), episode_trigger=lambda _: True, disable_logger=True
    )
    observation, _ = env.reset(seed=0)
    shown = [observation["agentview"]]
    for _ in range(5):
        observation, _, terminated, truncated, _ = env.step(
            np.array([0, 0, 0, 0, 0, 0, -1], np.float32)
        )
        shown.append(observation["agentview"])
    assert truncated
    env.close()
    height, width, _ = shown[0].shape
    frames = decode(next((tmp_path / "videos").glob("*.mp4")), (width, height))
    assert len(frames) == len(shown)
    last = frames[-1].astype(float)
    # What the video shows is what the agent sees, up to compression; no flip comes as near.
    error = np.abs(last - shown[-1]).mean()
    flips = [shown[-1][::-1], shown[-1][:, ::-1], shown[-1][::-1, ::-1], shown[-1][..., ::-1]]
    assert error < 6
    assert error < 0.5 * min(np.abs(last - flip).mean() for flip in flips)


@pytest.mark.parametrize("mode", ["sync", pytest.param("async", marks=pytest.mark.slow)])
def test_make_vec_gives_what_make_gives(mode: str) -> None:
    options: dict[str, Any] = {"max_steps": 6, "cameras": ("agentview",)}
    vector = {"context": "spawn"} if mode == "async" else {}
    vec = gym.make_vec(TASK, num_envs=1, vectorization_mode=mode, vector_kwargs=vector, **options)
    env = gym.make(TASK, **options)
    one, _ = env.reset(seed=3)
    many, info = vec.reset(seed=3)
    rng = np.random.default_rng(0)
    assert info["task"][0] == "put the white mug on the plate and put the chocolate pudding to " + (
        "the right of the plate"
    )
    for _ in range(6):
        action = rng.uniform(-1, 1, 7).astype(np.float32)
        one, *_ = env.step(action)
        many, _, _, truncated, _ = vec.step(action[None])
        for name, value in one.items():
            np.testing.assert_array_equal(many[name][0], value)
    assert truncated.all()
    env.close()
    vec.close()


@pytest.mark.slow  # test_sb3.py has an agent in a vector of one by default
def test_an_agent_drives_a_vector_of_one() -> None:
    agent = MoselAgent.from_pretrained("libero-long")
    vec = gym.make_vec(TASK, num_envs=1, vectorization_mode="sync", max_steps=8)
    env = Recorded(gym.make(TASK, max_steps=8))
    model = AgentModel(agent, TASK, seed=1)
    observation, _ = vec.reset(seed=1)
    alone, _ = env.reset(seed=1)
    start = np.ones(1, bool)
    actions = []
    for _ in range(8):
        action, _ = model.predict(observation, episode_start=start)
        observation, _, terminated, truncated, _ = vec.step(action)
        actions.append(action[0])
        start = np.zeros(1, bool)
    agent.reset(TASK_GOAL, seed=1)
    for wanted in actions:
        action = agent.act(alone)
        np.testing.assert_array_equal(action, wanted)
        alone, *_ = env.step(action)
    vec.close()
    env.close()


TASK_GOAL = "put the white mug on the plate and put the chocolate pudding to the right of the plate"
