"""The environment in LeRobot's form, without LeRobot: its observation, attributes and options."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from mosel_gym.errors import SimulationDiverged
from mosel_gym.integrations.lerobot_env import LerobotEnv, register_gym_ids
from mosel_gym.registry import TASKS

TASK = "MOSEL-LiberoLong-Task6"


@pytest.fixture(scope="module")
def env() -> Iterator[LerobotEnv]:
    register_gym_ids()
    made = gym.make(f"gym_mosel/{TASK}", camera_size=64, max_steps=3, protocol="lerobot")
    assert isinstance(made, LerobotEnv), "LeRobot reads attributes of what `make` returns"
    yield made
    made.close()


def test_every_id_is_there() -> None:
    register_gym_ids()
    register_gym_ids()
    assert {f"gym_mosel/{task}" for task in TASKS} <= set(gym.registry)


def test_observation_is_the_environments_own_turned(env: LerobotEnv) -> None:
    seen, info = env.reset(seed=4, options={"lerobot_new_rollout": True})
    assert env.observation_space.contains(seen)
    raw = env.inner._pictures["agentview"]  # "opengl" under this protocol
    np.testing.assert_array_equal(seen["pixels"]["image"], raw[::-1, ::-1])
    assert info["image_orientation"] == "rotated"
    assert info["is_success"] is False
    people = env.render()
    assert people is not None
    np.testing.assert_array_equal(people[:, ::-1], seen["pixels"]["image"])


def test_attributes(env: LerobotEnv) -> None:
    assert env.task == TASK
    assert env.task_description == TASKS[TASK].goal
    assert env._max_episode_steps == 3
    assert env.metadata["render_fps"] == 20


def test_it_ends_without_resetting_itself(env: LerobotEnv) -> None:
    env.reset(seed=4)
    ends = [env.step(np.zeros(7, np.float32)) for _ in range(5)]
    assert [end[3] for end in ends] == [False, False, True, True, True]
    assert all(end[4]["seed"] == 4 for end in ends)


def test_a_diverged_simulation_raises(env: LerobotEnv) -> None:
    env.reset(seed=4)
    env.inner._error = "The simulation diverged"
    with pytest.raises(SimulationDiverged, match="diverged"):
        env.step(np.zeros(7, np.float32))


def test_in_a_vector_as_lerobot_makes_it() -> None:
    def make() -> gym.Env[Any, Any]:
        return gym.make(f"gym_mosel/{TASK}", camera_size=64, max_steps=2)

    vector = SyncVectorEnv([make, make], autoreset_mode=AutoresetMode.SAME_STEP)
    vector.reset(seed=[1, 2])
    vector.step(np.zeros((2, 7), np.float32))
    seen, _, terminated, truncated, info = vector.step(np.zeros((2, 7), np.float32))
    assert truncated.all()
    assert not terminated.any()
    assert info["final_info"]["is_success"].tolist() == [False, False]
    assert seen["pixels"]["image2"].shape == (2, 64, 64, 3)
    assert vector.call("task_description") == (TASKS[TASK].goal,) * 2
    vector.close()
