"""Every registered id keeps the contract: spaces, seeds, processes, pickles, states, closing."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import subprocess
import sys
import warnings
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from mosel_gym.registry import TASKS

ACTION = np.array([0.4, -0.3, -0.5, 0.0, 0.1, 0.4, 1.0], np.float32)
STEPS = 4
LONG = [task.id for task in TASKS.values() if task.suite == "libero-long"]


def digest(env: Any, seed: int) -> str:
    """Of everything that an episode's beginning shows; closes the environment."""
    observation, info = env.reset(seed=seed)
    said = hashlib.sha256(observation["proprio"].tobytes())
    for _ in range(STEPS):
        observation, *_, info = env.step(ACTION)
    said.update(observation["proprio"].tobytes())
    said.update(env.unwrapped.mujoco_state().tobytes())
    said.update(env.unwrapped.fixture_poses().tobytes())
    said.update(json.dumps(info, sort_keys=True, default=str).encode())
    env.close()
    return said.hexdigest()


def blind(env_id: str) -> Any:
    return gym.make(env_id, cameras=(), disable_env_checker=True)


def main() -> None:
    """In another process, with another hash seed and another state of the global generator."""
    np.random.seed(12345)
    print(json.dumps({env_id: digest(blind(env_id), seed=11) for env_id in reversed(TASKS)}))


@pytest.fixture(scope="module")
def elsewhere() -> dict[str, str]:
    code = "from tests.envs.test_conformance import main; main()"
    environment = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": os.getcwd()}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("env_id", TASKS)
def test_every_id(env_id: str, elsewhere: dict[str, str]) -> None:
    env = blind(env_id)
    first, info = env.reset(seed=3)
    assert env.observation_space.contains(first)
    assert info["task"] == TASKS[env_id].goal
    assert info["success"] is False, "the task must not be solved at the start"
    assert set(info["skill_done"]) == set(TASKS[env_id].skill_texts)
    assert info["subgoals"]
    state = env.unwrapped.get_state()
    ends = []
    for _ in range(2):
        env.unwrapped.set_state(state)
        for _ in range(STEPS):
            observation, reward, terminated, truncated, info = env.step(ACTION)
        assert env.observation_space.contains(observation)
        assert (reward, terminated, truncated) == (0.0, False, False)
        ends.append(env.unwrapped.mujoco_state())
    assert np.array_equal(*ends), "the same actions from a restored state"
    copy = pickle.loads(pickle.dumps(env))
    env.close()
    env.close()
    assert digest(copy, seed=11) == elsewhere[env_id], "another process gives another episode"


@pytest.mark.parametrize("env_id", [*LONG, "MOSEL-Libero90-Task1", "MOSEL-Libero90-Task90"])
def test_check_env_passes_without_a_warning_and_pictures_repeat(env_id: str) -> None:
    env = gym.make(env_id, camera_size=64, disable_env_checker=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped, skip_render_check=True, skip_close_check=True)
    first, _ = env.reset(seed=5)
    env.reset(seed=6)
    again, _ = env.reset(seed=5)
    for camera in ("agentview", "wrist"):
        assert first[camera].std() > 5, "a black or empty picture"
        assert np.array_equal(first[camera], again[camera])
    env.close()
