"""How a robot's `proprio` and action are laid out: conventions as data, one table for all sides.

An environment names its row in `info["robot"]`; an agent names the row that it was made for in its
config. Whoever needs a hand's pose, the gripper's polarity or an action that changes nothing asks
the row, and never counts indexes itself.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mosel_gym import panda
from mosel_gym.errors import SpecMismatch, UnknownId
from mosel_gym.rotations import matrix_to_axis_angle

Array = NDArray[np.float64]

TRANSLATION_SCALE_M = 0.05
"""What +-1 means in the translation of an `ee_delta` action."""
ROTATION_SCALE_RAD = 0.5
"""What +-1 means in the rotation of an `ee_delta` action (axis-angle, world frame)."""
_EMPTY_BELOW = 0.05
"""A gripper that is this far closed holds nothing: the thinnest thing holds it open by 0.2."""
_OPEN_ABOVE = 0.9
"""A gripper that is this far open holds nothing."""
DUAL_PANDA_FEET_M = ((-0.4, -0.55, 0.74), (0.4, -0.55, 0.74))
"""World positions of the two arms' feet, left first; both look along world +y."""
DUAL_PANDA_YAW_RAD = np.pi / 2


@dataclass(frozen=True)
class RobotSpec:
    """One robot under one control mode.

    An action has one block per arm, left first: in `ee_delta` translation `[3]` and rotation `[3]`
    in -1..1 and the gripper, in `joint` the absolute angles `[7]` (rad) and the gripper.
    """

    name: str
    arms: tuple[str, ...]
    """Names of the arms, in the order of proprio and action; ("arm",) where there is one."""
    control: Literal["ee_delta", "joint"]
    proprio: Literal["pose", "joints"]
    """"pose" (one arm): end effector position (m, world), axis-angle (rad, world), two fingers (m).
    "joints": per arm seven angles (rad) and the gripper's opening (0 = closed, 1 = open)."""

    @property
    def block(self) -> int:
        """Numbers per arm in an action, the gripper's last."""
        return 7 if self.control == "ee_delta" else 8

    @property
    def action_size(self) -> int:
        """A."""
        return self.block * len(self.arms)

    @property
    def proprio_size(self) -> int:
        """P."""
        return 8 * len(self.arms)

    @property
    def gripper_dims(self) -> tuple[int, ...]:
        """Where the grippers are in an action."""
        return tuple(self.block * (arm + 1) - 1 for arm in range(len(self.arms)))

    @property
    def open_grip(self) -> float:
        """Gripper command that opens: -1 in `ee_delta` (as in LIBERO), 1 in `joint`."""
        return -1.0 if self.control == "ee_delta" else 1.0

    @property
    def close_grip(self) -> float:
        """Gripper command that closes."""
        return 1.0 if self.control == "ee_delta" else 0.0

    @property
    def rotation_at(self) -> int | None:
        """Where in `proprio` an axis-angle starts; None where there is none."""
        return 3 if self.proprio == "pose" else None

    def end_effectors(self, proprio: NDArray[np.floating]) -> tuple[tuple[Array, Array], ...]:
        """Position (float64 `[3]`, m, world) and axis-angle (`[3]`, rad, world) of every hand.

        Raises:
            SpecMismatch: `proprio` has another length.
        """
        values = self.checked_proprio(proprio)
        if self.proprio == "pose":
            return ((values[:3], values[3:6]),)
        poses = []
        turn = panda.rotation_z(DUAL_PANDA_YAW_RAD)
        for arm, foot in enumerate(DUAL_PANDA_FEET_M):
            frame = panda.end_effector(values[8 * arm : 8 * arm + 7])
            position = turn @ frame[:3, 3] + np.asarray(foot)
            poses.append((position, matrix_to_axis_angle(turn @ frame[:3, :3])))
        return tuple(poses)

    def still(
        self, proprio: NDArray[np.floating], grip: Literal["open", "keep"] = "open"
    ) -> NDArray[np.float32]:
        """The action that leaves the arms where they are, float32 `[A]`.

        Args:
            proprio: The present one.
            grip: "open" opens the grippers, "keep" leaves them as they are (under `joint` control,
                where 0 is no "hold", it closes those that are not open). Where `proprio` tells
                that a gripper has closed on nothing, "keep" opens it: no skill begins so.

        Raises:
            SpecMismatch: `proprio` has another length.
        """
        values = self.checked_proprio(proprio)
        action = np.zeros(self.action_size, np.float32)
        grippers = list(self.gripper_dims)
        if self.control == "joint":
            action[:] = values  # the same layout: angles and opening
            # The opening with something in hand says nothing of the force that holds it.
            action[grippers] = np.where(values[grippers] > _OPEN_ABOVE, 1.0, 0.0)
        if grip == "open":
            action[grippers] = self.open_grip
        elif self.proprio == "joints":
            empty = values[7::8] < _EMPTY_BELOW
            action[grippers] = np.where(empty, self.open_grip, action[grippers])
        return action

    def mirrored_proprio(self, rows: NDArray[np.floating]) -> NDArray[np.float32]:
        """`proprio` (float `[..., P]`) in the mirror between the two arms, float32 `[..., P]`.

        Raises:
            SpecMismatch: The robot has not two arms.
        """
        self._require_two()
        return _swapped_arms(rows, _MIRROR_ANGLES, _MIRROR_ANGLES_FROM)

    def mirrored_action(self, rows: NDArray[np.floating]) -> NDArray[np.float32]:
        """Actions (float `[..., A]`) in the mirror between the two arms, float32 `[..., A]`.

        Raises:
            SpecMismatch: The robot has not two arms.
        """
        self._require_two()
        if self.control == "joint":
            return _swapped_arms(rows, _MIRROR_ANGLES, _MIRROR_ANGLES_FROM)
        return _swapped_arms(rows, _MIRROR_EE_DELTA, np.zeros(self.block))

    def _require_two(self) -> None:
        if len(self.arms) != 2:
            two = [name for name, spec in ROBOTS.items() if len(spec.arms) == 2]
            raise SpecMismatch(
                f"The robot {self.name!r} has {len(self.arms)} arm, and a mirror makes one hand "
                f"the other. Robots with two arms: {two}."
            )

    def checked_proprio(self, proprio: NDArray[np.floating]) -> Array:
        """`proprio` as float64.

        Raises:
            SpecMismatch: Not `proprio_size` finite numbers.
        """
        values = np.asarray(proprio, np.float64)
        if values.shape != (self.proprio_size,) or not np.isfinite(values).all():
            raise SpecMismatch(
                f"The robot {self.name!r} has {self.proprio_size} finite numbers of "
                f"proprioception, not {proprio!r}. Is the agent's `robot` that of the "
                "environment (`info['robot']`)?"
            )
        return values


