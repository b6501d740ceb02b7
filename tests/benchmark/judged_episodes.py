"""Small recorded episodes with a truth, for tests of judging."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mosel_gym.data.libero_hdf5 import write_episode
from mosel_gym.registry import task_of
from mosel_gym.types import Episode, SkillSegment, TaskPlan

TASK = task_of("MOSEL-LiberoLong-Task6")
STEPS = 24


def made_episode(
    seed: int,
    first: bool,
    second: bool,
    *,
    renderer: str = "mujoco-egl",
    task_id: str = TASK.id,
    size: int = 32,
) -> Episode:
    """Two skills of 12 steps each; which of them end well is given."""
    rng = np.random.default_rng(seed)
    done = {skill: np.zeros(STEPS + 1, bool) for skill in TASK.plan}
    done[TASK.plan[0]][11:] = first
    done[TASK.plan[1]][22:] = second
    picture = rng.integers(0, 256, (STEPS + 1, size, size, 3), np.uint8)
    return Episode(
        task_id=task_id,
        goal=TASK.goal,
        seed=seed,
        observations={
            "agentview": picture,
            "wrist": picture[::-1].copy(),
            "proprio": rng.normal(size=(STEPS + 1, 8)).astype(np.float32),
        },
        actions=rng.uniform(-1, 1, (STEPS, 7)).astype(np.float32),
        plan=TaskPlan(TASK.plan, "", "made"),
        segments=tuple(
            SkillSegment(skill, 12 * at, 12 * at + 12) for at, skill in enumerate(TASK.plan)
        ),
        success=first and second,
        skill_done=done,
        provenance={"renderer": renderer, "assets": "procedural", "robot": "panda"},
    )


def write_episodes(folder: Path, ends: list[tuple[bool, bool]]) -> Path:
    """One file for each pair of ends."""
    for seed, (first, second) in enumerate(ends):
        write_episode(folder / f"seed-{seed:06d}.hdf5", made_episode(seed, first, second))
    return folder
