"""What every network is trained on: one executed skill."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mosel_gym.types import Frames


@dataclass(frozen=True)
class Clip:
    """One executed skill: m actions and the n = m + 1 rows around them, the end row included."""

    skill: str
    """The skill text; of a whole episode, its goal text."""
    scene: Frames
    """uint8 `[n, S, S, 3]`, upright RGB of the scene camera."""
    hands: Frames
    """uint8 `[n, S, S, 3 K]`: K hand cameras one behind the other in the channels; K may be 0."""
    proprio: NDArray[np.float32]
    """float32 `[n, P]`: row t is before action t, row m after the last one."""
    actions: NDArray[np.float32]
    """float32 `[m, A]`. n = m + 1, or n == m where the row after the last action is unknown."""
    fresh: NDArray[np.bool_]
    """bool `[n]`: False where the pictures repeat an earlier step's (see `render_every`)."""
    success: bool | None = None
    """Whether the sub-goal was reached, by whoever labelled it; None = unknown."""
    imagined: Frames | None = None
    """uint8 `[T, S, S, 3]`: how a video planner imagined it, evenly spaced up to the end row."""
    followed: NDArray[np.int16] | None = None
    """int16 `[m]`: which of `imagined` was really the goal of each action, -1 = none; of rollouts.
    Where it is None, `imagined` is a picture of what was done without it."""