def _swapped_arms(rows: NDArray[np.floating], signs: Array, origin: Array) -> NDArray[np.float32]:
    """Rows of two blocks: the blocks swapped, and each number turned round about its origin."""
    blocks = np.asarray(rows).reshape(*np.shape(rows)[:-1], 2, len(signs))[..., ::-1, :]
    turned = (blocks - origin) * signs + origin
    return turned.reshape(np.shape(rows)).astype(np.float32)


# The plane holds the world's y and z: a translation keeps these, an axis of rotation its x.
_MIRROR_EE_DELTA = np.array([-1.0, 1.0, 1.0, 1.0, -1.0, -1.0, 1.0])
# Every second joint of the Panda turns it out of its own upright plane, in which it is at home.
_MIRROR_ANGLES = np.array([-1.0, 1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 1.0])
_MIRROR_ANGLES_FROM = np.array([*panda.HOME_RAD, 0.0])

ROBOTS: dict[str, RobotSpec] = {
    spec.name: spec
    for spec in (
        RobotSpec("panda", ("arm",), "ee_delta", "pose"),
        RobotSpec("dual-panda-ee", ("left", "right"), "ee_delta", "joints"),
        RobotSpec("dual-panda-joint", ("left", "right"), "joint", "joints"),
    )
}
"""Every robot that an environment or an agent may name."""


def robot(name: str) -> RobotSpec:
    """The row of that name.

    Raises:
        UnknownId: With the names there are.
    """
    if name in ROBOTS:
        return ROBOTS[name]
    near = difflib.get_close_matches(name, ROBOTS, n=1)
    raise UnknownId(f"Unknown robot {name!r}. Allowed: {list(ROBOTS)}. Nearest: {near}.")
