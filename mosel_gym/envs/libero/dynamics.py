"""Stepping LIBERO's Panda: operational-space control at 500 Hz inside a 20 Hz step.

Same equations and gains as robosuite 1.4's OSC_POSE with LIBERO's settings (fixed impedance, delta
commands, position and orientation decoupled), but with one forward pass a substep instead of three,
and no observation machinery. `tests/envs/libero/test_equivalence.py` holds the two together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import mujoco
import numba
import numpy as np
import quaternion
from numpy.typing import NDArray

from mosel_gym.rotations import axis_angle_to_quat

CONTROL_HZ = 20
POSITION_SCALE_M = 0.05
"""An action of 1 moves the goal by this much."""
ROTATION_SCALE_RAD = 0.5
_KP, _KD = 150.0, 2.0 * np.sqrt(150.0)
_NULL_KP, _NULL_KD = 10.0, 2.0 * np.sqrt(10.0)
_GRIPPER_RAMP = 0.01
"""Change of the normalised finger command per substep: 8 steps from open to closed."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class RobotIndex:
    """Where the robot lives in the compiled model."""

    arm_qpos: slice
    arm_dof: slice
    arm_actuators: slice
    finger_qpos: tuple[int, int]
    finger_actuators: tuple[int, int]
    grip_site: int
    hand_body: int
    home_qpos: Array
    """float64 `[7]` rad, the pose that the null space is pulled to."""
    torque_low: Array
    torque_high: Array


class PandaDynamics:
    """Advances a compiled LIBERO model by control steps.

    Controller state that a simulator state alone does not hold: the goal pose and the finger
    command.
    """

    def __init__(self, model: Any, data: Any, index: RobotIndex) -> None:
        self.model, self.data, self.index = model, data, index
        self._substeps = int(round(1.0 / CONTROL_HZ / model.opt.timestep))
        # Views into MuJoCo's own memory, taken once: making one costs as much as a small product.
        arm = index.arm_dof
        self._jacp, self._jacr = np.zeros((3, model.nv)), np.zeros((3, model.nv))
        self._arm_jacp, self._arm_jacr = self._jacp[:, arm], self._jacr[:, arm]
        self._qm, self._mass_address = data.qM, _arm_mass_address(model, arm)
        self._qpos, self._qvel = data.qpos[index.arm_qpos], data.qvel[arm]
        self._bias = data.qfrc_bias[arm]
        self._ctrl_arm = data.ctrl[index.arm_actuators]
        self.eef_position: Array = data.site_xpos[index.grip_site]
        """float64 `[3]` m, world, of the point between the fingertips; follows the simulation."""
        self.eef_rotation: Array = data.site_xmat[index.grip_site].reshape(3, 3)
        """float64 `[3, 3]`, world, of the grip site (the controller's frame); follows it too."""
        low, high = model.actuator_ctrlrange[list(index.finger_actuators)].T
        self._finger_mid, self._finger_half = 0.5 * (low + high), 0.5 * (high - low)
        self.goal_position = np.zeros(3)
        self.goal_rotation = np.eye(3)
        self.finger_command = np.zeros(2)

    def reset_controller(self) -> None:
        """Forget the last goal: hold the current pose with the fingers' command at zero."""
        self.goal_position = self.eef_position.copy()
        self.goal_rotation = self.eef_rotation.copy()
        self.finger_command = np.zeros(2)

    def step(self, action: Array) -> None:
        """Advance by one control step (0.05 s).

        Args:
            action: float64 `[7]` in -1..1: position delta, rotation delta (axis-angle, world
                frame), gripper (-1 opens, +1 closes, 0 holds).
        """
        self._set_goal(action)
        direction = np.array([-1.0, 1.0]) * (_GRIPPER_RAMP * np.sign(action[6]))
        fingers = list(self.index.finger_actuators)
        for _ in range(self._substeps):
            self.finger_command = np.minimum(np.maximum(self.finger_command + direction, -1.0), 1.0)
            self._ctrl_arm[:] = self._arm_torques()
            self.data.ctrl[fingers] = self._finger_mid + self._finger_half * self.finger_command
            mujoco.mj_step2(self.model, self.data)
            # step1 last, so that poses and contacts are those of the state just reached.
            mujoco.mj_step1(self.model, self.data)

    def _set_goal(self, action: Array) -> None:
        self.goal_position = self.eef_position + POSITION_SCALE_M * action[:3]
        rotation = ROTATION_SCALE_RAD * action[3:6]
        if rotation.any():  # a zero rotation keeps the last goal, as robosuite does
            turn = quaternion.as_rotation_matrix(axis_angle_to_quat(rotation))
            self.goal_rotation = turn @ self.eef_rotation

    def _arm_torques(self) -> Array:
        mujoco.mj_jacSite(self.model, self.data, self._jacp, self._jacr, self.index.grip_site)
        torques: Array = _operational_space_torques(
            self._arm_jacp,
            self._arm_jacr,
            self._qm[self._mass_address],
            self._qvel,
            self._qpos,
            self._bias,
            self.eef_position,
            self.eef_rotation,
            self.goal_position,
            self.goal_rotation,
            self.index.home_qpos,
            self.index.torque_low,
            self.index.torque_high,
        )
        return torques


def _arm_mass_address(model: Any, arm: slice) -> NDArray[np.intp]:
    """Where MuJoCo's packed mass matrix holds the arm's, intp `[7, 7]`.

    The arm is a chain, so row i lists the columns i, i - 1, ..., first.
    """
    address = np.empty((7, 7), np.intp)
    for i in range(7):
        for j in range(i + 1):
            address[i, j] = address[j, i] = model.dof_Madr[arm.start + i] + (i - j)
    return address


@numba.njit(cache=True)
def _operational_space_torques(
    jacp: Array,
    jacr: Array,
    mass: Array,
    velocity: Array,
    angles: Array,
    bias: Array,
    position: Array,
    rotation: Array,
    goal_position: Array,
    goal_rotation: Array,
    home: Array,
    lowest: Array,
    highest: Array,
) -> Array:
    """Khatib's operational-space law: task wrench plus a null-space pull to the home pose."""
    jacobian = np.empty((6, 7))
    jacobian[:3], jacobian[3:] = jacp, jacr
    # Half the sum of the columns' cross products: axis * sin(angle), as robosuite takes it.
    skew = goal_rotation @ rotation.T
    error = np.empty(6)
    error[:3] = goal_position - position
    error[3] = 0.5 * (skew[2, 1] - skew[1, 2])
    error[4] = 0.5 * (skew[0, 2] - skew[2, 0])
    error[5] = 0.5 * (skew[1, 0] - skew[0, 1])
    wrench = _KP * error - _KD * (jacobian @ velocity)

    inverse_mass_jt = np.linalg.solve(mass, jacobian.T)  # (7, 6)
    inverse_lambda = jacobian @ inverse_mass_jt  # (6, 6)
    force = np.empty(6)
    force[:3] = np.linalg.solve(inverse_lambda[:3, :3], wrench[:3])
    force[3:] = np.linalg.solve(inverse_lambda[3:, 3:], wrench[3:])

    home_pull = mass @ (_NULL_KP * (home - angles) - _NULL_KD * velocity)
    # (I - J^T Lambda J M^-1) tau, without forming the matrix
    home_pull -= jacobian.T @ np.linalg.solve(inverse_lambda, inverse_mass_jt.T @ home_pull)
    torques = jacobian.T @ force + bias + home_pull
    limited: Array = np.minimum(np.maximum(torques, lowest), highest)
    return limited
