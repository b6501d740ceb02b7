"""Small episodes that fill every field, for the tests of the dataset."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from mosel_gym.types import Episode, SkillSegment, TaskPlan

SKILLS = ("put the white mug on the plate", "put the chocolate pudding to the right of the plate")
GOAL = "put the white mug on the plate and put the chocolate pudding to the right of the plate"


def small_episode(steps: int = 7, side: int = 24, **changes: Any) -> Episode:
    """Random pictures, two skills, one tried twice; keyword arguments replace fields."""
    rng = np.random.default_rng(steps)
    rows = steps + 1
    episode = Episode(
        task_id="MOSEL-LiberoLong-Task6",
        goal=GOAL,
        seed=steps,
        observations={
            "agentview": rng.integers(0, 256, (rows, side, side + 8, 3), np.uint8),
            "wrist": rng.integers(0, 256, (rows, side, side + 8, 3), np.uint8),
            "proprio": rng.normal(size=(rows, 8)).astype(np.float32),
        },
        actions=rng.uniform(-1, 1, (steps, 7)).astype(np.float32),
        plan=TaskPlan(SKILLS, "the mug first", "offline"),
        segments=(
            SkillSegment(SKILLS[0], 0, 2),
            SkillSegment(SKILLS[1], 2, 3, "transition"),
            SkillSegment(SKILLS[1], 3, 5, imagined=np.full((2, 8, 8, 3), 9, np.uint8)),
            SkillSegment(SKILLS[1], 5, steps),
        ),
        success=True,
        fresh=np.arange(rows) % 2 == 0,
        states=rng.normal(size=(rows, 5)),
        skill_done={SKILLS[0]: np.arange(rows) > 1},
        provenance={"robot": "panda", "protocol": "mosel"},
    )
    return replace(episode, **changes)


def assert_same(one: Episode, other: Episode) -> None:
    """Field by field, arrays with their dtypes."""
    for name in ("task_id", "goal", "seed", "plan", "success", "provenance"):
        assert getattr(one, name) == getattr(other, name), name
    for name in ("actions", "fresh", "states"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    for name in ("observations", "skill_done"):
        mine, theirs = getattr(one, name), getattr(other, name)
        assert list(mine) == list(theirs), name
        for key in mine:
            assert mine[key].dtype == theirs[key].dtype
            np.testing.assert_array_equal(mine[key], theirs[key], err_msg=key)
    assert len(one.segments) == len(other.segments)
    for mine, theirs in zip(one.segments, other.segments, strict=True):
        assert (mine.skill, mine.start, mine.stop, mine.kind) == (
            theirs.skill,
            theirs.start,
            theirs.stop,
            theirs.kind,
        )
        assert (mine.imagined is None) == (theirs.imagined is None)
        if mine.imagined is not None:
            np.testing.assert_array_equal(mine.imagined, theirs.imagined)
