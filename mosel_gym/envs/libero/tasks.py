"""The LIBERO tasks that are registered, as data. Nothing here imports the simulator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mosel_gym.envs.libero.skills import SKILLS_OF_SCENE
from mosel_gym.types import Skill, Task

Predicate = tuple[str, ...]
"""As in BDDL: ("on", "porcelain_mug_1", "plate_1")."""


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
    extra_goals: Mapping[str, tuple[Predicate, ...]] = field(default_factory=dict)
    """Goals of the skills of S that LIBERO-90 does not have in this scene."""


def _long(
    number: int,
    scene: str,
    goal: str,
    plan: tuple[str, ...],
    extra: Mapping[Skill, tuple[Predicate, ...]] | None = None,
) -> LiberoTask:
    extra = extra or {}
    return LiberoTask(
        task=Task(
            id=f"MOSEL-LiberoLong-Task{number}",
            suite="libero-long",
            goal=goal,
            skills=(*SKILLS_OF_SCENE[scene], *extra),
            plan=plan,
        ),
        bddl=f"{scene}_{goal.replace(' ', '_')}",
        suite="libero_10",
        scene=scene,
        extra_goals={skill.text: predicates for skill, predicates in extra.items()},
    )


_LONG = (
    _long(
        1,
        "LIVING_ROOM_SCENE2",
        "put both the alphabet soup and the tomato sauce in the basket",
        (
            "pick up the alphabet soup and put it in the basket",
            "pick up the tomato sauce and put it in the basket",
        ),
    ),
    _long(
        2,
        "KITCHEN_SCENE3",
        "turn on the stove and put the moka pot on it",
        ("turn on the stove", "put the moka pot on the stove"),
    ),
    _long(
        3,
        "KITCHEN_SCENE4",
        "put the black bowl in the bottom drawer of the cabinet and close it",
        (
            "put the black bowl in the bottom drawer of the cabinet",
            "close the bottom drawer of the cabinet",
        ),
    ),
    _long(
        4,
        "LIVING_ROOM_SCENE5",
        "put the white mug on the left plate and put the yellow and white mug on the right plate",
        ("put the white mug on the left plate", "put the yellow and white mug on the right plate"),
    ),
    _long(
        5,
        "STUDY_SCENE1",
        "pick up the book and place it in the back compartment of the caddy",
        ("pick up the book and place it in the back compartment of the caddy",),
        # LIBERO-90 has this skill in STUDY_SCENE2 only.
        {
            Skill(
                "pick up the book and place it in the back compartment of the caddy",
                "the book is in the back compartment of the caddy",
            ): (("in", "black_book_1", "desk_caddy_1_back_contain_region"),)
        },
    ),
    _long(
        6,
        "LIVING_ROOM_SCENE6",
        "put the white mug on the plate and put the chocolate pudding to the right of the plate",
        (
            "put the white mug on the plate",
            "put the chocolate pudding to the right of the plate",
        ),
    ),
    _long(
        7,
        "LIVING_ROOM_SCENE1",
        "put both the alphabet soup and the cream cheese box in the basket",
        (
            "pick up the alphabet soup and put it in the basket",
            "pick up the cream cheese box and put it in the basket",
        ),
    ),
    _long(
        8,
        "LIVING_ROOM_SCENE2",
        "put both the cream cheese box and the butter in the basket",
        (
            "pick up the cream cheese box and put it in the basket",
            "pick up the butter and put it in the basket",
        ),
        # LIBERO-90 has this skill in LIVING_ROOM_SCENE1 only.
        {
            Skill(
                "pick up the cream cheese box and put it in the basket",
                "the cream cheese box is in the basket",
            ): (("in", "cream_cheese_1", "basket_1_contain_region"),)
        },
    ),
    _long(
        9,
        "KITCHEN_SCENE8",
        "put both moka pots on the stove",
        ("put the right moka pot on the stove", "put the left moka pot on the stove"),
        {
            Skill("put the left moka pot on the stove", "the left moka pot stands on the stove"): (
                ("on", "moka_pot_2", "flat_stove_1_cook_region"),
            )
        },
    ),
    _long(
        10,
        "KITCHEN_SCENE6",
        "put the yellow and white mug in the microwave and close it",
        ("put the yellow and white mug in the microwave", "close the microwave"),
        {
            Skill(
                "put the yellow and white mug in the microwave",
                "the yellow and white mug is in the microwave",
            ): (("in", "white_yellow_mug_1", "microwave_1_heating_region"),)
        },
    ),
)
"""Tasks 1 to 7 are Table 5 of the paper; 8 to 10 are those that it leaves out (appendix K)."""


def _ninety() -> tuple[LiberoTask, ...]:
    rows: list[LiberoTask] = []
    for scene, skills in SKILLS_OF_SCENE.items():
        for skill in skills:
            task = Task(
                id=f"MOSEL-Libero90-Task{len(rows) + 1}",
                suite="libero-90",
                goal=skill.text,
                skills=skills,
                plan=(skill.text,),
            )
            stem = f"{scene}_{skill.text.replace(' ', '_')}"
            rows.append(LiberoTask(task, bddl=stem, suite="libero_90", scene=scene))
    return tuple(rows)


LIBERO_TASKS: tuple[LiberoTask, ...] = (*_LONG, *_ninety())
"""The ten long tasks, then the ninety skills in the benchmark's own order."""
