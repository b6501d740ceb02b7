"""A frame and a state go out through the wrapper's tables and come back as they were."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces

from mosel_gym.errors import SpecMismatch, UnknownId
from mosel_gym.integrations.layouts import STATES, conventions, layout, received
from mosel_gym.specs import ROBOTS
from mosel_gym.wrappers import ObservationFormat

PANDA = ROBOTS["panda"]
DUAL = ROBOTS["dual-panda-ee"]
HARNESSES = ("openpi", "vla_eval", "lerobot")
STATE = np.array([0.1, -0.2, 1.0, 3.1, 0.2, -0.3, 0.04, -0.04], np.float32)


def asymmetric(seed: int, height: int = 72, width: int = 72) -> np.ndarray[Any, Any]:
    """No turn of it looks like another."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


class Still(gym.Env[Any, Any]):
    """Shows one known observation."""

    def __init__(self, turned: str) -> None:
        picture = spaces.Box(0, 255, (72, 72, 3), np.uint8)
        low, high = np.full(8, -9, np.float32), np.full(8, 9, np.float32)
        self.observation_space = spaces.Dict(
            {"agentview": picture, "wrist": picture, "proprio": spaces.Box(low, high)}
        )
        self.action_space = spaces.Box(-1, 1, (7,), np.float32)
        self.turned = turned

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        turn = {
            "upright": lambda p: p,
            "opengl": lambda p: p[::-1],
            "rotated": lambda p: p[:, ::-1],
        }
        pictures = {name: turn[self.turned](asymmetric(i)) for i, name in enumerate(NAMES)}
        return {**pictures, "proprio": STATE}, {
            "task": "stack the cups",
            "image_orientation": self.turned,
        }


NAMES = ("agentview", "wrist")


@pytest.mark.parametrize("turned", ["upright", "opengl", "rotated"])
@pytest.mark.parametrize("harness", HARNESSES)
def test_what_the_wrapper_sends_comes_back_upright(harness, turned):
    sent, _ = ObservationFormat(Still(turned), harness).reset()
    got = received(layout(harness, PANDA), sent, PANDA)
    assert set(got.observation) == {"agentview", "wrist", "proprio"}
    for seed, name in enumerate(NAMES):
        np.testing.assert_array_equal(got.observation[name], asymmetric(seed))
    np.testing.assert_array_equal(got.observation["proprio"], STATE)
    assert got.observation["proprio"].dtype == np.float32
    assert got.task_text == (None if harness == "lerobot" else "stack the cups")


def openpi(**changes: Any) -> dict[str, Any]:
    """A message of openpi's LIBERO client; None removes an entry."""
    whole = {
        "observation/image": asymmetric(0),
        "observation/wrist_image": asymmetric(1),
        "observation/state": STATE.astype(np.float64),
        "prompt": "stack the cups",
    }
    whole.update({key.replace("__", "/"): value for key, value in changes.items()})
    return {key: value for key, value in whole.items() if value is not None}


def test_the_half_turn_of_openpis_client_is_undone():
    opengl = asymmetric(0)[::-1]  # what MuJoCo's buffer holds
    sent = openpi(observation__image=opengl[::-1, ::-1])
    got = received(layout("openpi", PANDA), sent, PANDA).observation
    np.testing.assert_array_equal(got["agentview"], asymmetric(0))


def test_larger_and_oblong_pictures_pass_and_memory_is_not_shared():
    large = asymmetric(0, 224, 320)
    sent = openpi(observation__image=large)
    got = received(layout("openpi", PANDA), sent, PANDA).observation["agentview"]
    assert got.shape == (224, 320, 3)
    large[:] = 0
    assert got.any()


