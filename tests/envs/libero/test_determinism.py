"""`reset(seed)` is a function of the seed, whatever happened before (two traps of stock LIBERO)."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest

ACTION = np.array([0.3, 0.3, -0.4, 0, 0, 0.2, 1], np.float32)
# Stove and cabinets, whose poses and joints are random per reset; a microwave with a bowl on it;
# a task without any fixture.
TASKS = ["LiberoLong-Task2", "LiberoLong-Task3", "LiberoLong-Task9", "Libero90-Task37"]
PLAIN = "LiberoLong-Task6"


def start(env: Any, seed: int, options: dict[str, Any] | None = None) -> np.ndarray:
    env.reset(seed=seed, options=options)
    env.step(ACTION)
    return np.concatenate([env.unwrapped.mujoco_state(), env.unwrapped.fixture_poses().ravel()])


@pytest.mark.parametrize("task", [*TASKS, PLAIN])
def test_any_order_any_number_of_resets_any_global_generator(task: str) -> None:
    env = gym.make(f"MOSEL-{task}", cameras=(), disable_env_checker=True)
    first = {seed: start(env, seed) for seed in (0, 1, 2)}
    for seed in range(20):
        env.reset(seed=100 + seed)
    env.reset(seed=4, options={"init_state_id": 5})
    np.random.seed(99)
    before = np.random.get_state()[1].copy()  # type: ignore[index, union-attr]
    for seed in (2, 0, 1):
        assert np.array_equal(start(env, seed), first[seed])
    assert np.array_equal(np.random.get_state()[1], before), "numpy's generator was touched"  # type: ignore[index]
    assert not np.array_equal(first[0], first[1])
    env.close()


def test_fixture_poses_are_part_of_the_seed_and_of_the_state() -> None:
    env: Any = gym.make("MOSEL-LiberoLong-Task3", cameras=(), disable_env_checker=True)
    env.reset(seed=0)
    poses = env.unwrapped.fixture_poses()
    state = env.unwrapped.get_state()
    env.reset(seed=1)
    assert not np.array_equal(env.unwrapped.fixture_poses(), poses)
    env.unwrapped.set_state(state)
    assert np.array_equal(env.unwrapped.fixture_poses(), poses)
    env.close()


@pytest.mark.parametrize("task", [*TASKS, "LiberoLong-Task5", "LiberoLong-Task10"])
def test_sampled_layouts_lie_where_the_stored_ones_lie(task: str) -> None:
    """A bowl that belongs on the microwave must not be sampled onto the plate."""
    env: Any = gym.make(f"MOSEL-{task}", cameras=(), disable_env_checker=True)

    def positions(seed: int, options: dict[str, Any] | None) -> np.ndarray:
        env.reset(seed=seed, options=options)
        scene = env.unwrapped.scene
        return np.array([scene.body_pose(name)[0] for name in scene.object_names])

    stored = np.array([positions(0, {"init_state_id": k}) for k in range(0, 50, 5)])
    sampled = np.array([positions(seed, None) for seed in range(8)])
    slack = 0.04
    assert (sampled > stored.min(0) - slack).all()
    assert (sampled < stored.max(0) + slack).all()
    env.close()
