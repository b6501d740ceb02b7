"""A book: held at the top across its back, stood into the caddy or onto the shelf."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from mosel_gym.envs.libero.experts.errors import AimErrors
from mosel_gym.envs.libero.experts.hand import Array, Hand
from mosel_gym.envs.libero.experts.held import Held, let_go, local_box, pointing, take
from mosel_gym.envs.libero.experts.into_shelf import slide_in

_GRIP_BELOW_TOP_M = 0.014
"""Shallow: the pads just cover the book's edge, and the palm stays above the caddy's walls."""
_PALM_ABOVE_GRIP_M = 0.028
_CLEAR_M = 0.02
"""Between a carried book and what it is carried over."""
_DOWN, _UP = np.array([0.0, 0.0, -1.0]), np.array([0.0, 0.0, 1.0])

_CADDY_FLOOR_M = 0.014
_COMPARTMENTS = {
    "left": (0.000, 0.139),
    "right": (0.000, -0.138),
    "front": (-0.034, 0.002),
    "back": (0.033, 0.002),
}
"""Middle between the walls, m, in the caddy's frame (x to its back, y to its left)."""
_LEAN_RAD = 0.38
"""The back compartment's region begins 2 mm above a book that stands on its floor; it counts when
it leans on the partition, as a book in a wide slot does."""
_LEAN_FOOT_M = 0.046
"""Where the middle of a leaning book's foot goes, along the caddy's x: close to the back wall."""


def place_book(hand: Hand, thing: str, where: str, errors: AimErrors) -> Iterator[Array]:
    """Take a book that stands on the table, and put it where the region's name says."""
    yield from _take(hand, thing, errors)
    held = Held(hand, thing)
    if "_contain_region" in where:
        return (yield from _into_caddy(hand, held, where, errors))
    if where.endswith("top_side"):
        return (yield from _onto_shelf(hand, held, where, errors))
    yield from slide_in(hand, held, where, errors)


def _take(hand: Hand, thing: str, errors: AimErrors) -> Iterator[Array]:
    position, rotation = hand.scene.body_pose(thing)
    low, high = local_box(hand, thing)
    top = np.array([*(0.5 * (low + high))[:2], high[2] - _GRIP_BELOW_TOP_M])
    point = position + rotation @ top + errors.grasp
    yield from take(hand, point, pointing(hand, _DOWN, rotation[:, 0]))


def _into_caddy(hand: Hand, held: Held, where: str, errors: AimErrors) -> Iterator[Array]:
    caddy, compartment = where.removesuffix("_contain_region").rsplit("_", 1)
    position, caddy_turn = hand.scene.body_pose(caddy)
    walls = float(hand.scene.collision_points(caddy)[:, 2].max())
    low, high = local_box(hand, held.thing)
    turn = _standing(held, caddy_turn, narrow=compartment in ("front", "back"))
    middle = np.array([*(0.5 * (low + high))[:2], 0.0])
    spot = np.array([*_COMPARTMENTS[compartment], _CADDY_FLOOR_M])
    goal = position + caddy_turn @ spot + errors.place - turn @ middle - [0.0, 0.0, low[2]]
    if compartment == "back":
        lean = caddy_turn @ _turn_about_y(-_LEAN_RAD) @ caddy_turn.T @ turn
        foot = position + caddy_turn @ [_LEAN_FOOT_M, spot[1], spot[2]] + errors.place
        rise = 0.5 * (high[0] - low[0]) * np.sin(_LEAN_RAD)  # the foot stands on one edge
        goal, turn = foot + [0.0, 0.0, rise] - lean @ (middle + [0.0, 0.0, low[2]]), lean
    over = np.array([*goal[:2], walls + _CLEAR_M])
    yield from _lift_to(held, over, turn)
    yield from held.carry(
        goal + [0.0, 0.0, 0.003],
        turn,
        tolerance_m=0.004,
        max_steps=40,
        lowest_hand_m=walls - _PALM_ABOVE_GRIP_M + 0.005,
    )
    yield from let_go(hand, np.array([0.0, 0.0, 0.14]), steps=5)


def _onto_shelf(hand: Hand, held: Held, where: str, errors: AimErrors) -> Iterator[Array]:
    low, _ = local_box(hand, held.thing)
    shelf = where.removesuffix("_top_side")
    top = float(hand.scene.collision_points(shelf)[:, 2].max())
    centre = hand.scene.region_centre(where)
    goal = np.array([*centre[:2], top - low[2] + 0.003]) + errors.place
    turn = held.pose()[1]
    yield from _lift_to(held, goal + [0.0, 0.0, _CLEAR_M], turn)
    yield from held.carry(goal, turn, tolerance_m=0.004, max_steps=40)
    yield from let_go(hand, np.array([0.0, 0.0, 0.10]))


def _lift_to(held: Held, over: Array, turn: Array) -> Iterator[Array]:
    """Straight up to the height of `over`, then across."""
    start, _ = held.pose()
    yield from held.carry(np.array([*start[:2], over[2]]), tolerance_m=0.03)
    yield from held.carry(over, turn, tolerance_m=0.006, max_steps=90)


def _standing(held: Held, frame: Array, *, narrow: bool) -> Array:
    """Upright book rotation square to `frame` that is nearest to the upright hand.

    Args:
        held: The book.
        frame: float64 `[3, 3]`, world: of the caddy.
        narrow: The book's back goes along the frame's y axis; otherwise either way.
    """
    _, now = held.pose()
    yaws = [0.0, np.pi] if narrow else [0.0, 0.5 * np.pi, np.pi, -0.5 * np.pi]
    choices = [frame @ _turn_about_z(yaw) for yaw in yaws]
    home = pointing(held.hand, _DOWN, np.array([0.0, 1.0, 0.0]))
    _ = home
    costs = [_hand_turn(held, choice @ now.T) for choice in choices]
    return choices[int(np.argmin(costs))]


def _hand_turn(held: Held, turn: Array) -> float:
    """How far (rad) the hand's opening is from where it is at rest after a further `turn`."""
    opening = turn @ held.hand.scene.dynamics.eef_rotation[:, 0]
    return float(abs(np.arctan2(-opening[0], opening[1])))


def _turn_about_z(angle: float) -> Array:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def _turn_about_y(angle: float) -> Array:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])
