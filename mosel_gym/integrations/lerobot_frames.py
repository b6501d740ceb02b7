"""Episodes as the rows of a LeRobotDataset, and back. This module needs no LeRobot.

A LeRobotDataset has one row for each action: what was seen before it, the action, a text. Three
things of an episode have no place there: the row after the last action, the exact segments with
plan, seed and truth, and observations that are neither pictures nor `proprio`. They go into a file
beside the dataset, which LeRobot ignores, so that an export can be read back without loss.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
from numpy.typing import NDArray

from mosel_gym.data import episode_extras
from mosel_gym.data.atomic import atomic_path
from mosel_gym.data.episode_extras import check_episode
from mosel_gym.data.hdf5_arrays import FILE_VERSION, put_array
from mosel_gym.errors import DamagedFile, SpecMismatch, UnknownId
from mosel_gym.integrations.lerobot_layout import (
    ACTION,
    IMAGES,
    STATE,
    TASK,
    orientation,
    our_camera,
    robot_of,
    their_camera,
    turned,
)
from mosel_gym.registry import find_task
from mosel_gym.specs import RobotSpec
from mosel_gym.types import Episode, SkillSegment

Text = Literal["goal", "skill"]
SKILL = "skill"
"""Column: text of the skill that a step belongs to, "" where there is none."""
_POSE = ["x", "y", "z", "axis_angle1", "axis_angle2", "axis_angle3"]


def robot_in(episode: Episode) -> RobotSpec:
    """The robot of an episode.

    Raises:
        SpecMismatch: It has no `proprio`, or no robot has such numbers.
    """
    proprio = episode.observations.get("proprio")
    if proprio is None:
        raise SpecMismatch(f"The episode of {episode.goal!r} has no `proprio`.")
    name = episode.provenance.get("robot")
    return robot_of(proprio.shape[1], episode.actions.shape[1], name)


def features_of(episode: Episode, *, videos: bool = False) -> dict[str, dict[str, Any]]:
    """The columns of a dataset for episodes like this one, as `LeRobotDataset.create` takes them.

    Raises:
        SpecMismatch: No pictures, or a robot that is not known.
    """
    robot = robot_in(episode)
    cameras = _cameras(episode)
    if not cameras:
        raise SpecMismatch(
            f"The episode of {episode.goal!r} has no pictures, only {list(episode.observations)}. "
            "Draw them first: `mosel data redraw`."
        )
    features: dict[str, dict[str, Any]] = {
        IMAGES + their_camera(name): {
            "dtype": "video" if videos else "image",
            "shape": tuple(episode.observations[name].shape[1:]),
            "names": ["height", "width", "channel"],
        }
        for name in cameras
    }
    features[STATE] = _numbers(robot.proprio_size, [*_POSE, "gripper1", "gripper2"])
    features[ACTION] = _numbers(robot.action_size, [*_POSE, "gripper"])
    features[SKILL] = {"dtype": "string", "shape": (1,), "names": None}
    return features


def frames_of(episode: Episode, text: Text = "goal") -> Iterator[dict[str, Any]]:
    """The rows of an episode, one for each action, as `LeRobotDataset.add_frame` takes them.

    Args:
        episode: What to write.
        text: What stands in `task`: the goal, or the skill of the step (the goal where none is).
    """
    wanted = orientation(robot_in(episode))
    pictures = {
        IMAGES + their_camera(name): turned(episode.observations[name], "upright", wanted)
        for name in _cameras(episode)
    }
    skills = skill_texts(episode)
    for step in range(episode.num_steps):
        yield {
            **{key: frames[step] for key, frames in pictures.items()},
            STATE: np.asarray(episode.observations["proprio"][step], np.float32),
            ACTION: np.asarray(episode.actions[step], np.float32),
            SKILL: skills[step],
            TASK: (skills[step] or episode.goal) if text == "skill" else episode.goal,
        }


def skill_texts(episode: Episode) -> list[str]:
    """The skill that each action belongs to; a transition belongs to the one that it prepares."""
    texts = [""] * episode.num_steps
    for segment in episode.segments:
        texts[segment.start : segment.stop] = [segment.skill] * (segment.stop - segment.start)
    return texts


def side_file(folder: str | Path, index: int) -> Path:
    """Where the rest of episode `index` lies in a dataset's folder."""
    return Path(folder) / "mosel" / f"episode_{index:06d}.hdf5"


