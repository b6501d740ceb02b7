"""Our stepping against LIBERO's own, on the same pack and the same actions."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

from mosel_gym.envs.libero.env import LiberoEnv

TOLERANCE = 1e-6
STEPS = 50


@pytest.mark.parametrize("number", range(1, 11))
def test_fifty_random_steps_equal_stock_libero(number: int) -> None:
    from mosel_gym.envs.libero.scene import make_stock_env

    init_state_id = 3 * number
    env = gym.make(f"MOSEL-LiberoLong-Task{number}", cameras=()).unwrapped
    assert isinstance(env, LiberoEnv)
    scene = env.scene
    stock = make_stock_env(env._row, offscreen=False)
    stock.reset()
    layout = scene.stored_layout(init_state_id)
    # Stock draws its fixtures' poses anew on every reset; the comparison needs the same ones.
    for name, position, quat in zip(
        scene.fixture_names, layout.fixture_pos, layout.fixture_quat, strict=True
    ):
        body = stock.env.obj_body_id[name]
        stock.sim.model._model.body_pos[body] = position
        stock.sim.model._model.body_quat[body] = quat
    stock.set_init_state(scene.init_states[init_state_id])
    # Stock's first command uses the pose from before set_init_state: a stale read, not physics.
    stock.env.robots[0].controller.update(force=True)
    scene.apply(layout)
    # Stock's solver starts from what it last computed before the state was set.
    stock.sim.data._data.qacc_warmstart[:] = scene.data.qacc_warmstart

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
    stock.close()
    env.close()
