"""Reading the demonstrations that LIBERO publishes (`*_demo.hdf5`, 50 in a file)."""

from __future__ import annotations

import json
from typing import Any

import h5py
import numpy as np

from mosel_gym.types import Episode, Frames, SkillSegment

_CAMERAS = {"agentview": "agentview_rgb", "wrist": "eye_in_hand_rgb"}


def read(data: h5py.Group, demo: str, file_stem: str) -> Episode:
    """Read `data/<demo>` of a published file.

    Row t of its `obs` was recorded after action t, so the rows are those around actions 1..T-1:
    the first action is left out. `states` are left out too: they are those before each action, so
    the last row has none.

    Args:
        data: The group `data`.
        demo: Name of the demonstration.
        file_stem: The file's name without its suffix, which names the task.

    Returns:
        One episode, upright, with one skill segment; LIBERO publishes successes only.
    """
    group = data[demo]
    actions = np.asarray(group["actions"][1:], np.float32)
    upright = _is_upright(data)
    stored = group["obs"]
    observations: dict[str, Any] = {
        name: _pictures(stored[key], upright) for name, key in _CAMERAS.items() if key in stored
    }
    parts = [np.asarray(stored[key][()], np.float32) for key in ("ee_states", "gripper_states")]
    observations["proprio"] = np.concatenate(parts, axis=1)
    problem = json.loads(data.attrs["problem_info"])
    goal = "".join(problem["language_instruction"]).strip().strip('"')
    return Episode(
        task_id=file_stem.removesuffix("_demo"),
        goal=goal,
        seed=None,
        observations=observations,
        actions=actions,
        segments=(SkillSegment(goal, 0, len(actions)),),
        success=True,
        provenance={"source": "LIBERO demonstration", "demo": demo, "file": file_stem},
    )


def _is_upright(data: h5py.Group) -> bool:
    """What the file says of its pictures; published files say "opengl", which is bottom-up."""
    stated = data.attrs.get("image_orientation")
    if stated is not None:
        return bool(stated == "upright")
    return bool(data.attrs.get("macros_image_convention", "opengl") == "opencv")


def _pictures(stored: h5py.Dataset, upright: bool) -> Frames:
    pictures: Frames = stored[()]
    return pictures if upright else np.ascontiguousarray(pictures[:, ::-1])
