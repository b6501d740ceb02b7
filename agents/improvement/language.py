"""Language planner self-improving, section 3.1: a rationale in, a new plan out."""

from __future__ import annotations

from mosel_gym.agents.base import TaskPlanner
from mosel_gym.agents.improvement.evidence import Evidence
from mosel_gym.errors import NotEnoughData
from mosel_gym.types import Task, TaskPlan

History = list[tuple[TaskPlan, str]]
"""Plans of one goal that failed, with the rationale, oldest first."""


def refine_plan(
    task: Task, evidence: Evidence, planner: TaskPlanner, history: History
) -> tuple[TaskPlan, History]:
    """Replan from the failures of the plan that was carried out last.

    {w_i}^(k+1) = argmax log p(w | g, o, r^(k)): the planner gets every earlier plan with its
    rationale, and writes one that differs from all of them.

    Args:
        task: The goal and S.
        evidence: Reflected episodes; those of other goals are left out.
        planner: Writes the new plan.
        history: Of this goal, from earlier rounds.

    Returns:
        The new plan, and the history that led to it.

    Raises:
        NotEnoughData: No episode of this goal failed.
        InvalidPlan: The planner has no other plan.
    """
    failures: dict[tuple[str, ...], list[str]] = {}
    plans: dict[tuple[str, ...], TaskPlan] = {}
    observation = None
    order = sorted(enumerate(evidence.reflections()), key=lambda pair: pair[1].fault == "language")
    for at, reflection in order:
        if reflection.success:
            continue
        episode = evidence.episode(at)
        if episode.goal != task.goal or episode.plan is None:
            continue
        observation = {name: rows[0] for name, rows in episode.observations.items()}
        # Taken out and put in again: the plan whose language failed last ends up last.
        rationales = failures.pop(episode.plan.skills, [])
        failures[episode.plan.skills] = [*rationales, reflection.rationale]
        plans[episode.plan.skills] = episode.plan
    if not failures:
        raise NotEnoughData(
            f"A new plan for {task.goal!r} needs at least 1 failed episode of that goal; there are "
            f"0 among the {len(evidence.reflections())} reflected ones."
        )
    known = [entry for entry in history if entry[0].skills not in failures]
    for skills, rationales in failures.items():
        known.append((plans[skills], _summary(rationales)))
    return planner.plan(task, observation, known), known


def _summary(rationales: list[str], most: int = 3) -> str:
    """The newest different rationales, newest last: old ones must not drown what just happened."""
    different = list(dict.fromkeys(reversed(rationales)))[:most]
    return " ".join(reversed(different))
