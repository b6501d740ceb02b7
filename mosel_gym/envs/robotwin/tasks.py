"""The three tool-use tasks and the twenty-four skills, as data; imports no simulator."""

from __future__ import annotations

from dataclasses import dataclass

from mosel_gym.types import Skill, Task

Predicate = tuple[str, ...]
"""A question to the scene, such as ("held", "left", "brush"); see `predicates.py`."""


@dataclass(frozen=True)
class SkillRow:
    """One skill of the paper's Listing 1."""

    skill: Skill
    scene: str
    """Where it is practised, see `scenes.py`."""
    goal: tuple[Predicate, ...]
    start: tuple[str, ...] = ()
    """Skills that come before it; `reset` carries them out."""
    max_steps: int = 200
    also_in: tuple[str, ...] = ()
    """Other scenes that have what it takes."""


def _held(arm: str, thing: str) -> tuple[Predicate, ...]:
    return (("held", arm, thing), ("lifted", thing))


def _handed_over(thing: str) -> tuple[Predicate, ...]:
    return (("held", "right", thing), ("untouched", "left", thing), ("high", thing))


def _cabinet(arm: str) -> tuple[SkillRow, SkillRow, SkillRow, SkillRow]:
    """Open, pick, put, close. The hand that the apple lies away from opens and closes."""
    other = {"left": "right", "right": "left"}[arm]
    opened, picked = f"open the cabinet with {arm} hand", f"pick up the apple with {arm} hand"
    put, closed = (
        f"put the apple in the cabinet with {arm} hand",
        f"close the cabinet with {arm} hand",
    )
    opened_by_other = f"open the cabinet with {other} hand"
    by_other = (opened, *(f"{verb} with {other} hand" for verb in
                          ("pick up the apple", "put the apple in the cabinet")))  # fmt: skip
    return (
        SkillRow(
            Skill(opened, f"the drawer of the cabinet is open, pulled by the {arm} hand"),
            f"cabinet-{other}",
            (("drawer_open",), ("slid", arm, "open")),
        ),
        SkillRow(
            Skill(picked, f"the {arm} hand holds the apple above the table"),
            f"cabinet-{arm}",
            _held(arm, "apple"),
            (opened_by_other,),
        ),
        SkillRow(
            Skill(put, f"the apple lies in the drawer, and the {arm} hand has let go of it"),
            f"cabinet-{arm}",
            (("in_drawer", "apple"), ("let_go", arm, "apple"), ("carried", arm, "apple")),
            (opened_by_other, picked),
        ),
        SkillRow(
            Skill(closed, f"the drawer is closed with the apple in it, pushed by the {arm} hand"),
            f"cabinet-{other}",
            (("drawer_closed",), ("in_drawer", "apple"), ("slid", arm, "closed")),
            by_other,
        ),
    )


def _hammer(arm: str) -> tuple[SkillRow, SkillRow]:
    pick = f"pick up the hammer with {arm} hand"
    return (
        SkillRow(
            Skill(pick, f"the {arm} hand holds the hammer upright above the table"),
            f"beat-{arm}",
            (*_held(arm, "hammer"), ("upright", "hammer")),
        ),
        SkillRow(
            Skill(
                f"beat the red block with the hammer with {arm} hand",
                f"the hammer in the {arm} hand has struck the red block from above",
            ),
            f"beat-{arm}",
            (("struck", arm),),
            (pick,),
        ),
    )


_OPEN, _PICK, _PUT, _CLOSE = zip(_cabinet("left"), _cabinet("right"), strict=True)
_PICK_HAMMER, _BEAT = zip(_hammer("left"), _hammer("right"), strict=True)
_PICK_BAR, _HAND_BAR = "pick up the red block with left hand", "hand over the red block"
_PICK_BRUSH, _HAND_BRUSH = "pick up the brush with left hand", "hand over the brush"
_PICK_PAN, _PICK_MUG = "pick up the dustpan with left hand", "pick up the mug with left hand"
_PLACE_MUG, _REGRASP = "place the mug in front of the rack", "pick up the mug with right hand"
_PUSH = "push the red block to the blue target region with the brush with right hand"
_SWEEP = "sweep the red block into the dustpan with the brush"
_NOT_BY_HAND: Predicate = ("unfingered", "block")

_PUSHED: tuple[Predicate, ...] = (("on_target", "block"), ("brushed", "right"))
_HOLDS_BRUSH: tuple[Predicate, ...] = (("held", "right", "brush"),)
_SWEPT: tuple[Predicate, ...] = (("swept", "block"),)

