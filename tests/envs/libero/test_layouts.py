"""Where sampled layouts put things: where LIBERO's own stored states have them."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest


@pytest.mark.parametrize(
    "task", ["LiberoLong-Task2", "LiberoLong-Task5", "LiberoLong-Task10", "Libero90-Task37"]
)
def test_sampled_layouts_lie_where_the_stored_ones_lie(task: str) -> None:
    """A bowl that belongs on the microwave must not be sampled onto the plate."""
    env: Any = gym.make(f"MOSEL-{task}", cameras=(), disable_env_checker=True)

    def positions(seed: int, options: dict[str, Any] | None) -> np.ndarray:
        env.reset(seed=seed, options=options)
        scene = env.unwrapped.scene
        return np.array([scene.body_pose(name)[0] for name in scene.object_names])

    stored = np.array([positions(0, {"init_state_id": k}) for k in range(0, 50, 5)])
    sampled = np.array([positions(seed, None) for seed in range(8)])
    slack_m = 0.04
    assert (sampled > stored.min(0) - slack_m).all()
    assert (sampled < stored.max(0) + slack_m).all()
    env.close()
