"""LeRobot's names for our cameras, and which way up its pictures are.

Inside LeRobot, LIBERO's pictures are turned by 180 degrees ("rotated"): its published LIBERO
datasets are, its trained policies expect it, and its processor for its own LIBERO environment does
the turn before a policy sees anything. So "rotated" is what our environments hand out there, what
our policy expects there, and what exported datasets hold. RoboTwin's pictures are upright.

This module needs no LeRobot.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mosel_gym.errors import SpecMismatch
from mosel_gym.integrations.layouts import HarnessLayout, Received, layout, received
from mosel_gym.specs import ROBOTS, RobotSpec
from mosel_gym.wrappers.observation_format import TURNS

IMAGES = "observation.images."
STATE = "observation.state"
ACTION = "action"
TASK = "task"
FPS = 20

_THEIRS = {"agentview": "image", "wrist": "image2"}
_OURS = {theirs: ours for ours, theirs in _THEIRS.items()}


def their_camera(ours: str) -> str:
    """LIBERO's two cameras are "image" and "image2" there; all others keep their names."""
    return _THEIRS.get(ours, ours)


def our_camera(theirs: str) -> str:
    """The inverse of `their_camera`."""
    return _OURS.get(theirs, theirs)


def orientation(robot: RobotSpec) -> str:
    """Which way up a robot's pictures are inside LeRobot, a key of `TURNS`."""
    return "rotated" if robot.proprio == "pose" else "upright"


def turned(pictures: NDArray[Any], incoming: str, outgoing: str) -> NDArray[Any]:
    """Turn pictures `[..., H, W, 3]` from one orientation into another; both keys of `TURNS`."""
    upright: Any = (..., *TURNS[incoming], slice(None))
    wanted: Any = (..., *TURNS[outgoing], slice(None))
    return np.ascontiguousarray(pictures[upright][wanted])


def batch_layout(robot: RobotSpec) -> HarnessLayout:
    """Where a policy's batch has what we need, after LeRobot's processors."""
    known = layout("lerobot", robot)
    pictures = {ours: (IMAGES + their_camera(ours),) for ours in known.pictures}
    return replace(
        known, orientation=orientation(robot), pictures=pictures, state=(STATE,), text=(TASK,)
    )


def rows_of(batch: Mapping[str, Any], robot: RobotSpec) -> list[Received]:
    """A policy's batch as one observation and goal text for every row.

    Args:
        batch: Arrays with a leading axis: `observation.images.<camera>` float `[B, 3, H, W]` in
            0..1, `observation.state` float `[B, P]`, and `task`, B texts. Other entries are
            not looked at.
        robot: Whose state to expect.

    Raises:
        SpecMismatch: Something is missing, has another length, type, shape or range.
    """
    known = batch_layout(robot)
    count = _batch_size(batch)
    columns: dict[str, Any] = {STATE: np.asarray(batch[STATE])}
    if TASK in batch:
        columns[TASK] = _texts(batch[TASK], count)
    for (key,) in known.pictures.values():
        if key in batch:
            columns[key] = pictures_from_floats(np.asarray(batch[key]), key)
    for key, column in columns.items():
        if len(column) != count:
            raise SpecMismatch(f"{key!r} has {len(column)} rows, but {STATE!r} has {count}.")
    rows = ({key: column[index] for key, column in columns.items()} for index in range(count))
    return [received(known, row, robot) for row in rows]


def pictures_from_floats(values: NDArray[Any], name: str) -> NDArray[np.uint8]:
    """Float `[..., 3, H, W]` in 0..1 as uint8 `[..., H, W, 3]`; exact for what was uint8 before.

    Raises:
        SpecMismatch: Another type, shape or range; `name` is told.
    """
    wanted = f"{name} must be float [..., 3, H, W] in 0..1, as LeRobot hands pictures to a policy"
    if values.dtype.kind != "f" or values.ndim < 3 or values.shape[-3] != 3:
        raise SpecMismatch(f"{wanted}; got {values.dtype} {list(values.shape)}.")
    low, high = float(values.min(initial=0.0)), float(values.max(initial=0.0))
    if not (np.isfinite(values).all() and low >= -1e-3 and high <= 1 + 1e-3):
        raise SpecMismatch(
            f"{wanted}; got values from {low:g} to {high:g}. Divide 0..255 by 255, and leave "
            "mean and deviation out: our networks take pictures as they are."
        )
    whole = np.round(np.clip(values, 0.0, 1.0) * 255).astype(np.uint8)
    return np.moveaxis(whole, -3, -1)


def robot_of(state_size: int, action_size: int, name: str | None = None) -> RobotSpec:
    """The robot of recorded data, by name where it is known, else by its numbers.

    Raises:
        SpecMismatch: No robot has those numbers of state and action, or not the named one.
    """
    fits = [
        spec
        for spec in ROBOTS.values()
        if (spec.proprio_size, spec.action_size) == (state_size, action_size)
        and name in (None, spec.name)
    ]
    if not fits:
        sizes = {spec.name: (spec.proprio_size, spec.action_size) for spec in ROBOTS.values()}
        raise SpecMismatch(
            f"State and action have {state_size} and {action_size} numbers"
            f"{f', the robot is called {name!r}' if name else ''}. Known: {sizes}."
        )
    return fits[0]


def _batch_size(batch: Mapping[str, Any]) -> int:
    state = batch.get(STATE)
    if state is None or np.ndim(state) != 2:
        got = "nothing" if state is None else f"an array of shape {list(np.shape(state))}"
        raise SpecMismatch(
            f"A batch needs {STATE!r}, float [B, P]; it has {got}. Its keys: "
            f"{sorted(str(key) for key in batch)[:20]}."
        )
    return len(state)


def _texts(value: Any, count: int) -> Sequence[str]:
    """LeRobot gives one text a row; a single one is meant for all."""
    return [value] * count if isinstance(value, str) else list(value)
