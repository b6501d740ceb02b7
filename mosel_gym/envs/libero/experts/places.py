"""Where an object goes, and how low the hand may come there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mosel_gym.envs.libero.experts.grasps import HAND_HALF_M, PALM_HEIGHT_M, Grasp, points_of_others
from mosel_gym.envs.libero.experts.hand import Array, Hand

_MARGIN_M = 0.004
"""An object is let go this much above what it comes to stand on."""
_CLOSE_M, _DROP_M = 0.39, 0.025
"""This close to the robot's axis, an object is dropped so far between the walls of its place."""
_FORWARD_M = 0.012
_OUTSIDE_M = 0.22
_MOST_TURN_RAD = 1.0
_END = 0.72
"""Of half a region: where the first of two things goes, to leave room for the second."""
_TAPER_M = 0.003
"""A bowl is narrower below its rim, and may come this much nearer to a drawer's wall."""
_NEAR_M = 0.09
"""What stands this close to a place has to be passed over."""


@dataclass(frozen=True)
class Place:
    """Where an object is put down."""

    point: Array
    """For the object's middle (x, y) and for its lowest point (z), float64 `[3]` m, world."""
    pass_over_m: float
    """z (world) that the object's lowest point has to keep above on the way."""
    turn_rad: float = 0.0
    """About the vertical, from how the object stands now to how it has to stand."""
    tolerance_m: float = 0.008
    """How well the object has to be aimed before it is lowered."""
    from_side: Array | None = None
    """Where to lower it first, as seen from `point`, to push it in from there; None: from above."""


def find_place(hand: Hand, thing: str, where: str) -> Place:
    """Where on the object, or in the region, `where` the object `thing` should go.

    Call it before the object is taken: it looks at what lies in the region.
    """
    if where in hand.scene.object_names:
        centre, _ = hand.scene.body_pose(where)
        own = hand.scene.collision_points(where)
        if "bowl" in where:
            centre = 0.5 * (own.max(0) + own.min(0))
        point = np.array([centre[0], centre[1], own[:, 2].max() + _MARGIN_M])
        return Place(point, point[2] + 0.03)
    spot = _free_spot(hand, thing, where)
    if twins := _twins(hand, thing):
        spot = _end_of(hand, thing, where, twins)
    if "book" in thing:  # fills its place, and a caddy is open on the side away from the robot
        spot = hand.scene.region_centre(where)[:2] + [_FORWARD_M if _square(hand, where) else 0, 0]
    top = hand.scene.region_centre(where)[2] + abs(hand.scene.region_half_size(where)[2])
    rest = hand.scene.height_below(np.array([*spot, top + 0.03])) + _MARGIN_M
    others = points_of_others(hand, thing)
    near = (np.abs(others[:, :2] - spot) < _NEAR_M).all(1)
    highest = float(others[near, 2].max(initial=rest))
    point = np.array([*spot, rest])
    if "shelf" in where and "side" not in where:
        front = -hand.scene.body_pose(where.rsplit("_", 2)[0])[1][:, 1]
        inside = hand.scene.region_centre(where)
        point = np.array([*inside[:2], hand.scene.height_below(inside) + _MARGIN_M])
        return Place(point, point[2] + 0.10, from_side=_OUTSIDE_M * front)
    if "frypan" in thing:
        return Place(point, highest + 0.03, _handle_turn(hand, thing, where))
    base = hand.scene.data.body("robot0_base").xpos
    if np.linalg.norm(spot - base[:2]) < _CLOSE_M and highest > rest + _DROP_M:
        point[2] = highest - _DROP_M  # the folded arm goes no lower; the walls guide what falls
    if "book" in thing:  # a caddy leaves it a few millimetres
        return Place(point, highest + 0.03, _book_turn(hand, thing, where), tolerance_m=0.004)
    if "cabinet" in where and "side" not in where:  # the handles above leave a bowl no room
        return Place(point, highest + 0.03, tolerance_m=0.004)
    return Place(point, highest + 0.03)


def _book_turn(hand: Hand, book: str, region: str) -> float:
    """Lay the book's thickness along the region's narrow side, or along the nearer one."""
    thickness = hand.scene.body_pose(book)[1][:, 0]
    now = float(np.arctan2(thickness[1], thickness[0]))
    half = _half_size(hand, region)
    if _square(hand, region):
        wanted = np.round(now / (np.pi / 2.0)) * np.pi / 2.0
    else:
        wanted = 0.0 if half[0] < half[1] else np.pi / 2.0
    return float((wanted - now + np.pi / 2.0) % np.pi - np.pi / 2.0)


