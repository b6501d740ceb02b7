"""Goal texts become tasks, and plans are held to their skill set S."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mosel_gym.errors import InvalidPlan, UnknownId
from mosel_gym.registry import find_task
from mosel_gym.types import Skill, Task, TaskPlan


def resolve_task(task: Task | str, skills: Sequence[str | Skill] | None = None) -> Task:
    """The task behind a goal text, with its skill set S.

    Args:
        task: A task, or a goal text.
        skills: S. Needed for a text that the task tables do not know; overrides theirs otherwise.

    Raises:
        UnknownId: The tables do not know the text, and no `skills` were given.
    """
    wanted = tuple(Skill(s, s) if isinstance(s, str) else s for s in skills or ())
    if isinstance(task, Task):
        known = task
    else:
        try:
            known = find_task(task)
        except UnknownId:
            if not wanted:
                raise
            return Task("custom", "custom", task, wanted, plan=())
    return replace(known, skills=wanted) if wanted else known


def checked_plan(plan: TaskPlan | Sequence[str], task: Task) -> TaskPlan:
    """The plan, if it is not empty and uses skills of S only.

    Raises:
        InvalidPlan: It is empty, or uses another skill; the message names S.
    """
    if not isinstance(plan, TaskPlan):
        plan = TaskPlan(tuple(plan), "Given by the caller.", "given")
    outside = [skill for skill in plan.skills if skill not in task.skill_texts]
    if outside or not plan.skills:
        what = f"uses {outside}, outside S" if outside else "is empty"
        raise InvalidPlan(
            f"The plan for {task.goal!r} {what}. S = {list(task.skill_texts)}; use these texts."
        )
    return plan
