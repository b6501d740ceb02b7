"""Appendix J: between two skills a pose controller takes the arm back to where the task began.

Each demonstration of a skill starts from the same pose, so a policy that learned from them cannot
leave the pose in which the skill before ended. The controller returns ordinary actions; the agent
and `wrappers.SkillTransition` share it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mosel_gym.errors import SpecMismatch
from mosel_gym.rotations import relative_axis_angle
from mosel_gym.specs import ROTATION_SCALE_RAD, TRANSLATION_SCALE_M, RobotSpec
from mosel_gym.specs import robot as find_robot

MAX_JOINT_STEP_RAD = 0.1
"""How much an angle changes in a step at most, under `joint` control."""
_SCALE = np.array([TRANSLATION_SCALE_M] * 3 + [ROTATION_SCALE_RAD] * 3)


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
    """Leave the fingers as they are; False opens them (paper). A tool in hand needs True."""

    def __post_init__(self) -> None:
        """Refuse numbers that make no transition.

        Raises:
            SpecMismatch: With the number.
        """
        if not 0 <= self.rise_steps <= self.max_steps:
            raise SpecMismatch(
                f"rise_steps={self.rise_steps} must lie in 0..max_steps={self.max_steps}"
            )
        if self.rise_divisor <= 0:
            raise SpecMismatch(f"rise_divisor={self.rise_divisor} must be above 0")


class TransitionController:
    """Takes every hand of a robot back to a home pose, one action a step.

    Under `joint` control there is no rise: the angles go home together, none faster than
    `MAX_JOINT_STEP_RAD` a step.

    Example:
        controller = TransitionController(observation["proprio"])   # at the episode's start
        ...
        controller.reset()                                          # at the end of a skill
        while not controller.finished(observation["proprio"]):
            observation, *_ = env.step(controller.act(observation["proprio"]))
    """

    def __init__(
        self,
        home: NDArray[np.floating],
        config: TransitionConfig | None = None,
        robot: RobotSpec | None = None,
    ) -> None:
        """Remember the pose to return to.

        Args:
            home: `proprio` at the episode's start, float32 [P].
            config: Step numbers and tolerances; None takes those of the paper, with an early stop.
            robot: What the numbers of proprio and action mean; None = LIBERO's arm, "panda".

        Raises:
            SpecMismatch: `home` is not the proprioception of that robot.
        """
        self.config = config or TransitionConfig()
        self.robot = robot or find_robot("panda")
        self._home = self.robot.checked_proprio(home)
        self._home_poses = self.robot.end_effectors(self._home)
        self.reset()

    def reset(self) -> None:
        """Begin a new transition to the same home pose."""
        self.step = 0
        self._opens = np.zeros(len(self.robot.arms), bool)

    def error(self, proprio: NDArray[np.floating]) -> NDArray[np.float64]:
        """What is missing to the home poses: float64 [arms, 6], three m and three rad, world."""
        poses = zip(self._home_poses, self.robot.end_effectors(proprio), strict=True)
        return np.array(
            [
                np.concatenate([home - position, relative_axis_angle(home_turn, turn)])
                for (home, home_turn), (position, turn) in poses
            ]
        )

    def is_there(self, proprio: NDArray[np.floating]) -> bool:
        """Whether every hand is within both tolerances of home."""
        error = self.error(proprio)
        return bool(
            np.linalg.norm(error[:, :3], axis=1).max() < self.config.position_tolerance_m
            and np.linalg.norm(error[:, 3:], axis=1).max() < self.config.rotation_tolerance_rad
        )

    def finished(self, proprio: NDArray[np.floating]) -> bool:
        """Whether nothing is left to do: all steps were taken, or the arms are there already."""
        if self.step >= self.config.max_steps:
            return True
        return self.config.stop_when_there and self.is_there(proprio)

    def still(self, proprio: NDArray[np.floating]) -> NDArray[np.float32]:
        """The action that stays here, with the grippers as the config says, float32 [A].

        A hand that is told to open is told so until `reset`: after the first step, one that closed
        on nothing looks like one that holds something narrow.
        """
        grip: Literal["keep", "open"] = "keep" if self.config.keep_grip else "open"
        action = self.robot.still(proprio, grip)
        grippers = list(self.robot.gripper_dims)
        self._opens |= action[grippers] == self.robot.open_grip
        action[grippers] = np.where(self._opens, self.robot.open_grip, action[grippers])
        return action

    def act(self, proprio: NDArray[np.floating]) -> NDArray[np.float32]:
        """The next action of the transition, float32 [A]."""
        action = self.still(proprio)
        blocks = action.reshape(len(self.robot.arms), self.robot.block)
        if self.robot.control == "joint":
            home, now = (p.reshape(-1, 8)[:, :7] for p in (self._home, np.asarray(proprio)))
            blocks[:, :7] = now + np.clip(home - now, -MAX_JOINT_STEP_RAD, MAX_JOINT_STEP_RAD)
        else:
            blocks[:, :6] = np.clip(self.error(proprio) / _SCALE, -1.0, 1.0)
            if self.step < self.config.rise_steps:
                blocks[:, 2] /= self.config.rise_divisor
                blocks[:, [0, 1, 3, 4, 5]] = 0.0
        self.step += 1
        return action
