"""The seed alone decides: LIBERO's own resets depend on the global generator and on each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from mosel_gym.envs.libero.env import LiberoEnv

NUMBERS = (2, 3, 5, 6, 9, 10)
"""Long tasks with a cabinet, stove, caddy or microwave, which LIBERO moves on every reset, and
Task6, which has no fixture at all."""


@pytest.fixture(scope="module", params=NUMBERS)
def env(request: pytest.FixtureRequest) -> Iterator[LiberoEnv]:
    made = gym.make(f"MOSEL-LiberoLong-Task{request.param}", cameras=()).unwrapped
    assert isinstance(made, LiberoEnv)
    yield made
    made.close()


def start(env: LiberoEnv, seed: int | None = None, **options: Any) -> dict[str, Any]:
    env.reset(seed=seed, options=options or None)
    return env.get_state()


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(
        np.array_equal(one[key], other[key])
        if isinstance(one[key], np.ndarray)
        else one[key] == other[key]
        for key in one
    )


def test_thirty_other_resets_between_change_nothing(env: LiberoEnv) -> None:
    # Some of LIBERO's samplers are appended to a list on every reset of its own, and draw again.
    first, second = start(env, 21), start(env, 22)
    for seed in range(100, 130):
        env.scene.apply(env.scene.sample_layout(np.random.default_rng(seed)))
    start(env, 3)
    assert same(start(env, 22), second), "in the other order"
    assert same(start(env, 21), first)
    assert not np.array_equal(first["simulator"], second["simulator"])


def test_stored_states_between_change_nothing(env: LiberoEnv) -> None:
    first = start(env, 21)
    stored = start(env, 21, init_state_id=8)
    other = start(env, 22, init_state_id=8)
    env.step(np.ones(7, np.float32))
    assert same(start(env, 21), first)
    assert same(start(env, 21, init_state_id=8), stored)
    stored.pop("episode")
    other.pop("episode")
    assert same(stored, other), "a stored state brings its fixtures along, whatever the seed"


def test_the_global_generator_decides_nothing_and_is_left_alone(env: LiberoEnv) -> None:
    np.random.seed(1)
    first = start(env, 21)
    np.random.seed(2)
    before: Any = np.random.get_state()
    again = start(env, 21)
    for _ in range(3):
        env.step(np.full(7, 0.3, np.float32))
    start(env, 4, init_state_id=3)
    after: Any = np.random.get_state()
    assert same(first, again)
    assert np.array_equal(before[1], after[1])
    assert before[2:] == after[2:]


def test_resets_without_a_seed_follow_from_the_last_seed(env: LiberoEnv) -> None:
    def three() -> list[dict[str, Any]]:
        return [start(env, 7), start(env), start(env)]

    first, again = three(), three()
    assert all(same(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[1]["simulator"], first[2]["simulator"])


def test_fixtures_move_with_the_seed_and_come_back_with_the_state(env: LiberoEnv) -> None:
    first = start(env, 21)
    if env.task.id.endswith("Task6"):
        assert not env.scene.fixture_names
        assert first["fixture_pos"].shape == (0, 3)
        return
    second = start(env, 22)
    assert np.abs(first["fixture_pos"] - second["fixture_pos"]).max() > 1e-3
    names = env.scene.fixture_names
    moved = [env.scene.body_pose(name)[0] for name in names]
    env.set_state(first)
    back = [env.scene.body_pose(name)[0] for name in names]
    assert same(env.get_state(), first)
    assert np.abs(np.array(moved) - np.array(back)).max() > 1e-3, "poses in the world follow"
