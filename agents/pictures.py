"""Which entries of an observation or an episode are pictures, the scene camera first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mosel_gym.agents.presets import PRESETS

_SCENE_CAMERAS = tuple(dict.fromkeys(preset.cameras.scene for preset in PRESETS.values()))


def camera_names(recorded: Mapping[str, NDArray[Any]], stacked: bool = False) -> list[str]:
    """Names of the cameras; nothing else of an observation is ever shown to a model.

    Args:
        recorded: An observation, or the observations of an episode.
        stacked: Whether each entry has a row for each step, as in an episode.
    """
    names = [
        name
        for name, value in recorded.items()
        if value.dtype == np.uint8 and value.ndim == 3 + stacked and value.shape[-1] == 3
    ]
    return sorted(names, key=lambda name: (name not in _SCENE_CAMERAS, name))
