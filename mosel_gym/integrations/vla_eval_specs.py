"""What our robots send and take, in the words of vla-eval's spec check.

vla-eval compares both sides' specs before the first episode and logs what differs. Names and
formats are therefore those of its own LIBERO and RoboTwin benchmarks, letter for letter.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from vla_eval.specs import (
    GRIPPER_CLOSE_POS,
    IMAGE_RGB,
    LANGUAGE,
    POSITION_DELTA,
    ROTATION_AA,
    STATE_EEF_POS_AA_GRIP,
    DimSpec,
)

from mosel_gym.integrations.layouts import HarnessLayout
from mosel_gym.specs import RobotSpec

_ORIENTATIONS = {
    "rotated": "OpenGL's bottom-up picture turned by 180 degrees, as vla-eval's LIBERO sends it",
    "upright": "upright, as vla-eval's RoboTwin sends it",
}
_STATES = {
    "pose": replace(
        STATE_EEF_POS_AA_GRIP,
        description="m and rad in the world frame, no antipodal flip (quat_no_antipodal), m",
    ),
    "joints": DimSpec(
        "state",
        16,
        "joint_positions",
        description="left arm first: seven angles (rad) and the opening, 0 closed to 1 open",
    ),
}
_DELTA = {
    "position": replace(POSITION_DELTA, description="world frame, 1 = 0.05 m"),
    "rotation": replace(ROTATION_AA, description="world frame, 1 = 0.5 rad"),
    "gripper": replace(GRIPPER_CLOSE_POS, description="-1 opens, +1 closes"),
}


def action_spec(robot: RobotSpec) -> dict[str, DimSpec]:
    """Of a robot's actions: position, rotation, gripper, or joint targets.

    With two arms the names begin with the arm's: "left_position", "right_gripper".
    """
    if robot.control == "joint":
        told = "left arm first: seven absolute angles (rad) and the opening, 0 closed to 1 open"
        return {"joints": DimSpec("joints", robot.action_size, "joint_positions", None, None, told)}
    if len(robot.arms) == 1:
        return dict(_DELTA)
    return {f"{arm}_{name}": spec for arm in robot.arms for name, spec in _DELTA.items()}


def observation_spec(
    robot: RobotSpec, layout: HarnessLayout, cameras: Iterable[str], *, state: bool = True
) -> dict[str, DimSpec]:
    """Of a robot's observations.

    Args:
        robot: Whose state.
        layout: Says how pictures are turned.
        cameras: Names of those that are sent.
        state: Whether the state is sent.
    """
    image = replace(IMAGE_RGB, description=_ORIENTATIONS[layout.orientation])
    spec = {name: image for name in cameras}
    if state:
        spec["state"] = _STATES[robot.proprio]
    return spec | {"language": LANGUAGE}


def observation_params(robot: RobotSpec) -> dict[str, Any]:
    """What a benchmark has to be told so that it sends what an agent with this robot needs.

    The first three are arguments of vla-eval's LIBERO benchmark, the last one of ours.
    """
    if robot.proprio == "pose":
        return {"send_wrist_image": True, "send_state": True, "quat_no_antipodal": True}
    return {"control": robot.control}
