"""Where to hold an object, and with the hand turned how."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mosel_gym.envs.libero.experts.hand import Array, Hand

PALM_HEIGHT_M = 0.058
"""From the fingertips up to the palm."""
HAND_HALF_M = np.array([0.035, 0.11])
"""Half the hand's section: across its opening, and along it."""
_FINGER_HALF_M = np.array([0.014, 0.062])
"""The same for the open fingers."""
_FINGER_REACH_M = 0.035
"""How far the fingertips may go below the top of a tall object."""
_RIM_DEPTH_M = 0.022
"""How far the fingertips go below a rim."""
_MUG_WALL_M, _BOWL_WALL_M = 0.038, 0.008
"""A mug's wall from its axis; a bowl's from its outer edge."""
_WIDEST_M = 0.074
"""What the open fingers can straddle."""
_FLAT_M = 0.05
_HANDLES = {
    "chefmate_8_frypan": (
        [np.array([x, 0.0, z]) for x, z in ((0.165, 0.040), (0.2, 0.045), (0.235, 0.05))],
        1,
    ),
    "moka_pot": ([np.array([0.0, 0.070, 0.045])], 0),
}
"""Where a handle may be held, `[3]` m in the object's frame, and the axis that lies across it."""
_LEANS_RAD = (0.0, 0.4)
"""A hand may lean away from what stands on the other side, or towards the robot."""
_WRIST_M, _REACH_M = 0.20, 0.68
"""From the fingertips to the wrist; how far from the robot's axis the wrist goes with ease. Much
farther the elbow comes to its stop, and the controller does not get it out of there."""


@dataclass(frozen=True)
class Grasp:
    """A way to hold an object from above."""

    point: Array
    """Between the fingertips, float64 `[3]` m, world."""
    opening_rad: float
    """Horizontal direction along which the fingers open, world."""
    cost: float
    """Of itself, clutter not counted."""
    lean_rad: float = 0.0
    """Of the hand towards `opening_rad`, from straight up."""

    def turned(self, angle_rad: float) -> Grasp:
        """The same hold of an object that has been turned about the vertical."""
        return replace(self, opening_rad=self.opening_rad + angle_rad)

    def rotation(self, hand: Hand) -> Array:
        """Of the hand, axis-angle `[3]` rad, world."""
        axis = np.array([-np.sin(self.opening_rad), np.cos(self.opening_rad), 0.0])
        return hand.turned_about(self.lean_rad * axis, hand.opening_along(self.opening_rad))

    @property
    def upwards(self) -> Array:
        """Unit vector `[3]`, world, from the fingertips to the wrist."""
        flat = np.sin(self.lean_rad)
        across, along = np.cos(self.opening_rad), np.sin(self.opening_rad)
        return np.array([flat * across, flat * along, np.cos(self.lean_rad)])

    def local(self, points: Array, origin: Array) -> Array:
        """World points `[n, 3]` as seen from the fingertips at `origin`.

        Returns:
            float64 `[n, 3]` m: across the opening, along it, and up towards the wrist.
        """
        along = np.array([np.cos(self.opening_rad), np.sin(self.opening_rad), 0.0])
        outer = np.cos(self.lean_rad) * along - np.sin(self.lean_rad) * np.array([0.0, 0.0, 1.0])
        across = np.cross(self.upwards, outer)
        return np.asarray((points - origin) @ np.stack([across, outer, self.upwards]).T)


def choose_grasp(
    hand: Hand,
    thing: str,
    goal: Array,
    turn_rad: float = 0.0,
    onto: str = "",
    tried: Sequence[Grasp] = (),
) -> Grasp:
    """The best way to hold an object, both where it is now and where it goes.

    Args:
        hand: The hand.
        thing: Name of a movable object.
        goal: Where it goes, float64 `[3]` m, world: x and y of its middle, z of its lowest point.
        turn_rad: How far it is turned about the vertical on the way.
        onto: An object that it is put on, and that the hand therefore may come near.
        tried: What has failed already; something else is preferred.
    """
    scene = hand.scene
    here, there = points_of_others(hand, thing), points_of_others(hand, thing, onto)
    # What stands at the goal, seen as if the goal were here.
    origin = middle(hand, thing)
    there[:, :2] = (there[:, :2] - goal[:2]) @ _turn(turn_rad) + origin[:2]
    there[:, 2] += scene.collision_points(thing)[:, 2].min() - goal[2]
    base = scene.data.body("robot0_base").xpos

    def cost(grasp: Grasp) -> float:
        wrist = grasp.point + _WRIST_M * grasp.upwards
        far = max(0.0, float(np.linalg.norm((wrist - base)[:2])) - _REACH_M)
        struck = 10.0 * _in_the_way(here, grasp) + 2.0 * _in_the_way(there, grasp)
        again = sum(
            max(0.0, np.cos(grasp.opening_rad - old.opening_rad))
            + 0.5 * (grasp.lean_rad == old.lean_rad)
            for old in tried
        )
        return float(grasp.cost + 80.0 * far + struck + 6.0 * again)

    return min(_candidates(hand, thing), key=cost)


