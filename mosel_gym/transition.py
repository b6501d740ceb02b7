"""Appendix J: between two skills a pose controller takes the arm back to where the task began.

Each demonstration of a skill starts from the same pose, so a policy that learned from them cannot
leave the pose in which the skill before ended. The controller returns ordinary actions; the agent
and `wrappers.SkillTransition` share it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mosel_gym.rotations import relative_axis_angle

MAX_POSITION_DELTA_M = 0.05
"""What +-1 means in the first three action dimensions, m."""
MAX_ROTATION_DELTA_RAD = 0.5
"""What +-1 means in the next three, rad."""
_SCALE = np.array([MAX_POSITION_DELTA_M] * 3 + [MAX_ROTATION_DELTA_RAD] * 3)
_OPEN, _HOLD = -1.0, 0.0


@dataclass(frozen=True)
class TransitionConfig:
    """How the arm goes home."""

    rise_steps: int = 20
    """N_1: steps of straight motion towards the home height before the full correction."""
    rise_divisor: float = 5.0
    """The rise commands the normalised height error divided by this."""
    max_steps: int = 50
    """Steps in total, the rise included."""
    stop_when_there: bool = True
    """End once the pose is within both tolerances; False takes all `max_steps` (the paper)."""
    position_tolerance_m: float = 0.01
    rotation_tolerance_rad: float = 0.05
    keep_grip: bool = False
    """Send 0, which leaves the fingers as they are; False sends -1, which opens them (paper)."""

    def __post_init__(self) -> None:
        """Refuse numbers that make no transition."""
        if not 0 <= self.rise_steps <= self.max_steps:
            raise ValueError(
                f"rise_steps={self.rise_steps} must lie in 0..max_steps={self.max_steps}"
            )
        if self.rise_divisor <= 0:
            raise ValueError(f"rise_divisor={self.rise_divisor} must be above 0")


class TransitionController:
    """Takes the end effector back to a home pose, one action a step.

    Example:
        controller = TransitionController(proprio[:3], proprio[3:6])   # at the episode's start
        ...
        controller.reset()                                             # at the end of a skill
        while not controller.finished(observation["proprio"]):
            observation, *_ = env.step(controller.act(observation["proprio"]))
    """

    def __init__(
        self,
        home_position: ArrayLike,
        home_axis_angle: ArrayLike,
        config: TransitionConfig | None = None,
    ) -> None:
        """Remember the pose to return to.

        Args:
            home_position: End-effector position [3], m, world frame.
            home_axis_angle: End-effector orientation [3], rad, world frame.
            config: Step numbers and tolerances; None takes those of the paper, with an early stop.

        Raises:
            ValueError: A pose is not three finite numbers.
        """
        self.config = config or TransitionConfig()
        self._position = np.asarray(home_position, dtype=np.float64)
        self._axis_angle = np.asarray(home_axis_angle, dtype=np.float64)
        for name, value in (("position", self._position), ("axis_angle", self._axis_angle)):
            if value.shape != (3,) or not np.isfinite(value).all():
                raise ValueError(f"home_{name} must be 3 finite numbers, got {value!r}")
        self.step = 0

    def reset(self) -> None:
        """Begin a new transition to the same home pose."""
        self.step = 0

    def error(self, proprio: NDArray[np.floating]) -> NDArray[np.float64]:
        """What is missing to the home pose: float64 [6], three m and three rad, world frame."""
        delta_position = self._position - np.asarray(proprio[:3], dtype=np.float64)
        return np.concatenate([delta_position, relative_axis_angle(self._axis_angle, proprio[3:6])])

    def is_there(self, proprio: NDArray[np.floating]) -> bool:
        """Whether the pose is within both tolerances of home."""
        error = self.error(proprio)
        return bool(
            np.linalg.norm(error[:3]) < self.config.position_tolerance_m
            and np.linalg.norm(error[3:]) < self.config.rotation_tolerance_rad
        )

    def finished(self, proprio: NDArray[np.floating]) -> bool:
        """Whether nothing is left to do: all steps were taken, or the arm is there already."""
        if self.step >= self.config.max_steps:
            return True
        return self.config.stop_when_there and self.is_there(proprio)

    def act(self, proprio: NDArray[np.floating]) -> NDArray[np.float32]:
        """The next action of the transition.

        Args:
            proprio: float32 [8]: end-effector xyz (m, world), axis-angle (rad), two fingers (m).

        Returns:
            float32 [7] in -1..1: an OSC delta and the gripper command.
        """
        normalised = np.clip(self.error(proprio) / _SCALE, -1.0, 1.0)
        if self.step < self.config.rise_steps:
            height = normalised[2] / self.config.rise_divisor
            normalised = np.array([0.0, 0.0, height, 0.0, 0.0, 0.0])
        self.step += 1
        gripper = _HOLD if self.config.keep_grip else _OPEN
        return np.append(normalised, gripper).astype(np.float32)
