"""Observations as other harnesses send them, turned into ours; the inverse of `ObservationFormat`.

Conventions are declared, never guessed: a mirrored picture looks as good as an upright one, and an
agent that sees the wrong one simply fails. A layout states what its harness sends. A message may
state it too, and must then say the same.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray

from mosel_gym.errors import SpecMismatch, UnknownId
from mosel_gym.specs import RobotSpec
from mosel_gym.types import Frame, Observation
from mosel_gym.wrappers.observation_format import ORIENTATIONS, TURNS

Harness = Literal["openpi", "vla_eval", "lerobot"]
Path = tuple[str, ...]
"""Keys from the outside in: ("images", "wrist") is `message["images"]["wrist"]`."""

SAYS_ORIENTATION = "mosel/image_orientation"
"""A message may declare its pictures: "upright", "opengl" or "rotated"."""
SAYS_STATE = "mosel/state"
"""A message may declare its state: a value of `STATES`."""
STATES: dict[str, str] = {
    "pose": "eef_position+axis_angle+finger_joints",
    "joints": "per_arm:joints+opening",
}
"""`RobotSpec.proprio` -> the name under which a message declares it. "pose": m, rad without
antipodal flip, m. "joints": rad, and 0 = closed to 1 = open, left arm first."""
CONTROL_HZ = 20
MIN_PIXELS = 64
"""Pixels per side that the networks of this package look at; larger pictures are averaged down."""
MAX_TEXT = 1000
"""Characters of a goal text."""


@dataclass(frozen=True)
class HarnessLayout:
    """Where a harness puts what we need, and how it turns its pictures."""

    name: Harness
    orientation: str
    """Of every picture, a key of `TURNS`."""
    pictures: Mapping[str, Path]
    """Our name of a camera -> where the harness has it."""
    state: Path
    text: Path | None
    """Where the goal text stands; None where the harness hands it over in another way."""
    optional: frozenset[str] = frozenset()
    """Our names of cameras that may be missing."""


@dataclass(frozen=True)
class Received:
    """One message, in our terms."""

    observation: Observation
    """Upright pictures uint8 `[H, W, 3]` and `proprio` float32 `[P]`, none of it the message's own
    memory."""
    task_text: str | None
    """The goal text; None where it is missing or blank."""


def _libero(
    name: Harness, agentview: Path, wrist: Path, state: Path, text: Path | None
) -> HarnessLayout:
    pictures = {"agentview": agentview, "wrist": wrist}
    return HarnessLayout(name, ORIENTATIONS[name], pictures, state, text)


def _robotwin(
    name: Harness, folder: Path, form: str, state: Path, text: Path | None
) -> HarnessLayout:
    """RoboTwin's pictures are upright in every harness."""
    cameras = ("head_camera", "left_camera", "right_camera")
    pictures = {camera: (*folder, form.format(camera)) for camera in cameras}
    return HarnessLayout(name, "upright", pictures, state, text, frozenset(cameras[1:]))


_LAYOUTS: dict[tuple[str, str], HarnessLayout] = {
    ("openpi", "pose"): _libero(
        "openpi",
        ("observation/image",),
        ("observation/wrist_image",),
        ("observation/state",),
        ("prompt",),
    ),
    ("vla_eval", "pose"): _libero(
        "vla_eval",
        ("images", "agentview"),
        ("images", "wrist"),
        ("states",),
        ("task_description",),
    ),
    ("lerobot", "pose"): _libero(
        "lerobot", ("pixels", "image"), ("pixels", "image2"), ("agent_pos",), None
    ),
    ("openpi", "joints"): _robotwin(
        "openpi", (), "observation/{}", ("observation/state",), ("prompt",)
    ),
    ("vla_eval", "joints"): _robotwin(
        "vla_eval", ("images",), "{}", ("joint_state",), ("task_description",)
    ),
    ("lerobot", "joints"): _robotwin("lerobot", ("pixels",), "{}", ("agent_pos",), None),
}


