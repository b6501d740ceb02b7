"""The gripper under proportional control: what every expert moves with."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mosel_gym.envs.libero.env import LiberoEnv
from mosel_gym.rotations import axis_angle_to_quat, quat_to_axis_angle, relative_axis_angle

Array = NDArray[np.float64]
OPEN, CLOSE = -1.0, 1.0
_GAIN = 2.0 / 0.05
"""Commanded fraction of full scale per metre of error; the arm lags, so it asks for twice."""
_RADIAN_M = 0.1
"""What a radian of rotation counts beside a metre of distance, for telling whether it goes on."""
_PROGRESS_M, _PATIENCE = 0.001, 8
"""A motion that gets less than this nearer in so many steps has come to its end."""


class Hand:
    """Moves the end effector by proportional control; every method yields actions, float64 `[7]`.

    Positions are those of the point between the fingertips (m, world). Rotations are axis-angles
    (rad, world) of the hand, as in `proprio[3:6]`; `upright` is the one that points straight down
    with the fingers opening along world y.
    """

    def __init__(self, env: LiberoEnv) -> None:
        """Take the hand of `env`; its rotation at the episode's start is the upright one."""
        self.env = env
        self.scene = env.scene
        self.upright = env.home_rotation

    @property
    def position(self) -> Array:
        """float64 `[3]` m, world."""
        return self.scene.dynamics.eef_position.copy()

    @property
    def rotation(self) -> Array:
        """float64 `[3]` rad, world, axis-angle."""
        return self.env._proprio()[3:6].astype(np.float64)

    def turned(self, yaw: float, rotation: Array | None = None) -> Array:
        """`rotation` (None: upright) turned by `yaw` (rad) about the world's z axis."""
        return self.turned_about([0.0, 0.0, yaw], rotation)

    def turned_about(self, axis_angle: object, rotation: Array | None = None) -> Array:
        """`rotation` (None: upright) turned by an axis-angle `[3]` (rad) in the world frame."""
        start = self.upright if rotation is None else rotation
        turn = axis_angle_to_quat(np.asarray(axis_angle, np.float64))
        return quat_to_axis_angle(turn * axis_angle_to_quat(start))

    def opening_along(self, direction_rad: float) -> Array:
        """Upright, turned so that the fingers open along a horizontal direction (rad, world).

        Of the two ways that look alike, the one that is at most a quarter turn away.
        """
        return self.turned(direction_rad % np.pi - np.pi / 2.0)

    def action(self, goal: Array, grip: float, rotation: Array | None = None) -> Array:
        """One action towards a pose; None keeps the hand upright."""
        action = np.zeros(7)
        action[:3] = _GAIN * (goal - self.position)
        wanted = self.upright if rotation is None else rotation
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
        turn_tolerance_rad: float | None = None,
    ) -> Iterator[Array]:
        """Move until the position (and the rotation, if a tolerance is given) is reached.

        It also ends when it gets no nearer for a while: something is in the way, or the arm is at
        the end of its reach.
        """
        wanted = self.upright if rotation is None else rotation
        best, best_step = np.inf, 0
        for step in range(max_steps):
            off = float(np.linalg.norm(goal - self.position))
            turned = float(np.linalg.norm(relative_axis_angle(wanted, self.env._proprio()[3:6])))
            if off < tolerance_m and (turn_tolerance_rad is None or turned < turn_tolerance_rad):
                return
            missing = off + (0.0 if turn_tolerance_rad is None else _RADIAN_M * turned)
            if missing < best - _PROGRESS_M:
                best, best_step = missing, step
            if step - best_step > _PATIENCE:
                return
            yield self.action(goal, grip, rotation)

    def stay(
        self, goal: Array, grip: float, steps: int, rotation: Array | None = None
    ) -> Iterator[Array]:
        """Hold a pose for some steps."""
        for _ in range(steps):
            yield self.action(goal, grip, rotation)
