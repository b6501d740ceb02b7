"""Take an object and put it on something or into something."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mosel_gym.envs.libero.experts.errors import AimErrors
from mosel_gym.envs.libero.experts.grasps import choose_grasp
from mosel_gym.envs.libero.experts.hand import CLOSE, OPEN, Array, Hand
from mosel_gym.envs.libero.experts.places import lowest_hand, place_point

_HOVER_M, _LIFT_M, _RETREAT_M = 0.12, 0.20, 0.12


def pick_and_place(
    hand: Hand, thing: str, where: str, *, inside: bool, errors: AimErrors
) -> Iterator[Array]:
    """Take `thing` and put it on (or, `inside`, into) the object or region `where`."""
    grasp, rotation = choose_grasp(hand, thing)
    grasp = grasp + errors.grasp
    above = grasp + [0.0, 0.0, _HOVER_M]
    yield from hand.go(above, OPEN, rotation=rotation)
    yield from hand.go(grasp, OPEN, tolerance_m=0.006, max_steps=40, rotation=rotation)
    yield from hand.stay(grasp, CLOSE, 13, rotation)
    lifted = grasp + [0.0, 0.0, _LIFT_M]
    yield from hand.go(lifted, CLOSE, tolerance_m=0.02, rotation=rotation)

    place = place_point(hand, thing, where) + errors.place
    for _ in range(2):  # the held object may have slipped: aim with its present offset, twice
        offset = hand.position - hand.scene.body_pose(thing)[0]
        carry = np.array([place[0] + offset[0], place[1] + offset[1], lifted[2]])
        yield from hand.go(carry, CLOSE, tolerance_m=0.008, rotation=rotation)
    bottom = hand.scene.collision_points(thing)[:, 2].min()
    lowered = hand.position + [0.0, 0.0, place[2] - bottom]
    lowered[2] = max(lowered[2], lowest_hand(hand, thing, where, lowered))
    yield from hand.go(lowered, CLOSE, tolerance_m=0.008, max_steps=50, rotation=rotation)
    yield from hand.stay(lowered, OPEN, 8, rotation)
    yield from hand.go(lowered + [0.0, 0.0, _RETREAT_M], OPEN, tolerance_m=0.02, rotation=rotation)