def middle(hand: Hand, thing: str) -> Array:
    """What has to come over the place, float64 `[3]` m, world: an upright object's own axis.

    A book's origin lies beside it.
    """
    if "book" not in thing:
        return hand.scene.body_pose(thing)[0]
    own = hand.scene.collision_points(thing)
    return np.asarray(0.5 * (own.max(0) + own.min(0)))


def _turn(angle_rad: float) -> Array:
    """Matrix that turns row vectors by the negative angle when multiplied from the right."""
    cos, sin = np.cos(angle_rad), np.sin(angle_rad)
    return np.array([[cos, -sin], [sin, cos]])


def points_of_others(hand: Hand, *apart: str) -> Array:
    """Collision points of all objects and fixtures but some, float64 `[n, 3]` m, world."""
    scene = hand.scene
    names = [n for n in (*scene.object_names, *scene.fixture_names) if n not in apart]
    points = [scene.collision_points(name) for name in names]
    return np.concatenate(points) if points else np.empty((0, 3))


def _candidates(hand: Hand, thing: str) -> Iterator[Grasp]:
    own = hand.scene.collision_points(thing)
    for kind, (points, opening_axis) in _HANDLES.items():
        if thing.startswith(kind):
            yield from _handle_grasps(*hand.scene.body_pose(thing), points, opening_axis)
            return
    if "mug" in thing or "bowl" in thing:
        yield from _rim_grasps(own, hand.scene.body_pose(thing)[0], "mug" in thing)
    else:
        yield from _side_grasps(own)


def _handle_grasps(
    origin: Array, rotation: Array, points: Sequence[Array], opening_axis: int
) -> Iterator[Grasp]:
    """At a handle, from above; the hand either way round, and rather near the object."""
    way = rotation[:, opening_axis]
    angle = float(np.arctan2(way[1], way[0]))
    for number, point in enumerate(points):
        for opening in (angle, angle + np.pi):
            for lean in _LEANS_RAD:
                cost = 30.0 * lean + 5.0 * number
                yield Grasp(origin + rotation @ point, opening, cost, lean)


def _rim_grasps(own: Array, axis: Array, mug: bool) -> Iterator[Grasp]:
    """One finger inside, one outside; a mug not at its handle."""
    offsets = own[:, :2] - axis[:2]
    distance = np.linalg.norm(offsets, axis=1)
    if mug:
        wall = _MUG_WALL_M
    else:
        axis = 0.5 * (own.max(0) + own.min(0))
        wall = 0.5 * float(np.ptp(own[:, :2], axis=0).min()) - _BOWL_WALL_M
    handle = offsets[distance.argmax()] / distance.max()
    for angle in np.linspace(-np.pi, np.pi, 16, endpoint=False):
        along = np.array([np.cos(angle), np.sin(angle)])
        point = np.array([*(axis[:2] + wall * along), own[:, 2].max() - _RIM_DEPTH_M])
        # The upright hand, which opens along y, has the least to turn.
        cost = abs(np.cos(angle)) + (8.0 if mug and along @ handle > 0.5 else 0.0)
        for lean in _LEANS_RAD:
            yield Grasp(point, float(angle), cost + 5.0 * lean, lean)


def _side_grasps(own: Array) -> Iterator[Grasp]:
    """Across a width that fits; the narrowest is best."""
    top, low = own[:, 2].max(), own[:, 2].min()
    middle = 0.5 * (own.max(0) + own.min(0))
    height = max(top - _FINGER_REACH_M, low + 0.012)
    point = np.array([middle[0], middle[1], height])
    for angle in np.linspace(-np.pi, np.pi, 72, endpoint=False):
        width = float(np.ptp(own[:, :2] @ [np.cos(angle), np.sin(angle)]))
        too_wide = max(0.0, width - _WIDEST_M)
        cost = 0.5 * abs(np.cos(angle)) + 100.0 * width + 1e4 * too_wide
        # Over something flat a leaning hand would rest on the table with one finger.
        for lean in _LEANS_RAD if top - low > _FLAT_M else (0.0,):
            yield Grasp(point, float(angle), cost + 60.0 * lean, lean)


def _in_the_way(points: Array, grasp: Grasp) -> int:
    """How many points of other things the open hand would strike on its way down."""
    local = grasp.local(points, grasp.point)
    section, height = np.abs(local[:, :2]), local[:, 2]
    fingers = (section < _FINGER_HALF_M).all(1) & (height > -0.008)
    palm = (section < HAND_HALF_M).all(1) & (height > PALM_HEIGHT_M - 0.01)
    return min(int((palm | fingers).sum()), 10)
