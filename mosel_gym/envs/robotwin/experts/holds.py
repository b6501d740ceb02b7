"""Where a hand takes hold of a thing, and how: one row per thing and hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mosel_gym.envs.robotwin import objects
from mosel_gym.envs.robotwin.experts.poses import (
    ALONG_X,
    ALONG_Y,
    Array,
    at,
    hand_down,
    pose,
    yaw_of,
)
from mosel_gym.envs.robotwin.parts import Vector


@dataclass(frozen=True)
class Hold:
    """A grasp."""

    point: Vector
    """Between the fingertips, in the thing's frame, m."""
    yaw_rad: float
    """Of the fingers against the thing, see `poses.hand_down`."""
    tilt_deg: float = 0.0
    """Leans the hand about world y, so that two hands have room side by side."""
    follows_yaw: bool = True
    """A sphere has no yaw to follow."""


HOLDS: dict[tuple[str, str], Hold] = {
    # Near its head: further out it turns in the fingers on every fast move, by centimetres.
    ("left", "hammer"): Hold((0.0, -0.065, 0.02), ALONG_X),
    ("right", "hammer"): Hold((0.0, -0.065, 0.02), ALONG_X),
    ("left", "brush"): Hold((0.05, 0.0, 0.02), ALONG_Y, -30.0),
    ("right", "brush"): Hold((0.16, 0.0, 0.02), ALONG_Y, 30.0),
    ("left", "block"): Hold((-0.055, 0.0, 0.0), ALONG_Y, -30.0),
    ("right", "block"): Hold((0.055, 0.0, 0.0), ALONG_Y, 30.0),
    ("left", "dustpan"): Hold((-0.10, 0.0, 0.034), ALONG_Y, -20.0),
    ("left", "apple"): Hold((0.0, 0.0, 0.0), ALONG_X, follows_yaw=False),
    ("right", "apple"): Hold((0.0, 0.0, 0.0), ALONG_X, follows_yaw=False),
    ("left", "mug"): Hold((0.0, 0.0, 0.055), ALONG_Y),
    ("right", "mug"): Hold((0.0, 0.0, 0.055), ALONG_Y),
    ("left", "drawer"): Hold(objects.DRAWER_POST_M, ALONG_X),
    ("right", "drawer"): Hold(objects.DRAWER_POST_M, ALONG_X),
}


def hold_pose(arm: str, thing: str, thing_pose: Array) -> Array:
    """The hand's pose for the hold, world."""
    hold = HOLDS[arm, thing]
    yaw = hold.yaw_rad + (yaw_of(thing_pose) if hold.follows_yaw else 0.0)
    position = at(thing_pose, hold.point) if hold.follows_yaw else thing_pose[:3, 3] + hold.point
    return pose(position, hand_down(yaw, float(np.radians(hold.tilt_deg))))