def layout(harness: str, robot: RobotSpec) -> HarnessLayout:
    """How a harness sends the observations of a robot.

    Raises:
        UnknownId: There is no such harness.
    """
    if (harness, robot.proprio) not in _LAYOUTS:
        near = difflib.get_close_matches(harness, get_args(Harness), n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise UnknownId(f"Unknown harness {harness!r}. Allowed: {list(get_args(Harness))}.{hint}")
    return _LAYOUTS[harness, robot.proprio]


def conventions(layout: HarnessLayout, robot: RobotSpec) -> dict[str, Any]:
    """What both sides have to agree on, as plain data for a handshake.

    Actions are ours as they are: every harness drives LIBERO with LIBERO's own.
    """
    ee_delta = "per arm: translation[3] rotation[3] gripper[1], deltas in -1..1"
    joint = "per arm: absolute joint angles[7] (rad) gripper opening[1] (0..1)"
    return {
        "robot": robot.name,
        "image_orientation": layout.orientation,
        "image_keys": {ours: "/".join(path) for ours, path in layout.pictures.items()},
        "state_key": "/".join(layout.state),
        "state": STATES[robot.proprio],
        "state_size": robot.proprio_size,
        "action": ee_delta if robot.control == "ee_delta" else joint,
        "action_size": robot.action_size,
        "gripper": {"open": robot.open_grip, "close": robot.close_grip},
        "control_hz": CONTROL_HZ,
    }


def received(
    layout: HarnessLayout,
    message: Mapping[str, Any],
    robot: RobotSpec,
    min_pixels: int = MIN_PIXELS,
) -> Received:
    """A harness's message as our observation and goal text.

    Args:
        layout: How the harness sends it.
        message: Names to arrays, nested where the layout says so; other entries are not looked at.
        robot: Whose state to expect.
        min_pixels: What the networks need, per side.

    Raises:
        SpecMismatch: Something is missing, has a wrong type, shape or value, or is declared to
            be laid out in another way than the layout says.
    """
    _check_declared(message, SAYS_ORIENTATION, layout.orientation, layout.name, tuple(TURNS))
    _check_declared(message, SAYS_STATE, STATES[robot.proprio], layout.name, tuple(STATES.values()))
    observation: dict[str, NDArray[Any]] = {}
    for ours, path in layout.pictures.items():
        value = _found(message, path)
        if value is None and ours in layout.optional:
            continue
        if value is None:
            raise _missing(layout, message, path, f"the camera {ours!r}")
        picture = _picture(value, _named(path), min_pixels)
        observation[ours] = np.array(picture[TURNS[layout.orientation]])
    state = _found(message, layout.state)
    if state is None:
        raise _missing(layout, message, layout.state, f"the robot's {robot.proprio_size} numbers")
    observation["proprio"] = _state(state, _named(layout.state), robot)
    text = None if layout.text is None else _found(message, layout.text)
    return Received(observation, None if text is None else _text(text, layout))


def _check_declared(
    message: Mapping[str, Any], key: str, expected: str, who: str, allowed: tuple[str, ...]
) -> None:
    said = message.get(key, expected)
    if not isinstance(said, str) or said != expected:
        raise SpecMismatch(
            f"The message declares {key} = {said!r:.80}, but {who} is declared to send "
            f"{expected!r} (of {list(allowed)}). Turn the observation into {expected!r} before it "
            "is sent, or leave the declaration out if it is wrong."
        )


def _found(message: Any, path: Path) -> Any:
    """The value there, or None."""
    for key in path:
        if not isinstance(message, Mapping):
            return None
        message = message.get(key)
    return message


def _named(path: Path) -> str:
    return " / ".join(repr(key) for key in path)


def _missing(
    layout: HarnessLayout, message: Mapping[str, Any], path: Path, what: str
) -> SpecMismatch:
    keys = sorted(str(key)[:60] for key in message)[:20]
    return SpecMismatch(
        f"The message lacks {_named(path)}, {what}; it has only {keys}. The layout "
        f"{layout.name!r} needs {[_named(p) for p in (*layout.pictures.values(), layout.state)]}."
    )


def _picture(value: Any, name: str, min_pixels: int) -> Frame:
    wanted = f"uint8 [H, W, 3], RGB, at least {min_pixels} pixels per side"
    if not isinstance(value, np.ndarray):
        raise SpecMismatch(f"{name} must be {wanted}, not {type(value).__name__}.")
    got = f"{value.dtype} {list(value.shape)}"
    if value.ndim == 3 and value.shape[0] == 3 and value.shape[2] != 3:
        hint = "The channels stand first; send `np.moveaxis(picture, 0, -1)`."
    elif value.ndim == 4:
        hint = "It has a leading axis too many; send one observation a message."
    elif value.dtype != np.uint8:
        hint = "Send 0..255 as uint8, for example `np.round(255 * picture).astype(np.uint8)`."
    else:
        hint = "Send the picture as the camera drew it, or larger."
    fits = value.dtype == np.uint8 and value.ndim == 3 and value.shape[2] == 3
    if not fits or min(value.shape[:2]) < min_pixels:
        raise SpecMismatch(f"{name} must be {wanted}, got {got}. {hint}")
    return cast(Frame, value)


def _state(value: Any, name: str, robot: RobotSpec) -> NDArray[np.float32]:
    wanted = f"{robot.proprio_size} finite numbers ({STATES[robot.proprio]})"
    try:
        values = np.asarray(value)
    except ValueError as error:  # lists in a list, of several lengths
        raise SpecMismatch(f"{name} must be {wanted}, got what is no array: {error}.") from error
    if values.dtype.kind not in "fiu":
        raise SpecMismatch(f"{name} must be {wanted}, got an array of {values.dtype}.")
    if values.shape != (robot.proprio_size,):
        raise SpecMismatch(
            f"{name} must be {wanted} of the robot {robot.name!r}, got the shape "
            f"{list(values.shape)}. Is the agent's robot that of the environment?"
        )
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes an infinity, told below
        narrow = values.astype(np.float32)
    if not np.isfinite(narrow).all():
        raise SpecMismatch(f"{name} must be {wanted}, got {values.tolist()}.")
    return narrow


def _text(value: Any, layout: HarnessLayout) -> str | None:
    name = _named(layout.text or ())
    if not isinstance(value, str):
        raise SpecMismatch(f"{name} must be a text, not {type(value).__name__}.")
    if len(value) > MAX_TEXT:
        raise SpecMismatch(
            f"{name} must be a goal text of at most {MAX_TEXT} characters, not of {len(value)}."
        )
    return value.strip() or None