def write_side_file(folder: str | Path, index: int, episode: Episode) -> None:
    """Write what the rows leave out."""
    check_episode(episode)
    with (
        atomic_path(side_file(folder, index)) as draft,
        h5py.File(draft, "w", libver=FILE_VERSION) as file,
    ):
        group = file.create_group("mosel")
        episode_extras.write(group, episode)
        if episode.states is not None:
            put_array(group, "states", episode.states)
        for name in set(episode.observations) - {*_cameras(episode), "proprio"}:
            put_array(group.require_group("rest"), name, episode.observations[name])


def episode_from(
    columns: Mapping[str, Any], side: Path | None, incoming: str | None = None
) -> Episode:
    """One episode from its rows.

    Args:
        columns: The dataset's columns: pictures uint8 `[T, H, W, 3]`, state `[T, P]`, action
            `[T, A]`, and the texts `task` and, where there are any, `skill`, T of each.
        side: The file beside it; None for a dataset that is not ours. The row after the last action
            is then not known, so that the last action is left out.
        incoming: Which way up the pictures are, a key of `TURNS`; None = as LeRobot has them.

    Raises:
        SpecMismatch: The numbers are those of no robot, or too few rows.
        DamagedFile: `side` cannot be read.
    """
    actions = np.asarray(columns[ACTION], np.float32)
    proprio = np.asarray(columns[STATE], np.float32)
    robot = robot_of(proprio.shape[1], actions.shape[1])
    observations: dict[str, NDArray[Any]] = {
        our_camera(key.removeprefix(IMAGES)): turned(
            frames, incoming or orientation(robot), "upright"
        )
        for key, frames in columns.items()
        if key.startswith(IMAGES)
    }
    observations["proprio"] = proprio
    if side is not None:
        return _with_side_file(observations, actions, side)
    if len(actions) < 2:
        raise SpecMismatch(f"An episode needs at least two rows, this one has {len(actions)}.")
    goal, skills = str(columns[TASK][0]), list(columns.get(SKILL, columns[TASK]))[:-1]
    return Episode(
        task_id=_task_id(goal),
        goal=goal,
        seed=None,
        observations=observations,
        actions=actions[:-1],
        segments=_segments(skills),
        provenance={"source": "LeRobotDataset", "robot": robot.name},
    )


def _with_side_file(
    observations: dict[str, NDArray[Any]], actions: NDArray[np.float32], side: Path
) -> Episode:
    try:
        with h5py.File(side, "r") as file:
            group = file["mosel"]
            rows = {}
            for name in episode_extras.observation_names(group):
                if name in observations:
                    last = group["final_obs"][name][()][None]
                    rows[name] = np.concatenate([observations[name], last])
                else:
                    rows[name] = group["rest"][name][()]
            states = group["states"][()] if "states" in group else None
            episode = episode_extras.read(group, rows, actions, states)
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise DamagedFile(
            f"{side} cannot be read with the dataset's rows ({error}). Export the episodes again, "
            "or remove the folder `mosel` to import the dataset as if it were not ours."
        ) from error
    check_episode(episode)
    return episode


def _cameras(episode: Episode) -> list[str]:
    return [name for name, rows in episode.observations.items() if _is_pictures(rows)]


def _is_pictures(rows: NDArray[Any]) -> bool:
    return rows.dtype == np.uint8 and rows.ndim == 4 and rows.shape[-1] == 3


def _numbers(size: int, names: list[str]) -> dict[str, Any]:
    plain = [f"{index}" for index in range(size)]
    return {
        "dtype": "float32",
        "shape": (size,),
        "names": names if len(names) == size else plain,
    }


def _segments(skills: list[str]) -> tuple[SkillSegment, ...]:
    """Steps in a row with the same text, as segments; "" is no skill."""
    edges = [0, *(t for t in range(1, len(skills)) if skills[t] != skills[t - 1]), len(skills)]
    return tuple(
        SkillSegment(skills[start], start, stop)
        for start, stop in zip(edges[:-1], edges[1:], strict=True)
        if skills[start]
    )


def _task_id(goal: str) -> str:
    try:
        return find_task(goal).id
    except UnknownId:
        return "custom"
