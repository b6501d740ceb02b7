"""The LIBERO tasks that are registered, as data. Nothing here imports the simulator."""

from __future__ import annotations

from dataclasses import dataclass

from mosel_gym.types import Skill, Task


@dataclass(frozen=True)
class LiberoTask:
    """One row of the table: where LIBERO keeps a task, and what mosel-gym adds to it."""

    task: Task
    bddl: str
    """File stem under `bddl_files/<suite>/`."""
    suite: str
    """LIBERO's own suite folder: "libero_10" or "libero_90"."""
    scene: str
    """Prefix of the LIBERO-90 files that share the scene; their skills make up S."""


_LIVING_ROOM_6 = (
    Skill("put the white mug on the plate", "the white mug stands on the plate"),
    Skill(
        "put the chocolate pudding to the right of the plate",
        "the chocolate pudding lies to the right of the plate",
    ),
    Skill(
        "put the chocolate pudding to the left of the plate",
        "the chocolate pudding lies to the left of the plate",
    ),
    Skill("put the red mug on the plate", "the red mug stands on the plate"),
)

LIBERO_TASKS: tuple[LiberoTask, ...] = (
    LiberoTask(
        task=Task(
            id="MOSEL-LiberoLong-Task6",
            suite="libero-long",
            goal=(
                "put the white mug on the plate and "
                "put the chocolate pudding to the right of the plate"
            ),
            skills=_LIVING_ROOM_6,
            plan=(
                "put the white mug on the plate",
                "put the chocolate pudding to the right of the plate",
            ),
        ),
        bddl=(
            "LIVING_ROOM_SCENE6_put_the_white_mug_on_the_plate_and_"
            "put_the_chocolate_pudding_to_the_right_of_the_plate"
        ),
        suite="libero_10",
        scene="LIVING_ROOM_SCENE6",
    ),
)
"""Numbered as in Table 5 of the paper."""