def _handle_turn(hand: Hand, pan: str, region: str) -> float:
    """Bring the handle nearer to the robot, which would have to stretch for it otherwise."""
    base = hand.scene.data.body("robot0_base").xpos
    to_robot = base - hand.scene.region_centre(region)
    handle = hand.scene.body_pose(pan)[1][:, 0]
    turn = np.arctan2(to_robot[1], to_robot[0]) - np.arctan2(handle[1], handle[0])
    turn = (turn + np.pi) % (2.0 * np.pi) - np.pi
    return float(np.clip(turn, -_MOST_TURN_RAD, _MOST_TURN_RAD))


def _twins(hand: Hand, thing: str) -> list[str]:
    """Moka pots other than this one: two of them share a stove."""
    kind = thing.rpartition("_")[0]
    names = hand.scene.object_names if kind == "moka_pot" else ()
    return [name for name in names if name.startswith(kind) and name != thing]


def _end_of(hand: Hand, thing: str, region: str, others: list[str]) -> Array:
    """The end of a region, along x, that is free; of two, the one that is the object's own.

    The first of the twins goes to the far end and the second to the near one, wherever they stand
    before: so each leaves room for the other, and skills that were shown one by one can follow one
    another.
    """
    centre, half = hand.scene.region_centre(region)[:2], _half_size(hand, region)
    far, near = (centre + [side * _END * half[0], 0.0] for side in (1.0, -1.0))
    own, other = (far, near) if thing.endswith("_1") else (near, far)
    standing = np.array([hand.scene.body_pose(name)[0][:2] for name in others])
    on_it = standing[(np.abs(standing - centre) < half[:2]).all(1)]
    if not len(on_it):
        return np.asarray(own)
    gaps = [np.linalg.norm(on_it - end, axis=1).min() for end in (own, other)]
    return np.asarray(own if gaps[0] >= 0.8 * gaps[1] else other)


def _half_size(hand: Hand, region: str) -> Array:
    """Along the world's axes, float64 `[3]` m."""
    turn = hand.scene.data.site(region).xmat.reshape(3, 3)
    return np.asarray(np.abs(turn @ hand.scene.region_half_size(region)))


def _square(hand: Hand, region: str) -> bool:
    half = _half_size(hand, region)
    return bool(abs(half[0] - half[1]) < 0.01)


def lowest_hand(hand: Hand, thing: str, where: str, at: Array, grasp: Grasp) -> float:
    """How far down (m, world) the fingertips may go so that the palm clears what stands beside."""
    points = points_of_others(hand, thing, where)
    beside = (np.abs(grasp.local(points, at)[:, :2]) < HAND_HALF_M + 0.008).all(1)
    below = points[:, 2] < at[2] + PALM_HEIGHT_M + 0.06  # what is higher stays where it is
    return float(points[beside & below, 2].max(initial=-np.inf)) - PALM_HEIGHT_M + 0.004


def _free_spot(hand: Hand, thing: str, region: str) -> Array:
    """The spot of a region that can be come to from above and is farthest from everything else.

    Among equals the one nearest to the middle.
    """
    scene = hand.scene
    size = 0.5 * np.ptp(scene.collision_points(thing), axis=0)
    centre = scene.region_centre(region)
    half = _half_size(hand, region)
    # Keep the whole object inside where there is room for it.
    room = np.maximum(half[:2] - size[:2], 0.12 * half[:2])
    if "cabinet" in region:
        room = room + _TAPER_M
    grid = np.linspace(-1.0, 1.0, 7)
    spots = np.array([[x, y] for x in grid for y in grid])
    xy = centre[:2] + spots * room
    score = -0.01 * np.abs(spots).sum(1)
    others = points_of_others(hand, thing)
    higher = others[others[:, 2] > centre[2] + half[2] + 0.01]
    within = (np.abs(xy[:, None] - higher[None, :, :2]) < size[:2]).all(-1)
    score -= 0.01 * np.minimum(within.sum(1), 20)
    names = [name for name in scene.object_names if name != thing and not region.startswith(name)]
    if names:
        obstacles = np.array([scene.body_pose(name)[0][:2] for name in names])
        clearance = np.linalg.norm(xy[:, None] - obstacles[None], axis=-1).min(1)
        score += np.minimum(clearance, 0.16)
    return np.asarray(xy[int(score.argmax())])
