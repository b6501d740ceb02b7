"""Clips as a mirror shows them: what one hand of two did, done by the other.

Two arms that stand and are built alike are each other's image in the plane between them, and so are
a table and a camera in that plane. A demonstration of one hand then shows the other hand's skill as
well, in a scene that was never recorded. What is not alike stays wrong: light from one side.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mosel_gym.data.clip import Clip
from mosel_gym.errors import SpecMismatch
from mosel_gym.specs import RobotSpec
from mosel_gym.types import Frames

_SIDES = {"left": "right", "right": "left"}


def other_hand(skill: str) -> str:
    """A skill text with left and right swapped; the same text if it names neither."""
    return re.sub(r"\b(left|right)\b", lambda found: _SIDES[found[0]], skill)


def mirrored_clips(clips: Sequence[Clip], robot: RobotSpec) -> list[Clip]:
    """The mirror images of the clips whose skill the other hand has among `clips` as well.

    Raises:
        SpecMismatch: The robot has no two arms, a clip has an odd number of hand cameras, or no
            skill is there for both hands.
    """
    skills = {clip.skill for clip in clips}
    both = {skill for skill in skills if other_hand(skill) in skills - {skill}}
    if not both:
        raise SpecMismatch(
            "no skill of the clips is there for the left and for the right hand, so that nothing "
            f"can be mirrored. Leave --mirror out; the skills: {sorted(skills)}."
        )
    return [mirrored(clip, robot) for clip in clips if clip.skill in both]


def mirrored(clip: Clip, robot: RobotSpec) -> Clip:
    """The mirror image of a clip; the text names the other hand.

    The hand cameras must be named in the order of the arms, the first half for the left one.

    Raises:
        SpecMismatch: The robot has no two arms, or the clip an odd number of hand cameras.
    """
    return replace(
        clip,
        skill=other_hand(clip.skill),
        scene=_flipped(clip.scene),
        hands=_swapped(clip.hands),
        proprio=robot.mirrored_proprio(clip.proprio),
        actions=robot.mirrored_action(clip.actions),
        imagined=None if clip.imagined is None else _flipped(clip.imagined),
    )


def _flipped(frames: Frames) -> Frames:
    return np.ascontiguousarray(frames[:, :, ::-1])


def _swapped(hands: Frames) -> NDArray[np.uint8]:
    """Each hand's view flipped, in the other hand's place; uint8 `[n, S, S, 3 K]`."""
    channels = hands.shape[-1]
    if channels % 6:
        raise SpecMismatch(
            f"a clip with {channels // 3} hand cameras cannot be mirrored: each needs its "
            "counterpart on the other hand. Give as many for the left hand as for the right."
        )
    left, right = np.split(_flipped(hands), 2, axis=-1)
    return np.concatenate([right, left], axis=-1)
