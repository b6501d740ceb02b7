"""Observations as other people's harnesses name, nest and turn them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, SupportsFloat, cast, get_args

import gymnasium as gym
import numpy as np
import quaternion
from gymnasium import spaces
from numpy.typing import NDArray

from mosel_gym.rotations import axis_angle_to_quat

Layout = Literal["openpi", "vla_eval", "lerobot", "upstream"]
_TEXT = spaces.Text(400, charset="".join(chr(code) for code in range(32, 127)))
_FLIP = (slice(None, None, -1), slice(None))
_MIRROR = (slice(None), slice(None, None, -1))
# What turns each orientation into an upright picture, and an upright picture into it: both are
# their own inverse.
TURNS: dict[str, tuple[slice, ...]] = {
    "upright": (slice(None), slice(None)),
    "opengl": _FLIP,
    "rotated": _MIRROR,
}
ORIENTATIONS: dict[str, str] = {
    "openpi": "rotated",
    "vla_eval": "rotated",
    "lerobot": "opengl",
    "upstream": "opengl",
}


class ObservationFormat(gym.Wrapper[Any, Any, Any, Any], gym.utils.RecordConstructorArgs):
    """LIBERO observations in the layout that a harness expects.

    Layouts (H and W are the environment's camera size; state is float32 `[8]`: end effector
    position, axis-angle, two finger joints):
        - "openpi": `observation/image`, `observation/wrist_image`, `observation/state`, `prompt`;
          pictures turned by 180 degrees, as its LIBERO client sends them (it resizes by itself).
        - "vla_eval": `images` {`agentview`, `wrist`}, `states`, `task_description`; turned by 180.
        - "lerobot": `pixels` {`image`, `image2`}, `agent_pos`; bottom row first, because LeRobot's
          own processor does the half turn.
        - "upstream": `agentview_image`, `robot0_eye_in_hand_image` (bottom row first),
          `robot0_eef_pos`, `robot0_eef_quat` (xyzw), `robot0_gripper_qpos`, as robosuite names
          them, float32.

    Non-obvious behaviour:
        - The orientation of the incoming pictures is read from `info["image_orientation"]`
          ("upright" where it is missing), so that a protocol that has turned them already does not
          turn them twice. Outgoing, `info["image_orientation"]` is that of the layout.
        - "Turned by 180 degrees" refers to OpenGL's bottom-up picture; the result is the upright
          one mirrored left to right. Models were trained on that: it is not to be mended.
        - Gymnasium's `AsyncVectorEnv` reads texts from its shared memory only once, before the
          first reset: "openpi" and "vla_eval" then have a blank prompt. Make such a vector with
          `vector_kwargs={"shared_memory": False}`.

    Args:
        env: A LIBERO environment with the cameras "agentview" and "wrist".
        layout: One of the above.

    Raises:
        ValueError: The layout is unknown, or a camera or `proprio` is missing.
    """

    def __init__(self, env: gym.Env[Any, Any], layout: Layout) -> None:
        gym.utils.RecordConstructorArgs.__init__(self, layout=layout)
        gym.Wrapper.__init__(self, env)
        if layout not in get_args(Layout):
            raise ValueError(f"Unknown layout {layout!r}; allowed: {list(get_args(Layout))}.")
        space = env.observation_space
        missing = {"agentview", "wrist", "proprio"} - set(getattr(space, "spaces", ()))
        if missing:
            raise ValueError(
                f"ObservationFormat needs {sorted(missing)} in the observation; make the "
                'environment with `cameras=("agentview", "wrist")`; only LIBERO has them.'
            )
        self.layout = layout
        self.observation_space = _SPACES[layout](cast(spaces.Dict, space))
        self._incoming = "upright"
        self._task = ""

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin an episode; the task's text becomes the prompt."""
        observation, info = self.env.reset(seed=seed, options=options)
        self._incoming = str(info.get("image_orientation", "upright"))
        self._task = str(info.get("task", ""))
        return self._formatted(observation), self._told(info)

    def step(self, action: Any) -> tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]:
        """Step."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        return self._formatted(observation), reward, terminated, truncated, self._told(info)

    def _formatted(self, observation: dict[str, NDArray[Any]]) -> dict[str, Any]:
        main, wrist = (self._turned(observation[name]) for name in ("agentview", "wrist"))
        return _FORMATS[self.layout](main, wrist, observation["proprio"], self._task)

    def _turned(self, picture: NDArray[Any]) -> NDArray[Any]:
        upright = picture[TURNS[self._incoming]]
        return np.ascontiguousarray(upright[TURNS[ORIENTATIONS[self.layout]]])

    def _told(self, info: dict[str, Any]) -> dict[str, Any]:
        return {**info, "image_orientation": ORIENTATIONS[self.layout]}


def _quat_xyzw(proprio: NDArray[Any]) -> NDArray[np.float32]:
    wxyz = quaternion.as_float_array(axis_angle_to_quat(proprio[3:6]))
    return np.asarray(np.roll(wxyz, -1), np.float32)


_Picture = NDArray[Any]
_FORMATS: dict[str, Callable[[_Picture, _Picture, NDArray[Any], str], dict[str, Any]]] = {
    "openpi": lambda main, wrist, proprio, task: {
        "observation/image": main,
        "observation/wrist_image": wrist,
        "observation/state": proprio,
        "prompt": task,
    },
    "vla_eval": lambda main, wrist, proprio, task: {
        "images": {"agentview": main, "wrist": wrist},
        "states": proprio,
        "task_description": task,
    },
    "lerobot": lambda main, wrist, proprio, task: {
        "pixels": {"image": main, "image2": wrist},
        "agent_pos": proprio,
    },
    "upstream": lambda main, wrist, proprio, task: {
        "agentview_image": main,
        "robot0_eye_in_hand_image": wrist,
        "robot0_eef_pos": proprio[:3],
        "robot0_eef_quat": _quat_xyzw(proprio),
        "robot0_gripper_qpos": proprio[6:8],
    },
}


def _part(box: spaces.Space[Any], start: int, stop: int) -> spaces.Box:
    whole = cast(spaces.Box, box)
    return spaces.Box(whole.low[start:stop], whole.high[start:stop], dtype=np.float32)


_SPACES: dict[str, Callable[[spaces.Dict], spaces.Dict]] = {
    "openpi": lambda old: spaces.Dict(
        {
            "observation/image": old["agentview"],
            "observation/wrist_image": old["wrist"],
            "observation/state": old["proprio"],
            "prompt": _TEXT,
        }
    ),
    "vla_eval": lambda old: spaces.Dict(
        {
            "images": spaces.Dict({"agentview": old["agentview"], "wrist": old["wrist"]}),
            "states": old["proprio"],
            "task_description": _TEXT,
        }
    ),
    "lerobot": lambda old: spaces.Dict(
        {
            "pixels": spaces.Dict({"image": old["agentview"], "image2": old["wrist"]}),
            "agent_pos": old["proprio"],
        }
    ),
    "upstream": lambda old: spaces.Dict(
        {
            "agentview_image": old["agentview"],
            "robot0_eye_in_hand_image": old["wrist"],
            "robot0_eef_pos": _part(old["proprio"], 0, 3),
            "robot0_eef_quat": spaces.Box(-1.0, 1.0, (4,), np.float32),
            "robot0_gripper_qpos": _part(old["proprio"], 6, 8),
        }
    ),
}
