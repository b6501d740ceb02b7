"""Where to hold an object, and with the hand turned how."""

from __future__ import annotations

import numpy as np

from mosel_gym.envs.libero.experts.hand import Array, Hand

_FINGER_REACH_M = 0.035
"""How far the fingertips may go below the top of a tall object."""
_RIM_OFFSET_M = 0.038
"""From a mug's axis to its wall."""
HAND_HALF_M = np.array([0.035, 0.11])
"""Footprint of the open hand beside the grasp point: along x, and along the opening (y)."""
_RIMMED = ("mug", "bowl")


def choose_grasp(hand: Hand, thing: str) -> tuple[Array, Array]:
    """Grasp point (m, world) and hand rotation (axis-angle) for the object where it lies now."""
    points = hand.scene.collision_points(thing)
    centre, _ = hand.scene.body_pose(thing)
    top, low = points[:, 2].max(), points[:, 2].min()
    if any(kind in thing for kind in _RIMMED):
        others = [n for n in hand.scene.object_names if n != thing]
        clutter = np.concatenate([hand.scene.collision_points(n) for n in others])
        height = top - 0.022
        # Both walls along y can be held; take the first unless something stands in the way.
        choices = [centre + [0.0, side * _RIM_OFFSET_M, 0.0] for side in (1.0, -1.0)]
        blocked = [_points_in_hand(clutter, choice, height) for choice in choices]
        point = choices[int(np.argmin(blocked))]
        return np.array([point[0], point[1], height]), hand.upright
    middle = 0.5 * (points.max(0) + points.min(0))
    height = max(top - _FINGER_REACH_M, low + 0.012)
    yaw = _narrow_yaw(points[:, :2])
    return np.array([middle[0], middle[1], height]), hand.turned(yaw)


def _points_in_hand(points: Array, grasp: Array, height: float) -> int:
    near = np.abs(points[:, :2] - grasp[:2]) < HAND_HALF_M
    return int((near.all(1) & (points[:, 2] > height - 0.02)).sum())


def _narrow_yaw(corners: Array) -> float:
    """Turn (rad, within +-pi/2) that lays the opening, world y, across the narrow side."""
    yaws = np.linspace(-np.pi / 2, np.pi / 2, 91)
    directions = np.stack([-np.sin(yaws), np.cos(yaws)])  # world y turned by yaw
    widths = np.ptp(corners @ directions, axis=0)
    best = widths.min() + 0.002
    candidates = yaws[widths <= best]
    return float(candidates[np.abs(candidates).argmin()])
