"""Where a skill can be tried by itself, and which other skill's pictures are its wrong goal."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from mosel_gym.envs.robotwin.tasks import ROBOTWIN_TASKS
from mosel_gym.errors import MoselError
from mosel_gym.registry import task_of
from mosel_gym.types import Task

_ROBOTWIN = {row.task.id: row for row in ROBOTWIN_TASKS}
_FOLLOWS_PICTURES = ("mosel", "hip")


@dataclass(frozen=True)
class Case:
    """One skill in one scene."""

    task: str
    """Id of the task whose plan the skill is of."""
    env_id: str
    """The environment in which it is tried; that of the task, or of the skill alone."""
    skill: str
    wrong: str | None
    """The skill whose pictures are shown in its place; None = there is none."""
    note: str = ""
    """What cannot be measured, in a sentence."""


def cases_of(env_id: str) -> tuple[Case, ...]:
    """Every skill of a task's plan, once.

    Skills that start from the same scene are each other's wrong goals. Where the plan has a single
    skill, the next one of the scene's S takes that place: it starts from the same scene as well.

    Skills that follow from one another, as with RoboTwin's tools, do not start from the task's
    scene. Each is tried in the environment of that skill, whose `reset` carries out (PRIVILEGED)
    what comes before it. A wrong goal is a skill of the same S that begins in the same state.
    """
    task = task_of(env_id)
    skills = tuple(dict.fromkeys(task.plan))
    if task.chained:
        return tuple(_chained(task, skill) for skill in skills)
    others = skills if len(skills) > 1 else task.skill_texts
    found = []
    for skill in skills:
        wrong = others[(others.index(skill) + 1) % len(others)]
        if wrong == skill:
            note = f"{task.id}: its scene has no skill but {skill!r}, so that no goal is wrong"
            found.append(Case(task.id, task.id, skill, None, note))
        else:
            found.append(Case(task.id, task.id, skill, wrong))
    return tuple(found)


def _chained(task: Task, skill: str) -> Case:
    own = [
        row
        for row in ROBOTWIN_TASKS
        if row.task.suite == "robotwin-skills" and row.task.plan == (skill,)
    ]
    if task.id in _ROBOTWIN and task.suite == "robotwin-skills":
        own = [_ROBOTWIN[task.id]]
    if not own:
        raise MoselError(
            f"{task.id} has the skill {skill!r}, which follows from the one before it and has no "
            "environment of its own, so that its goal reliance cannot be measured."
        )
    (row,) = own
    starts = {
        other.task.plan[0]: other.start
        for other in ROBOTWIN_TASKS
        if other.task.suite == "robotwin-skills"
    }
    here = row.task.skill_texts
    wrong = [text for text in here if text != skill and starts[text] == row.start]
    note = ""
    if not wrong:
        note = (
            f"{task.id}: no other skill of the scene begins where {skill!r} does (its tool is in "
            "hand, or nothing else can be picked up yet), so that it has no wrong goal"
        )
    return Case(task.id, row.task.id, skill, wrong[0] if wrong else None, note)


def known_cases(source: str, tasks: Iterable[str]) -> tuple[list[Case], list[str]]:
    """The cases of some tasks that an agent can be tried on, and what is left out, in sentences.

    Args:
        source: Name or folder of an agent.
        tasks: Environment ids.

    Raises:
        MoselError: The agent follows no pictures of single skills, or knows no skill of the tasks.
        UnknownId: No such agent.
        DamagedFile: Its video planner cannot be read.
    """
    skills = set(known_skills(source))
    found, notes = [], []
    for env_id in dict.fromkeys(tasks):
        cases = cases_of(env_id)
        unknown = [case.skill for case in cases if case.skill not in skills]
        if unknown:
            notes.append(f"{env_id}: {source} was not trained for {', '.join(map(repr, unknown))}")
        found += [case for case in cases if case.skill in skills]
    notes += [case.note for case in found if case.note]
    if not found:
        raise MoselError(
            f"{source} knows no skill of {', '.join(tasks)}. It knows "
            f"{', '.join(map(repr, sorted(skills)))}. Name the tasks of these with --tasks."
        )
    return found, list(dict.fromkeys(notes))


def known_skills(source: str) -> tuple[str, ...]:
    """Skills that an agent can imagine, without loading its networks.

    Raises:
        MoselError: It imagines no single skills.
    """
    from mosel_gym.agents.checkpoint import VIDEO, checkpoint_folder
    from mosel_gym.agents.kinds import split_source
    from mosel_gym.agents.pretrained import kind_of
    from mosel_gym.models.checkpoint import read_metadata

    kind = kind_of(source)
    if kind not in _FOLLOWS_PICTURES:
        raise MoselError(
            f"{source} is an agent of the kind {kind!r}, which follows no imagined pictures of "
            f"single skills, so that there is no goal reliance of it. {_FOLLOWS_PICTURES} do."
        )
    metadata = read_metadata(checkpoint_folder(split_source(source)[1]) / VIDEO)
    return tuple(json.loads(metadata["config"]).get("skills", ()))
