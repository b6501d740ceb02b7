"""An object between the fingers: steer the object, and let the hand follow from how it is held."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import quaternion

from mosel_gym.envs.libero.experts.hand import CLOSE, OPEN, Array, Hand
from mosel_gym.rotations import quat_to_axis_angle, relative_axis_angle

_STEP_TURN_RAD = 0.30
"""Turn asked for in one step at most; faster, and a thing that is held at its end slips."""
_LOST_M = 0.05
"""An object that has moved this far in the hand since it was taken is no longer held."""
_CLOSE_STEPS = 12


def pointing(hand: Hand, approach: Array, opening: Array) -> Array:
    """Hand rotation (axis-angle) with the fingers along `approach`, opening along +-`opening`.

    Of the two signs the one is taken that is nearer to the upright hand, so that the wrist stays
    away from its limits.

    Args:
        hand: The hand.
        approach: float64 `[3]`, world: from the palm to the fingertips.
        opening: float64 `[3]`, world; its part along `approach` is dropped.
    """
    z = np.asarray(approach, np.float64) / np.linalg.norm(approach)
    x = np.asarray(opening, np.float64) - z * (z @ opening)
    x /= np.linalg.norm(x)
    now = hand.scene.dynamics.eef_rotation
    choices = []
    for sign in (1.0, -1.0):
        wanted = np.stack([sign * x, np.cross(z, sign * x), z], axis=1)
        choices.append(hand.turned_about(_axis_angle(wanted @ now.T), hand.rotation))
    turns = [np.linalg.norm(relative_axis_angle(choice, hand.upright)) for choice in choices]
    return choices[int(np.argmin(turns))]


def take(hand: Hand, point: Array, rotation: Array, hover_m: float = 0.10) -> Iterator[Array]:
    """Come from above, close the fingers at `point` (m, world)."""
    above = point + [0.0, 0.0, hover_m]
    yield from hand.go(
        above, OPEN, tolerance_m=0.02, max_steps=80, rotation=rotation, turn_tolerance_rad=0.1
    )
    yield from hand.go(point, OPEN, tolerance_m=0.006, max_steps=40, rotation=rotation)
    yield from hand.stay(point, CLOSE, _CLOSE_STEPS, rotation)


def local_box(hand: Hand, thing: str) -> tuple[Array, Array]:
    """Lowest and highest corner of an object's collision boxes in its own frame, m."""
    position, rotation = hand.scene.body_pose(thing)
    points = (hand.scene.collision_points(thing) - position) @ rotation
    return points.min(0), points.max(0)


class Held:
    """How a thing sits in the hand, measured anew on every step while it is really there.

    After a grasp that missed, the last true measure stays, and the hand goes through the motions.
    """

    def __init__(self, hand: Hand, thing: str) -> None:
        """Measure the hold; call it when the fingers have closed."""
        self.hand, self.thing = hand, thing
        self._offset, self._turn = self._first = self._measured()

    def _measured(self) -> tuple[Array, Array]:
        """Position and rotation of the thing in the frame of the hand."""
        position, rotation = self.hand.scene.body_pose(self.thing)
        grip = self.hand.scene.dynamics.eef_rotation
        return grip.T @ (position - self.hand.position), grip.T @ rotation

    def pose(self) -> tuple[Array, Array]:
        """World position `[3]` m and rotation `[3, 3]` of the thing, as the hand believes."""
        measured = self._measured()
        if np.linalg.norm(measured[0] - self._first[0]) < _LOST_M:
            self._offset, self._turn = measured
        grip = self.hand.scene.dynamics.eef_rotation
        return self.hand.position + grip @ self._offset, grip @ self._turn

    def carry(
        self,
        position: Array,
        rotation: Array | None = None,
        *,
        tolerance_m: float = 0.008,
        turn_tolerance_rad: float = 0.06,
        max_steps: int = 70,
        lowest_hand_m: float = -np.inf,
    ) -> Iterator[Array]:
        """Move until the thing's origin is at `position` and turned as `rotation`.

        Args:
            position: float64 `[3]` m, world.
            rotation: float64 `[3, 3]`, world; None keeps the present one.
            tolerance_m: Of the position.
            turn_tolerance_rad: Of the rotation.
            max_steps: Gives up after so many.
            lowest_hand_m: The fingers' height (m, world) stays above this.
        """
        wanted = self.pose()[1] if rotation is None else rotation
        for _ in range(max_steps):
            at, turned = self.pose()
            turn = _axis_angle(wanted @ turned.T)
            angle = float(np.linalg.norm(turn))
            goal = position + _rotated(turn, self.hand.position - at)
            goal[2] = max(goal[2], lowest_hand_m)
            if np.linalg.norm(goal - self.hand.position) < tolerance_m and (
                angle < turn_tolerance_rad
            ):
                return
            if angle > _STEP_TURN_RAD:
                turn *= _STEP_TURN_RAD / angle
                goal = position + _rotated(turn, self.hand.position - at)
                goal[2] = max(goal[2], lowest_hand_m)
            yield self.hand.action(
                goal, CLOSE, self.hand.turned_about(turn, self.hand.rotation)
            )


def let_go(hand: Hand, away: Array, steps: int = 8) -> Iterator[Array]:
    """Open for some steps (8: all the way), then move by `away` (m, world) as the hand is turned."""
    here, rotation = hand.position, hand.rotation
    yield from hand.stay(here, OPEN, steps, rotation)
    grip = OPEN if steps >= 8 else 0.0
    yield from hand.go(here + away, grip, tolerance_m=0.02, max_steps=40, rotation=rotation)


def _axis_angle(matrix: Array) -> Array:
    """Shortest axis-angle `[3]` (rad) of a rotation matrix."""
    turn = quaternion.from_rotation_matrix(matrix)
    return quat_to_axis_angle(turn if turn.w >= 0 else -turn)


def _rotated(axis_angle: Array, vector: Array) -> Array:
    turn = quaternion.from_rotation_vector(axis_angle)
    rotated: Array = quaternion.as_rotation_matrix(turn) @ vector
    return rotated
