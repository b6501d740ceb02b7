"""Take an object and put it on something or into something."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mosel_gym.envs.aim_errors import AimErrors
from mosel_gym.envs.libero.experts.grasps import (
    Grasp,
    choose_grasp,
    middle,
    points_of_others,
)
from mosel_gym.envs.libero.experts.hand import CLOSE, OPEN, Array, Hand
from mosel_gym.envs.libero.experts.places import Place, find_place, lowest_hand

_HOVER_M, _FIRST_LIFT_M, _LIFT_M, _RETREAT_M = 0.12, 0.05, 0.20, 0.12
_TRIES = 3
_TIGHT_M = 0.005
_CORRIDOR_M = 0.11
"""Half the width of what the moving hand sweeps."""


def pick_and_place(hand: Hand, thing: str, where: str, errors: AimErrors) -> Iterator[Array]:
    """Take `thing` from above and put it on, or into, the object or region `where`."""
    place = find_place(hand, thing, where)
    tried: list[Grasp] = []
    for _ in range(_TRIES):
        grasp = choose_grasp(hand, thing, place.point, place.turn_rad, where, tried)
        before = lowest(hand, thing)
        yield from take(hand, grasp, errors.grasp)
        if lowest(hand, thing) > before + 0.5 * _FIRST_LIFT_M:
            yield from _put(hand, thing, where, place, grasp, errors)
            return
        if errors.grasp.any():
            return  # it was meant to miss
        tried.append(grasp)


def take(hand: Hand, grasp: Grasp, beside: Array) -> Iterator[Array]:
    """Come down along the hand's own axis, close, and lift a little."""
    rotation = grasp.rotation(hand)
    point = grasp.point + beside
    above = point + _HOVER_M * grasp.upwards
    over = _height_of_way(hand, above)
    if over > above[2]:
        yield from hand.go(np.array([*above[:2], over]), OPEN, 0.04, rotation=rotation)
    yield from hand.go(above, OPEN, rotation=rotation, turn_tolerance_rad=0.15)
    yield from hand.go(point, OPEN, tolerance_m=0.006, max_steps=40, rotation=rotation)
    yield from hand.stay(point, CLOSE, 13, rotation)
    lifted = hand.position + _FIRST_LIFT_M * grasp.upwards
    yield from hand.go(lifted, CLOSE, tolerance_m=0.02, max_steps=20, rotation=rotation)


def _height_of_way(hand: Hand, goal: Array) -> float:
    """How high (m, world) open fingers have to be to get to `goal` over all that stands between."""
    start = hand.position
    points = points_of_others(hand)
    way = goal[:2] - start[:2]
    length = max(float(way @ way), 1e-6)
    share = np.clip((points[:, :2] - start[:2]) @ way / length, 0.0, 1.0)
    aside = np.linalg.norm(points[:, :2] - (start[:2] + share[:, None] * way), axis=1)
    between = points[(aside < _CORRIDOR_M) & (share > 0.05), 2]
    return min(float(between.max(initial=-np.inf)) + 0.03, float(start[2]))


def lowest(hand: Hand, thing: str) -> float:
    """Height (m, world) of an object's lowest point."""
    return float(hand.scene.collision_points(thing)[:, 2].min())


def _put(
    hand: Hand, thing: str, where: str, place: Place, grasp: Grasp, errors: AimErrors
) -> Iterator[Array]:
    """Carry what is held over its place, lower it, let go, and rise."""
    rotation = grasp.rotation(hand)
    hanging = hand.position[2] - lowest(hand, thing)
    height = max(grasp.point[2] + _LIFT_M, place.pass_over_m + hanging)
    rise = max(0.0, height - hand.position[2]) / grasp.upwards[2]
    lifted = hand.position + rise * grasp.upwards  # the way that was found free on coming down
    yield from hand.go(lifted, CLOSE, tolerance_m=0.02, rotation=rotation)
    rotation = hand.turned(place.turn_rad, rotation)
    grasp = grasp.turned(place.turn_rad)
    if place.turn_rad:
        yield from hand.go(
            lifted, CLOSE, tolerance_m=0.03, rotation=rotation, turn_tolerance_rad=0.05
        )

    goal = place.point + errors.place
    if place.from_side is not None:
        yield from _push_in(hand, thing, place, goal, rotation)
        return
    for _ in range(2):  # the held object may have slipped: aim with its present offset, twice
        offset = hand.position - middle(hand, thing)
        carry = np.array([*(goal[:2] + offset[:2]), height])
        yield from hand.go(carry, CLOSE, tolerance_m=place.tolerance_m, rotation=rotation)
    if place.tolerance_m < _TIGHT_M:
        yield from hand.stay(carry, CLOSE, 6, rotation)  # until it no longer swings
    lowered = hand.position + [0.0, 0.0, goal[2] - lowest(hand, thing)]
    lowered[:2] = goal[:2] + (hand.position - middle(hand, thing))[:2]
    lowered[2] = max(lowered[2], lowest_hand(hand, thing, where, lowered, grasp))
    yield from hand.go(lowered, CLOSE, tolerance_m=0.008, max_steps=50, rotation=rotation)
    yield from hand.stay(lowered, OPEN, 8, rotation)
    away = lowered + _RETREAT_M * grasp.upwards
    yield from hand.go(away, OPEN, tolerance_m=0.02, rotation=rotation)


def _push_in(hand: Hand, thing: str, place: Place, goal: Array, rotation: Array) -> Iterator[Array]:
    """Lower what is held in front of its place, push it in, let go, and come out the same way."""
    assert place.from_side is not None
    outside = goal + place.from_side
    offset = hand.position - middle(hand, thing)
    carry = np.array([*(outside + offset)[:2], hand.position[2]])
    yield from hand.go(carry, CLOSE, tolerance_m=0.01, rotation=rotation)
    lowered = hand.position + [0.0, 0.0, goal[2] - lowest(hand, thing)]
    yield from hand.go(lowered, CLOSE, tolerance_m=0.006, max_steps=50, rotation=rotation)
    inside = np.array([*(goal + hand.position - middle(hand, thing))[:2], lowered[2]])
    yield from hand.go(inside, CLOSE, tolerance_m=0.01, rotation=rotation)
    yield from hand.stay(hand.position, OPEN, 8, rotation)
    away = hand.position + [0.0, 0.0, 0.06]
    yield from hand.go(away, OPEN, tolerance_m=0.015, rotation=rotation)
    yield from hand.go(away + 0.4 * place.from_side, OPEN, tolerance_m=0.02, rotation=rotation)
    yield from hand.go(hand.position + [0.0, 0.0, _RETREAT_M], OPEN, 0.02, rotation=rotation)
