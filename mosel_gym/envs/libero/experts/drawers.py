"""Drawers: opened by hooking a finger behind the handle's bar, closed by pushing against it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mosel_gym.envs.libero.experts.errors import AimErrors
from mosel_gym.envs.libero.experts.hand import CLOSE, OPEN, Array, Hand

_TILT_RAD = {"top": 0.6, "middle": 0.8, "bottom": 0.8}
"""Fingers point down and towards the cabinet. An upright hand would strike the cabinet or the
handles above; much flatter than this it would strike the table."""
_HOOK_M = 0.018
"""The open hand comes this much outside the bar, so that the inner finger goes behind it."""
_STAND_OFF_M = 0.10
_OPEN_M, _CLOSED_M = -0.150, 0.002
"""Beyond LIBERO's limits (-0.14 is open, 0 is closed)."""
_LEAD_M = 0.035
"""How far ahead of the bar the hand aims while it pulls or pushes."""
_SAFE_RISE_M = 0.14


@dataclass(frozen=True)
class _Drawer:
    """A drawer as it stands now."""

    handle: Array
    """Middle of the bar, float64 `[3]` m, world."""
    outwards: Array
    """Unit vector `[3]`, world: the way that it opens."""
    position: float
    """Of the slide joint (m): 0 is closed, -0.16 all the way out."""

    @classmethod
    def of(cls, hand: Hand, region: str) -> _Drawer:
        cabinet, level, _ = region.rsplit("_", 2)
        scene = hand.scene
        joint = scene.data.joint(f"{cabinet}_{level}_level")
        outwards = -joint.xaxis
        geoms = np.flatnonzero(
            (scene.model.geom_bodyid == scene.model.body(f"{cabinet}_cabinet_{level}").id)
            & (scene.model.geom_conaffinity != 0)
        )
        centres = scene.data.geom_xpos[geoms]
        bar = centres[(centres @ outwards).argmax()]  # nothing of a drawer is farther out
        return cls(bar.copy(), outwards.copy(), float(joint.qpos[0]))


def open_drawer(hand: Hand, region: str, errors: AimErrors) -> Iterator[Array]:
    """Hook the inner finger behind the bar, close on it, and pull."""
    drawer = _Drawer.of(hand, region)
    rotation, fingers, across = _tilted(hand, drawer, region)
    hook = drawer.handle + _HOOK_M * across + errors.grasp
    yield from _approach(hand, hook, fingers, rotation, OPEN)
    yield from hand.stay(hook, CLOSE, 6, rotation)
    for _ in range(70):
        drawer = _Drawer.of(hand, region)
        if drawer.position < _OPEN_M:
            break
        yield hand.action(drawer.handle + _LEAD_M * drawer.outwards, CLOSE, rotation)
    yield from hand.stay(hand.position, OPEN, 6, rotation)
    yield from _leave(hand, fingers, rotation)


def close_drawer(hand: Hand, region: str, errors: AimErrors) -> Iterator[Array]:
    """Push against the bar with closed fingers."""
    drawer = _Drawer.of(hand, region)
    rotation, fingers, _ = _tilted(hand, drawer, region)
    start = drawer.handle + 0.035 * drawer.outwards + errors.grasp
    yield from _approach(hand, start, fingers, rotation, CLOSE)
    for _ in range(90):
        drawer = _Drawer.of(hand, region)
        if drawer.position > _CLOSED_M:
            break
        yield hand.action(drawer.handle - _LEAD_M * drawer.outwards, CLOSE, rotation)
    yield from _leave(hand, fingers, rotation)


def _tilted(hand: Hand, drawer: _Drawer, region: str) -> tuple[Array, Array, Array]:
    """Rotation of the hand, direction of its fingers, and the direction from inner to outer finger.

    The opening lies in the vertical plane in which the drawer moves.
    """
    tilt = _TILT_RAD[region.rsplit("_", 2)[1]]
    up = np.array([0.0, 0.0, 1.0])
    level = hand.turned(
        float(np.arctan2(drawer.outwards[1], drawer.outwards[0]) % np.pi - np.pi / 2.0)
    )
    rotation = hand.turned_about(-tilt * np.cross(drawer.outwards, up), level)
    fingers = -np.sin(tilt) * drawer.outwards - np.cos(tilt) * up
    across = np.cos(tilt) * drawer.outwards - np.sin(tilt) * up
    return rotation, fingers, across


def _approach(
    hand: Hand, goal: Array, fingers: Array, rotation: Array, grip: float
) -> Iterator[Array]:
    """Over whatever stands about, down, then along the fingers."""
    before = goal - _STAND_OFF_M * fingers
    above = before + [0.0, 0.0, _SAFE_RISE_M]
    yield from hand.go(
        above, grip, tolerance_m=0.03, max_steps=70, rotation=rotation, turn_tolerance_rad=0.3
    )
    yield from hand.go(
        before, grip, tolerance_m=0.01, max_steps=50, rotation=rotation, turn_tolerance_rad=0.06
    )
    yield from hand.go(goal, grip, tolerance_m=0.006, max_steps=35, rotation=rotation)


def _leave(hand: Hand, fingers: Array, rotation: Array) -> Iterator[Array]:
    back = hand.position - _STAND_OFF_M * fingers
    yield from hand.go(back, OPEN, tolerance_m=0.02, max_steps=25, rotation=rotation)
    yield from hand.go(back + [0.0, 0.0, _SAFE_RISE_M], OPEN, tolerance_m=0.03, max_steps=30)
