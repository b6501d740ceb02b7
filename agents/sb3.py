"""The agent as a stable-baselines3 model: what `evaluate_policy` and its like call."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mosel_gym.errors import SpecMismatch
from mosel_gym.types import Observation


class Sb3Predict(ABC):
    """Adds `predict` to an agent that has `act`."""

    @abstractmethod
    def act(
        self, observation: Observation, info: Mapping[str, Any] | None = None
    ) -> NDArray[np.float32]:
        """The next action."""

    @abstractmethod
    def restart(self) -> None:
        """Begin the next episode of the same task."""

    def predict(
        self,
        observation: Observation,
        state: Any = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = True,
    ) -> tuple[NDArray[np.float32], Any]:
        """`act` in the form of stable-baselines3.

        Args:
            observation: Of one environment, with or without a leading axis of 1.
            state: Handed back unchanged.
            episode_start: Where true, the trace begins anew with the arguments of the last `reset`.
            deterministic: Not used; the agent's noise is seeded.

        Returns:
            The action, with a leading axis if the observation had one, and `state`.

        Raises:
            SpecMismatch: More than one environment.
        """
        row, batched = _single(observation)
        if episode_start is not None and np.any(episode_start):
            self.restart()
        action = self.act(row)
        return (action[None] if batched else action), state


def _single(observation: Observation) -> tuple[Observation, bool]:
    if np.ndim(observation.get("proprio", 0.0)) != 2:
        return observation, False
    count = len(observation["proprio"])
    if count != 1:
        raise SpecMismatch(
            f"One agent drives one environment, but the observation is a batch of {count}. "
            "Use n_envs=1, and one agent for each process."
        )
    return {name: value[0] for name, value in observation.items()}, True
