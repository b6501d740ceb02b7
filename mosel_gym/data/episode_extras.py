"""The part of an episode file that LIBERO's layout has no place for: the group `mosel`."""

from __future__ import annotations

import json
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from mosel_gym.data.hdf5_arrays import get_text, put_array, put_text
from mosel_gym.errors import SpecMismatch
from mosel_gym.types import Episode, SkillSegment, TaskPlan


def write(group: h5py.Group, episode: Episode) -> None:
    """Write what is missing from the LIBERO part: metadata as JSON, and the extra arrays."""
    final = group.create_group("final_obs")
    for name, rows in episode.observations.items():
        put_array(final, name, np.asarray(rows[-1]))
    if episode.states is not None:
        put_array(group, "final_state", episode.states[-1])
    if episode.fixtures is not None:
        put_array(group, "fixtures", np.asarray(episode.fixtures, np.float64))
    if episode.fresh is not None:
        put_array(group, "fresh", episode.fresh)
    for index, segment in enumerate(episode.segments):
        if segment.imagined is not None:
            put_array(group, f"imagined_{index}", segment.imagined)
        if segment.followed is not None:
            put_array(group, f"followed_{index}", segment.followed)
    for index, done in enumerate((episode.skill_done or {}).values()):
        put_array(group, f"skill_done_{index}", done)
    # A dataset, not an attribute: attributes end at 64 KiB, and a plan's reasoning may be long.
    put_text(group, "metadata", json.dumps(_metadata(episode)))


def read(
    group: h5py.Group,
    observations: dict[str, NDArray[Any]],
    actions: NDArray[np.float32],
    states: NDArray[np.float64] | None,
) -> Episode:
    """Put the extras and the arrays of the LIBERO part together again."""
    data = json.loads(get_text(group, "metadata"))
    plan = data["plan"]
    if plan is not None:
        plan = TaskPlan(tuple(plan["skills"]), plan["reasoning"], plan["planner"])
    segments = tuple(
        SkillSegment(
            skill=entry["skill"],
            start=entry["start"],
            stop=entry["stop"],
            kind=entry["kind"],
            imagined=group[f"imagined_{index}"][()] if entry["imagined"] else None,
            followed=group[f"followed_{index}"][()] if f"followed_{index}" in group else None,
        )
        for index, entry in enumerate(data["segments"])
    )
    skill_done = None
    if data["skill_done"] is not None:
        skill_done = {
            skill: group[f"skill_done_{index}"][()]
            for index, skill in enumerate(data["skill_done"])
        }
    return Episode(
        task_id=data["task_id"],
        goal=data["goal"],
        seed=data["seed"],
        observations=observations,
        actions=actions,
        plan=plan,
        segments=segments,
        success=data["success"],
        fresh=group["fresh"][()] if "fresh" in group else None,
        states=states,
        fixtures=group["fixtures"][()] if "fixtures" in group else None,
        skill_done=skill_done,
        provenance=data["provenance"],
    )


def observation_names(group: h5py.Group) -> list[str]:
    """Names of the observations, in the order of the recorded dict."""
    names: list[str] = json.loads(get_text(group, "metadata"))["observations"]
    return names


def check_episode(episode: Episode) -> None:
    """Check that the arrays of an episode fit each other.

    Raises:
        SpecMismatch: Some array has not T + 1 rows, or a segment lies outside 0..T.
    """
    rows = episode.num_steps + 1
    arrays: dict[str, NDArray[Any] | None] = {
        **{f"observations[{name!r}]": value for name, value in episode.observations.items()},
        **{f"skill_done[{name!r}]": value for name, value in (episode.skill_done or {}).items()},
        "fresh": episode.fresh,
        "states": episode.states,
    }
    for name, array in arrays.items():
        if array is not None and len(array) != rows:
            raise SpecMismatch(
                f"{name} has {len(array)} rows; an episode of {rows - 1} actions needs {rows}, "
                "one before each action and one at the end"
            )
    for segment in episode.segments:
        if not 0 <= segment.start <= segment.stop < rows:
            raise SpecMismatch(
                f"segment {segment.skill!r} covers steps {segment.start} to {segment.stop} of an "
                f"episode of {rows - 1}; 0 <= start <= stop <= {rows - 1} is needed"
            )
        followed, steps = segment.followed, segment.stop - segment.start
        frames = 0 if segment.imagined is None else len(segment.imagined)
        if followed is not None and (
            len(followed) != steps
            or followed.min(initial=-1) < -1
            or followed.max(initial=-1) >= frames
        ):
            raise SpecMismatch(
                f"segment {segment.skill!r} of {steps} steps and {frames} imagined frames says for "
                f"{len(followed)} steps which frame was followed; one number a step is needed, "
                f"-1 for none, at most {frames - 1}"
            )


def _metadata(episode: Episode) -> dict[str, Any]:
    plan = episode.plan
    return {
        "task_id": episode.task_id,
        "goal": episode.goal,
        "seed": None if episode.seed is None else int(episode.seed),
        "success": None if episode.success is None else bool(episode.success),
        "plan": plan
        and {"skills": plan.skills, "reasoning": plan.reasoning, "planner": plan.planner},
        "segments": [
            {
                "skill": segment.skill,
                "start": int(segment.start),
                "stop": int(segment.stop),
                "kind": segment.kind,
                "imagined": segment.imagined is not None,
            }
            for segment in episode.segments
        ],
        "observations": list(episode.observations),
        "skill_done": None if episode.skill_done is None else list(episode.skill_done),
        "provenance": {key: str(value) for key, value in episode.provenance.items()},
    }
