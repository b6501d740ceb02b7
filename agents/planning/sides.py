"""Which hand a thing lies nearer to, by the colour that its name has and the scene's picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mosel_gym.agents.planning.hands import hand_of, without_hand
from mosel_gym.types import Frame

_HUES = {
    "red": (-20, 14),
    "orange": (15, 40),
    "yellow": (41, 70),
    "green": (75, 170),
    "blue": (190, 260),
    "purple": (265, 320),
}
"""Degrees on the colour circle."""
_LEAST_SATURATION, _LEAST_VALUE = 110, 60
"""Of 255: paler or darker pixels have no colour that one would name."""
_LEAST_PIXELS = 4


def with_nearer_hand(
    skills: Sequence[str], known: Sequence[str], picture: Frame
) -> tuple[str, ...]:
    """The skills, each by the hand on whose side its thing lies.

    A skill is changed only if S has it for the other hand as well and its text calls a thing by a
    colour that the picture shows. The picture's left is taken for the side of the left hand, as in
    RoboTwin's head camera.

    Args:
        skills: A plan's.
        known: S.
        picture: uint8 `[H, W, 3]`.
    """
    return tuple(_nearer(skill, known, picture) for skill in skills)


def _nearer(skill: str, known: Sequence[str], picture: Frame) -> str:
    twins = {hand_of(other): other for other in known if without_hand(other) == without_hand(skill)}
    color = next((word for word in skill.lower().split() if word in _HUES), None)
    if color is None or not {"left", "right"} <= twins.keys():
        return skill
    columns = np.nonzero(_colored(picture, color))[1]
    if len(columns) < _LEAST_PIXELS:
        return skill
    side = "left" if np.median(columns) < (picture.shape[1] - 1) / 2 else "right"
    return twins[side]


def _colored(picture: Frame, color: str) -> NDArray[np.bool_]:
    hue, saturation, value = np.moveaxis(np.asarray(Image.fromarray(picture).convert("HSV")), 2, 0)
    low, high = _HUES[color]
    degrees = (hue.astype(np.float64) * 360 / 255 - low) % 360
    named = (degrees <= high - low) & (saturation >= _LEAST_SATURATION) & (value >= _LEAST_VALUE)
    return np.asarray(named, np.bool_)
