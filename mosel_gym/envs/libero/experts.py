"""Scripted experts with privileged poses: for demonstrations, and to check that a task is solvable.

An expert reads object poses from the simulator, so nothing that it does may enter a result that
claims to be autonomous.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mosel_gym.envs.libero.env import LiberoEnv
from mosel_gym.errors import UnknownId
from mosel_gym.rotations import axis_angle_to_quat, quat_to_axis_angle, relative_axis_angle

Array = NDArray[np.float64]
_OPEN, _CLOSE = -1.0, 1.0
_GAIN = 2.0 / 0.05
"""Commanded fraction of full scale per metre of error; the arm lags, so it asks for twice."""
_HOVER_M, _LIFT_M, _RETREAT_M = 0.12, 0.20, 0.12
_FINGER_REACH_M = 0.035
"""How far the fingertips may go below the top of a tall object."""
_RIM_OFFSET_M = 0.038
"""From a mug's axis to its wall."""
_PALM_HEIGHT_M = 0.058
"""From the fingertips up to the palm."""
_HAND_HALF_M = np.array([0.035, 0.11])
"""Footprint of the open hand beside the grasp point: along x, and along the opening (y)."""


@dataclass(frozen=True)
class AimErrors:
    """How far beside the mark an expert aims, float64 `[3]` m, world."""

    grasp: Array
    place: Array


@dataclass(frozen=True)
class _PickAndPlace:
    target: str
    rim: bool
    """Grasp the rim (mugs) or across the narrow side (boxes)."""
    onto: str | None = None
    region: str | None = None


_SKILLS = {
    "put the white mug on the plate": _PickAndPlace("porcelain_mug_1", rim=True, onto="plate_1"),
    "put the red mug on the plate": _PickAndPlace("red_coffee_mug_1", rim=True, onto="plate_1"),
    "put the chocolate pudding to the right of the plate": _PickAndPlace(
        "chocolate_pudding_1", rim=False, region="living_room_table_plate_right_region"
    ),
    "put the chocolate pudding to the left of the plate": _PickAndPlace(
        "chocolate_pudding_1", rim=False, region="living_room_table_plate_left_region"
    ),
}


def skill_actions(env: LiberoEnv, skill: str, errors: AimErrors | None = None) -> Iterator[Array]:
    """The expert's actions for one skill, float64 `[7]`; each reads the state reached so far.

    With `errors` it aims beside the mark and does not try again.

    Raises:
        UnknownId: There is no expert for this skill.
    """
    if skill not in _SKILLS:
        raise UnknownId(f"No scripted expert for {skill!r}. Known: {sorted(_SKILLS)}.")
    job = _SKILLS[skill]
    for _ in range(1 if errors else 2):  # one retry
        yield from _pick_and_place(_Hand(env), job, errors)
        if env.scene.holds(env.scene.skill_goals[skill]):
            return


class _Hand:
    """Moves the gripper, pointing down, by proportional control."""

    def __init__(self, env: LiberoEnv) -> None:
        self.env = env
        self.scene = env.scene
        self.upright = env._proprio()[3:6].astype(np.float64)

    @property
    def position(self) -> Array:
        return self.scene.dynamics.eef_position.copy()

    def action(self, goal: Array, grip: float, yaw_rotation: Array | None = None) -> Array:
        action = np.zeros(7)
        action[:3] = _GAIN * (goal - self.position)
        wanted = self.upright if yaw_rotation is None else yaw_rotation
        action[3:6] = relative_axis_angle(wanted, self.env._proprio()[3:6]) / 0.5
        action[6] = grip
        return np.clip(action, -1.0, 1.0)

    def go(
        self,
        goal: Array,
        grip: float,
        tolerance_m: float = 0.01,
        max_steps: int = 60,
        rotation: Array | None = None,
    ) -> Iterator[Array]:
        for _ in range(max_steps):
            if np.linalg.norm(goal - self.position) < tolerance_m:
                return
            yield self.action(goal, grip, rotation)

    def stay(
        self, goal: Array, grip: float, steps: int, rotation: Array | None = None
    ) -> Iterator[Array]:
        for _ in range(steps):
            yield self.action(goal, grip, rotation)


