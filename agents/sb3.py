"""Observations as stable-baselines3 hands them to `predict`."""

from __future__ import annotations

import numpy as np

from mosel_gym.errors import SpecMismatch
from mosel_gym.types import Observation


def single_observation(observation: Observation) -> tuple[Observation, bool]:
    """The observation of the one environment, and whether it came with a leading axis.

    Raises:
        SpecMismatch: It is a batch of several environments, or has no `proprio`.
    """
    if "proprio" not in observation:
        raise SpecMismatch(f"An observation needs `proprio`; got {sorted(observation)}.")
    if np.ndim(observation["proprio"]) != 2:
        return observation, False
    count = len(observation["proprio"])
    if count != 1:
        raise SpecMismatch(
            f"One agent drives one environment, but the observation is a batch of {count}. "
            "Use n_envs=1, and one agent for each process."
        )
    return {name: value[0] for name, value in observation.items()}, True
