"""Our stepping against LIBERO's own, on the same pack and the same actions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from mosel_gym.envs.libero.env import LiberoEnv

TOLERANCE = 1e-6
STEPS = 50
IDS = [f"MOSEL-LiberoLong-Task{number}" for number in range(1, 11)]


@pytest.fixture(scope="module", params=IDS)
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[LiberoEnv, Any]]:
    from mosel_gym.envs.libero.scene import make_stock_env

    env = gym.make(request.param, cameras=()).unwrapped
    assert isinstance(env, LiberoEnv)
    stock = make_stock_env(env._row, offscreen=False)
    yield env, stock
    stock.close()
    env.close()


def start_both(env: LiberoEnv, stock: Any, init_state_id: int) -> None:
    """Bring both into the same stored state, with the fixtures in the same places."""
    stock.reset()  # a stored state alone would leave the last episode's orientation goal
    scene = env.scene
    scene.apply(scene.stored_layout(init_state_id))
    model = stock.sim.model._model
    # Stock solves for the contacts three times a substep and we once, each from another start;
    # where the solver stops by itself, the two would differ by its tolerance.
    scene.model.opt.tolerance = model.opt.tolerance = 1e-15
    for name in scene.fixture_names:  # not part of a stored state; a stock reset draws them anew
        body = stock.env.obj_body_id[name]
        model.body_pos[body] = scene.model.body(f"{name}_main").pos
        model.body_quat[body] = scene.model.body(f"{name}_main").quat
    stock.set_init_state(scene.init_states[init_state_id])
    # Stock's first command uses the pose from before set_init_state: a stale read, not physics.
    stock.env.robots[0].controller.update(force=True)


@pytest.mark.parametrize("init_state_id", [0, 7])
def test_fifty_random_steps_equal_stock_libero(
    pair: tuple[LiberoEnv, Any], init_state_id: int
) -> None:
    env, stock = pair
    start_both(env, stock, init_state_id)
    scene = env.scene
    rng = np.random.default_rng(init_state_id)
    for step in range(STEPS):
        action = rng.uniform(-1.0, 1.0, 7)
        if step % 10 < 5:
            action[3:6] = 0.0  # the branch that keeps the last orientation goal
        stock.step(action)
        scene.dynamics.step(action)
        difference = np.abs(stock.sim.data._data.qpos - scene.data.qpos).max()
        assert difference < TOLERANCE, f"step {step}: qpos differs by {difference:.1e}"
    assert np.abs(scene.data.qpos[:7] - scene.init_states[init_state_id][1:8]).max() > 0.01