def _pick_and_place(hand: _Hand, job: _PickAndPlace, errors: AimErrors | None) -> Iterator[Array]:
    errors = errors or AimErrors(np.zeros(3), np.zeros(3))
    grasp, rotation = _grasp(hand, job)
    grasp = grasp + errors.grasp
    above = grasp + [0.0, 0.0, _HOVER_M]
    yield from hand.go(above, _OPEN, rotation=rotation)
    yield from hand.go(grasp, _OPEN, tolerance_m=0.006, max_steps=40, rotation=rotation)
    yield from hand.stay(grasp, _CLOSE, 13, rotation)
    lifted = grasp + [0.0, 0.0, _LIFT_M]
    yield from hand.go(lifted, _CLOSE, tolerance_m=0.02, rotation=rotation)

    place = _place_point(hand, job) + errors.place
    for _ in range(2):  # the held object may have slipped: aim with its present offset, twice
        offset = hand.position - hand.scene.body_pose(job.target)[0]
        carry = np.array([place[0] + offset[0], place[1] + offset[1], lifted[2]])
        yield from hand.go(carry, _CLOSE, tolerance_m=0.008, rotation=rotation)
    bottom = hand.scene.collision_points(job.target)[:, 2].min()
    lowered = hand.position + [0.0, 0.0, place[2] - bottom]
    lowered[2] = max(lowered[2], _lowest_hand(hand, job, lowered))
    yield from hand.go(lowered, _CLOSE, tolerance_m=0.008, max_steps=50, rotation=rotation)
    yield from hand.stay(lowered, _OPEN, 8, rotation)
    yield from hand.go(lowered + [0.0, 0.0, _RETREAT_M], _OPEN, tolerance_m=0.02, rotation=rotation)


def _grasp(hand: _Hand, job: _PickAndPlace) -> tuple[Array, Array]:
    """Grasp point (m, world) and hand rotation (axis-angle) for the object where it lies now."""
    points = hand.scene.collision_points(job.target)
    centre, _ = hand.scene.body_pose(job.target)
    top, low = points[:, 2].max(), points[:, 2].min()
    if job.rim:
        others = [n for n in hand.scene.object_names if n != job.target]
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
    return np.array([middle[0], middle[1], height]), _turned(hand.upright, yaw)


def _lowest_hand(hand: _Hand, job: _PickAndPlace, at: Array) -> float:
    """How far down (m, world) the fingertips may go so that the palm clears what stands beside."""
    others = [n for n in hand.scene.object_names if n not in (job.target, job.onto)]
    points = np.concatenate([hand.scene.collision_points(n) for n in others])
    beside = (np.abs(points[:, :2] - at[:2]) < _HAND_HALF_M + 0.02).all(1)
    return float(points[beside, 2].max(initial=-np.inf)) - _PALM_HEIGHT_M


def _points_in_hand(points: Array, grasp: Array, height: float) -> int:
    near = np.abs(points[:, :2] - grasp[:2]) < _HAND_HALF_M
    return int((near.all(1) & (points[:, 2] > height - 0.02)).sum())


def _narrow_yaw(corners: Array) -> float:
    """Turn (rad, within +-pi/2) that lays the opening, world y, across the narrow side."""
    yaws = np.linspace(-np.pi / 2, np.pi / 2, 91)
    directions = np.stack([-np.sin(yaws), np.cos(yaws)])  # world y turned by yaw
    widths = np.ptp(corners @ directions, axis=0)
    best = widths.min() + 0.002
    candidates = yaws[widths <= best]
    return float(candidates[np.abs(candidates).argmin()])


def _turned(upright: Array, yaw: float) -> Array:
    return quat_to_axis_angle(axis_angle_to_quat([0.0, 0.0, yaw]) * axis_angle_to_quat(upright))


def _place_point(hand: _Hand, job: _PickAndPlace) -> Array:
    """Where the object's origin goes in x and y, and its lowest point in z."""
    if job.onto is not None:
        centre, _ = hand.scene.body_pose(job.onto)
        rest = hand.scene.collision_points(job.onto)[:, 2].max()
        return np.array([centre[0], centre[1], rest + 0.004])
    assert job.region is not None
    centre = hand.scene.region_centre(job.region)
    half = hand.scene.region_half_size(job.region)[:2] - 0.010
    others = [n for n in hand.scene.object_names if n != job.target]
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