@pytest.mark.parametrize("harness", HARNESSES)
def test_robotwin_is_upright_and_hand_cameras_are_optional(harness):
    form = layout(harness, DUAL)
    head, state = asymmetric(0, 96, 128), np.linspace(0, 1, 16)
    sent: dict[str, Any] = {}
    for path, value in ((form.pictures["head_camera"], head), (form.state, state)):
        inner = sent
        for key in path[:-1]:
            inner = inner.setdefault(key, {})
        inner[path[-1]] = value
    got = received(form, sent, DUAL)
    assert set(got.observation) == {"head_camera", "proprio"}
    np.testing.assert_array_equal(got.observation["head_camera"], head)
    np.testing.assert_array_equal(got.observation["proprio"], state.astype(np.float32))


BAD = {
    "no camera": (openpi(observation__wrist_image=None), "lacks 'observation/wrist_image'"),
    "no state": (openpi(observation__state=None), "lacks 'observation/state'"),
    "channels first": (
        openpi(observation__image=np.zeros((3, 72, 72), np.uint8)),
        r"got uint8 \[3, 72, 72\]. The channels stand first",
    ),
    "floats": (openpi(observation__image=np.zeros((72, 72, 3))), "got float64 .* as uint8"),
    "a batch": (
        openpi(observation__image=np.zeros((1, 72, 72, 3), np.uint8)),
        "leading axis too many",
    ),
    "grey": (openpi(observation__image=np.zeros((72, 72), np.uint8)), r"got uint8 \[72, 72\]"),
    "too small": (openpi(observation__image=asymmetric(0, 32, 32)), "at least 64 pixels"),
    "no picture": (openpi(observation__image="agentview.png"), "not str"),
    "short state": (openpi(observation__state=STATE[:7]), r"got the shape \[7\]"),
    "ragged state": (openpi(observation__state=[[1.0], [1.0, 2.0]]), "got what is no array"),
    "nan": (openpi(observation__state=np.full(8, np.nan)), "finite numbers .* nan"),
    "beyond float32": (openpi(observation__state=np.full(8, 1e300)), "finite numbers"),
    "words as state": (openpi(observation__state=["a"] * 8), "got an array of <U1"),
    "a number as prompt": (openpi(prompt=3), "'prompt' must be a text, not int"),
    "endless prompt": (openpi(prompt="x" * 2000), "at most 1000 characters, not of 2000"),
    "upright": (
        openpi(mosel__image_orientation="upright"),
        "declares mosel/image_orientation = 'upright', but openpi is declared to send 'rotated'",
    ),
    "joints": (openpi(mosel__state=STATES["joints"]), "declares mosel/state = 'per_arm"),
    "number as declaration": (openpi(mosel__state=3), "declares mosel/state = 3"),
}


@pytest.mark.parametrize("case", sorted(BAD))
def test_what_does_not_fit_is_refused(case):
    message, says = BAD[case]
    with pytest.raises(SpecMismatch, match=says):
        received(layout("openpi", PANDA), message, PANDA)


def test_a_right_declaration_passes():
    sent = openpi(mosel__image_orientation="rotated", mosel__state=STATES["pose"], extra=object())
    assert received(layout("openpi", PANDA), sent, PANDA).task_text == "stack the cups"


def test_a_blank_prompt_is_none():
    assert received(layout("openpi", PANDA), openpi(prompt="  "), PANDA).task_text is None


def test_unknown_harness_names_the_nearest():
    with pytest.raises(UnknownId, match="Did you mean 'vla_eval'"):
        layout("vlaeval", PANDA)


def test_conventions_are_the_robots_own():
    told = conventions(layout("openpi", PANDA), PANDA)
    assert told["gripper"] == {"open": -1.0, "close": 1.0}
    assert (told["image_orientation"], told["state_size"], told["action_size"]) == ("rotated", 8, 7)
    assert told["image_keys"] == {
        "agentview": "observation/image",
        "wrist": "observation/wrist_image",
    }
    dual = ROBOTS["dual-panda-joint"]
    told = conventions(layout("openpi", dual), dual)
    assert told["gripper"] == {"open": 1.0, "close": 0.0}
    assert (told["image_orientation"], told["action_size"]) == ("upright", 16)
