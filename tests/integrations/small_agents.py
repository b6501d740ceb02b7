"""A shipped-size interface with small networks, and a record of what an environment was given."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray


class Recorded(gym.Wrapper[Any, Any, Any, Any]):
    """Keeps every action and observation."""

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        super().__init__(env)
        self.actions: list[NDArray[Any]] = []
        self.observations: list[Any] = []
        self.infos: list[dict[str, Any]] = []

    def reset(self, **keywords: Any) -> Any:
        observation, info = self.env.reset(**keywords)
        self.observations.append(observation)
        return observation, info

    def step(self, action: Any) -> Any:
        self.actions.append(np.array(action))
        told = self.env.step(action)
        self.observations.append(told[0])
        self.infos.append(told[4])
        return told
