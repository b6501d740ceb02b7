"""Gymnasium's own vector environments, with pictures, in processes that are spawned."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import mosel_gym  # noqa: F401  # registers the ids

ID = "MOSEL-Libero90-Task20"
ACTION = np.array([0.5, -0.2, -0.4, 0, 0, 0.3, 1], np.float32)


@pytest.mark.parametrize(
    ("mode", "vector"),
    [("sync", {}), ("async", {"context": "spawn"}), ("async", {"context": "forkserver"})],
)
def test_pictures_and_states_are_those_of_single_environments(
    mode: str, vector: dict[str, Any]
) -> None:
    seeds = [5, 6]
    envs = gym.make_vec(
        ID, num_envs=2, vectorization_mode=mode, vector_kwargs=vector, camera_size=32
    )
    first, info = envs.reset(seed=seeds)  # type: ignore[arg-type]
    assert info["seed"].tolist() == seeds
    for _ in range(3):
        last, *_ = envs.step(np.stack([ACTION, ACTION]))
    envs.close()
    single = gym.make(ID, camera_size=32, disable_env_checker=True)
    for index, seed in enumerate(seeds):
        observation, _ = single.reset(seed=seed)
        for name, value in observation.items():
            assert np.array_equal(value, first[name][index]), name
        for _ in range(3):
            observation, *_ = single.step(ACTION)
        for name, value in observation.items():
            assert np.array_equal(value, last[name][index]), name
    single.close()
