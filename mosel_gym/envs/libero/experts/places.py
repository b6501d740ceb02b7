"""Where an object goes, and how low the hand may come there."""

from __future__ import annotations

import numpy as np

from mosel_gym.envs.libero.experts.grasps import HAND_HALF_M
from mosel_gym.envs.libero.experts.hand import Array, Hand

_PALM_HEIGHT_M = 0.058
"""From the fingertips up to the palm."""


def place_point(hand: Hand, thing: str, where: str) -> Array:
    """Where the object's origin goes in x and y, and its lowest point in z."""
    if where in hand.scene.object_names:
        centre, _ = hand.scene.body_pose(where)
        rest = hand.scene.collision_points(where)[:, 2].max()
        return np.array([centre[0], centre[1], rest + 0.004])
    centre = hand.scene.region_centre(where)
    half = hand.scene.region_half_size(where)[:2] - 0.010
    others = [n for n in hand.scene.object_names if n != thing]
    obstacles = np.array([hand.scene.body_pose(n)[0][:2] for n in others])
    # The spot of the region that is farthest from everything else, the middle among equals.
    grid = np.linspace(-1.0, 1.0, 7)
    spots = np.array([[x, y] for x in grid for y in grid])
    xy = centre[:2] + spots * half
    clearance = np.linalg.norm(xy[:, None] - obstacles[None], axis=-1).min(1)
    score = np.minimum(clearance, 0.16) - 0.01 * np.abs(spots).sum(1)
    best = xy[int(score.argmax())]
    # The zone's site lies below the table top, so the top is read off what stands on it.
    table = min(hand.scene.collision_points(n)[:, 2].min() for n in others)
    return np.array([best[0], best[1], table + 0.006])


def lowest_hand(hand: Hand, thing: str, where: str, at: Array) -> float:
    """How far down (m, world) the fingertips may go so that the palm clears what stands beside."""
    others = [n for n in hand.scene.object_names if n not in (thing, where)]
    points = np.concatenate([hand.scene.collision_points(n) for n in others])
    beside = (np.abs(points[:, :2] - at[:2]) < HAND_HALF_M + 0.02).all(1)
    return float(points[beside, 2].max(initial=-np.inf)) - _PALM_HEIGHT_M
