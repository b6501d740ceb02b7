"""A small episode that fills every field."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mosel_gym.types import Episode, Reflection, SkillSegment, TaskPlan, Verdict

SKILLS = ("put the white mug on the plate", "put the pudding to the right of the plate")
EpisodeFactory = Callable[..., Episode]


@pytest.fixture
def make_episode() -> EpisodeFactory:
    """Builds an episode of 12 steps; keyword arguments replace fields."""

    def make(**changes: Any) -> Episode:
        rng = np.random.default_rng(7)
        steps = 12
        rows = steps + 1
        return replace(
            Episode(
                task_id="MOSEL-LiberoLong-Task6",
                goal=" and ".join(SKILLS),
                seed=3,
                observations={
                    "agentview": rng.integers(0, 256, (rows, 16, 16, 3), np.uint8),
                    "wrist": rng.integers(0, 256, (rows, 16, 16, 3), np.uint8),
                    "proprio": rng.normal(size=(rows, 8)).astype(np.float32),
                },
                actions=rng.uniform(-1, 1, (steps, 7)).astype(np.float32),
                plan=TaskPlan(SKILLS, "first the mug: ä, 杯 and a long story. " * 4000, "offline"),
                segments=(
                    SkillSegment(
                        SKILLS[0],
                        0,
                        5,
                        imagined=rng.integers(0, 256, (7, 8, 8, 3), np.uint8),
                        followed=np.array([-1, 0, 0, 3, 6], np.int16),
                    ),
                    SkillSegment(SKILLS[1], 5, 7, "transition"),
                    SkillSegment(SKILLS[1], 7, 12, imagined=np.zeros((0, 8, 8, 3), np.uint8)),
                ),
                success=False,
                fresh=np.arange(rows) % 4 == 0,
                states=rng.normal(size=(rows, 45)),
                skill_done={SKILLS[0]: np.arange(rows) >= 5, SKILLS[1]: np.arange(rows) > 99},
                provenance={"renderer": "none", "note": "ü"},
            ),
            **changes,
        )

    return make


@pytest.fixture
def reflection() -> Reflection:
    """The first skill of `make_episode` succeeded, the second failed."""
    return Reflection(
        success=False,
        verdicts=(
            Verdict(SKILLS[0], 0, True, "the mug stands on the plate", 0.9),
            Verdict(SKILLS[1], 2, False, "the pudding was pushed away", 0.7),
        ),
        fault="skill",
        failed_skill=SKILLS[1],
        rationale="The pudding was pushed away by the closed gripper.",
        analyzer="test",
    )