SKILLS: tuple[SkillRow, ...] = (
    *_OPEN,
    *_PICK,
    *_PUT,
    *_CLOSE,
    SkillRow(
        Skill(_PICK_BAR, "the left hand holds the red block above the table"),
        "handover",
        _held("left", "block"),
    ),
    SkillRow(
        Skill(_HAND_BAR, "the right hand alone holds the red block in the air"),
        "handover",
        _handed_over("block"),
        (_PICK_BAR,),
        max_steps=300,
    ),
    SkillRow(
        Skill(
            "put the red block on the blue target region with right hand",
            "the red block lies on the blue target region, and the right hand has let go of it",
        ),
        "handover",
        (("on_target", "block"), ("let_go", "right", "block"), ("carried", "right", "block")),
        (_PICK_BAR, _HAND_BAR),
    ),
    *_PICK_HAMMER,
    *_BEAT,
    SkillRow(
        Skill(_PICK_BRUSH, "the left hand holds the brush above the table"),
        "push",
        _held("left", "brush"),
        also_in=("sweep",),
    ),
    SkillRow(
        Skill(_HAND_BRUSH, "the right hand alone holds the brush in the air"),
        "push",
        _handed_over("brush"),
        (_PICK_BRUSH,),
        max_steps=300,
        also_in=("sweep",),
    ),
    SkillRow(
        Skill(
            _PUSH,
            "the red block lies in the blue target region, pushed there with the brush in the "
            "right hand",
        ),
        "push",
        (*_PUSHED, _NOT_BY_HAND, *_HOLDS_BRUSH),
        (_PICK_BRUSH, _HAND_BRUSH),
        max_steps=300,
    ),
    SkillRow(
        Skill(_PICK_PAN, "the left hand holds the dustpan above the table"),
        "sweep",
        _held("left", "dustpan"),
        (_PICK_BRUSH, _HAND_BRUSH),
    ),
    SkillRow(
        Skill(_SWEEP, "the red block lies in the dustpan, swept there with the brush"),
        "sweep",
        (*_SWEPT, _NOT_BY_HAND),
        (_PICK_BRUSH, _HAND_BRUSH, _PICK_PAN),
        max_steps=300,
    ),
    SkillRow(
        Skill(_PICK_MUG, "the left hand holds the mug above the table"),
        "mug",
        _held("left", "mug"),
    ),
    SkillRow(
        Skill(_PLACE_MUG, "the mug stands in front of the rack, and the left hand has let go"),
        "mug",
        (
            ("at_spot", "mug"),
            ("upright", "mug"),
            ("let_go", "left", "mug"),
            ("carried", "left", "mug"),
        ),
        (_PICK_MUG,),
    ),
    SkillRow(
        Skill(_REGRASP, "the right hand holds the mug above the table"),
        "mug",
        _held("right", "mug"),
        (_PICK_MUG, _PLACE_MUG),
    ),
    SkillRow(
        Skill("hang the mug on the rack", "the mug hangs by its handle, and no hand touches it"),
        "mug",
        (("hangs", "mug"), ("untouched", "right", "mug"), ("untouched", "left", "mug")),
        (_PICK_MUG, _PLACE_MUG, _REGRASP),
        max_steps=300,
    ),
)
"""Listing 1 of the paper, in its order. It has no right-handed pick of the brush and no left-handed
push, so that pushing and sweeping need the handover."""

_ROW_OF_TEXT = {row.skill.text: row for row in SKILLS}


def _family(scene: str) -> str:
    return scene.split("-")[0]


def skills_of_scene(scene: str) -> tuple[Skill, ...]:
    """S: the skills of Listing 1 that can be carried out with what lies on the table."""
    family = _family(scene)
    return tuple(row.skill for row in SKILLS if family in (_family(row.scene), *row.also_in))


def goal_of_skill(text: str) -> tuple[Predicate, ...]:
    """The predicates of a skill."""
    return _ROW_OF_TEXT[text].goal


@dataclass(frozen=True)
class RobotwinTask:
    """What is registered: one of the three tasks, or one skill."""

    task: Task
    scene: str
    subgoals: dict[str, tuple[Predicate, ...]]
    """Sentence -> predicates; the goal is reached when all of them hold."""
    max_steps: int
    start: tuple[str, ...] = ()


def _task(
    name: str,
    goal: str,
    scene: str,
    plan: tuple[str, ...],
    subgoals: dict[str, tuple[Predicate, ...]],
    max_steps: int,
) -> RobotwinTask:
    task = Task(
        f"MOSEL-RoboTwin-{name}", "robotwin", goal, skills_of_scene(scene), plan, chained=True
    )
    return RobotwinTask(task, scene, subgoals, max_steps)


TASKS = (
    _task(
        "BeatBlock",
        "Beat the red block with the hammer.",
        "beat",
        # Which hand can reach the block is a matter of where it lies.
        ("pick up the hammer with left hand", "beat the red block with the hammer with left hand"),
        {"the hammer has struck the red block from above": (("struck", "any"),)},
        400,
    ),
    _task(
        "PushBlock",
        "Push the red block to the target blue region with the brush.",
        "push",
        (_PICK_BRUSH, _HAND_BRUSH, _PUSH),
        {
            "the red block lies in the blue target region, pushed by the brush": _PUSHED,
            "no hand has touched the red block": (_NOT_BY_HAND,),
            "the right hand holds the brush": _HOLDS_BRUSH,
        },
        700,
    ),
    _task(
        "SweepBlock",
        "Sweep the red block to the dustpan with the brush.",
        "sweep",
        (_PICK_BRUSH, _HAND_BRUSH, _PICK_PAN, _SWEEP),
        {
            "the red block lies in the dustpan, swept there by the brush": _SWEPT,
            "no hand has touched the red block": (_NOT_BY_HAND,),
        },
        900,
    ),
)
"""Table 6 of the paper."""


def _skill_task(number: int, row: SkillRow) -> RobotwinTask:
    skill = row.skill
    task = Task(
        f"MOSEL-RoboTwinSkill-{number}",
        "robotwin-skills",
        skill.text,
        skills_of_scene(row.scene),
        (skill.text,),
        chained=True,
        start=row.start,
    )
    return RobotwinTask(task, row.scene, {skill.subgoal: row.goal}, row.max_steps, row.start)


ROBOTWIN_TASKS: tuple[RobotwinTask, ...] = (
    *TASKS,
    *(_skill_task(number, row) for number, row in enumerate(SKILLS, 1)),
)
"""The three tasks, then the twenty-four skills."""
