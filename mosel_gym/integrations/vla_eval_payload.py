"""Our observations as vla-eval's own LIBERO and RoboTwin benchmarks send theirs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mosel_gym.integrations.layouts import (
    SAYS_ORIENTATION,
    SAYS_STATE,
    STATES,
    HarnessLayout,
)
from mosel_gym.rotations import axis_angle_to_quat, shortest_axis_angle
from mosel_gym.specs import RobotSpec
from mosel_gym.wrappers.observation_format import TURNS

SHORTEST = "eef_position+shortest_axis_angle+finger_joints"
"""How a state with the shorter way round is declared; no agent of ours was trained on it."""


def payload(
    layout: HarnessLayout,
    robot: RobotSpec,
    observation: Mapping[str, NDArray[Any]],
    orientation: str,
    goal: str,
    *,
    cameras: Iterable[str],
    state: bool,
    antipodal: bool,
) -> dict[str, Any]:
    """One observation in the form that a model server gets.

    Args:
        layout: Where things go and how pictures are turned.
        robot: Whose state.
        observation: The environment's.
        orientation: Of its pictures, `info["image_orientation"]`.
        goal: The task's text.
        cameras: Those to send.
        state: Send LIBERO's state; a state of joints is always sent, as vla-eval's RoboTwin does.
        antipodal: Give LIBERO's axis-angle the shorter way round.
    """
    message: dict[str, Any] = {"images": {}, SAYS_ORIENTATION: layout.orientation}
    for camera in cameras:
        upright = observation[camera][TURNS[orientation]]
        turned = np.ascontiguousarray(upright[TURNS[layout.orientation]])
        message["images"][layout.pictures[camera][-1]] = turned
    message["task_description"] = goal
    values = np.array(observation["proprio"], np.float32)
    says = STATES[robot.proprio]
    if robot.proprio == "pose" and antipodal:
        values[3:6] = shortest_axis_angle(axis_angle_to_quat(values[3:6]))
        says = SHORTEST
    if state or robot.proprio == "joints":
        message |= {layout.state[-1]: values, SAYS_STATE: says}
    return message
