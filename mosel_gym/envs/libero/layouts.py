"""Layouts: what differs between two episodes before the first step, and how to widen one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mosel_gym.envs.libero.tasks import Predicate

_FREE_SPOT_M = 0.025
"""A widened layout leaves this much room around some spot of every goal region."""
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Layout:
    """Everything that differs between two episodes of a task before the first step."""

    qpos: Array
    """float64 `[nq]`."""
    qvel: Array
    """float64 `[nv]`."""
    fixture_pos: Array
    """float64 `[num_fixtures, 3]` m, world: not part of LIBERO's states, yet random per reset."""
    fixture_quat: Array
    """float64 `[num_fixtures, 4]`, wxyz."""


def widened(
    layout: Layout,
    rng: np.random.Generator,
    spread_m: float,
    *,
    problem: Any,
    model: Any,
    goal: tuple[Predicate, ...],
) -> Layout | None:
    """Move each object that stands free on the table by up to `spread_m` in x and in y.

    Args:
        layout: Where the objects are now; it stays as it is.
        rng: Draws the moves.
        spread_m: Largest move per axis.
        problem: LIBERO's environment of the task: objects, regions and table.
        model: The compiled `mujoco.MjModel`.
        goal: Predicates that have to stay possible, and open.

    Returns:
        The new layout; None if two objects would overlap, or a goal region is taken or blocked.
    """
    qpos = layout.qpos.copy()
    regions = problem.parsed_problem["regions"]
    standing = {
        state[1]
        for state in problem.parsed_problem["initial_state"]
        if state[0] == "on" and regions.get(state[2], {}).get("target") == problem.workspace_name
    }
    centres, radii = [], []
    for name, item in problem.objects_dict.items():
        start = model.joint(item.joints[-1]).qposadr[0]
        if name in standing:
            qpos[start : start + 2] += rng.uniform(-spread_m, spread_m, 2)
        centres.append(qpos[start : start + 2].copy())
        radii.append(item.horizontal_radius)
    for i in range(len(centres)):
        for j in range(i):
            if np.linalg.norm(centres[i] - centres[j]) < radii[i] + radii[j]:
                return None
    if not _goal_regions_free(problem, goal, np.array(centres), np.array(radii)):
        return None
    return Layout(qpos, layout.qvel, layout.fixture_pos, layout.fixture_quat)


def _goal_regions_free(
    problem: Any, goal: tuple[Predicate, ...], centres: Array, radii: Array
) -> bool:
    """Whether every table region of the goal has a spot for its object, and is not yet taken."""
    names = list(problem.objects_dict)
    for predicate in goal:
        region = problem.parsed_problem["regions"].get(predicate[-1])
        if region is None or region["target"] != problem.workspace_name:
            continue
        x_low, y_low, x_high, y_high = region["ranges"][0]
        others = [i for i, name in enumerate(names) if name != predicate[1]]
        target = centres[names.index(predicate[1])] - problem.workspace_offset[:2]
        if x_low <= target[0] <= x_high and y_low <= target[1] <= y_high:
            return False
        grid = np.stack(np.meshgrid(np.linspace(x_low, x_high, 7), np.linspace(y_low, y_high, 7)))
        spots = grid.reshape(2, -1).T + problem.workspace_offset[:2]
        gaps = np.linalg.norm(spots[:, None] - centres[others], axis=-1) - radii[others]
        if gaps.min(1).max() < _FREE_SPOT_M:
            return False
    return True
