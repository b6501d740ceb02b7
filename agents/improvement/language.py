"""Language planner self-improving, section 3.1: a rationale in, a new plan out."""

from __future__ import annotations

from dataclasses import dataclass

from mosel_gym.agents.base import TaskPlanner
from mosel_gym.agents.improvement.evidence import Evidence
from mosel_gym.errors import InvalidPlan, NotEnoughData
from mosel_gym.types import Task, TaskPlan

History = list[tuple[TaskPlan, str]]
"""Plans of one goal that failed, with the rationale, oldest first."""


@dataclass(frozen=True)
class LanguageConfig:
    """How long a plan is refined in words."""

    max_rounds: int = 3
    """New plans for one goal, after its first one. Each of them was carried out and failed before
    the next is asked for."""

    def __post_init__(self) -> None:
        """Refuse to refine less than once."""
        if self.max_rounds < 1:
            raise ValueError(f"max_rounds={self.max_rounds} must be at least 1")


def refine_plan(
    task: Task,
    evidence: Evidence,
    planner: TaskPlanner,
    history: History,
    config: LanguageConfig | None = None,
    rounds: int = 0,
) -> tuple[TaskPlan, History]:
    """Replan from the failures of the plan that was carried out last.

    {w_i}^(k+1) = argmax log p(w | g, o, r^(k)): the planner gets every earlier plan with its
    rationale, and writes one that differs from all of them. No weights are touched.

    Args:
        task: The goal and S.
        evidence: Reflected episodes; those of other goals are left out.
        planner: Writes the new plan.
        history: Of this goal, from earlier rounds.
        config: How many rounds there may be.
        rounds: How many this goal has had.

    Returns:
        The new plan, and the history that led to it.

    Raises:
        NotEnoughData: No episode of this goal failed.
        InvalidPlan: All rounds are used up, or the planner has no other plan.
    """
    most = (config or LanguageConfig()).max_rounds
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
    if rounds >= most:
        raise InvalidPlan(_used_up(task, known, rounds, most))
    plan = planner.plan(task, observation, known)
    if any(plan.skills == tried.skills for tried, _ in known):
        raise InvalidPlan(
            f"The planner {planner.name!r} wrote the plan {list(plan.skills)} for {task.goal!r}, "
            "which has failed before. Use a planner that heeds the history."
        )
    return plan, known


def _used_up(task: Task, known: History, rounds: int, most: int) -> str:
    plans = "; ".join(str(list(plan.skills)) for plan, _ in known)
    return (
        f"The plan for {task.goal!r} was refined {rounds} times, {most} are allowed, and "
        f"the last one failed as well. Tried: {plans}. Last report: {known[-1][1][:500]!r}. Look "
        "at that report: if a skill fails whatever the plan, refine a network "
        '(`improve(target="policy")`); if the scene needs to be explained, give the planner hints; '
        "else raise `LanguageConfig.max_rounds`."
    )


def _summary(rationales: list[str], most: int = 3) -> str:
    """The newest different rationales, newest last: old ones must not drown what just happened."""
    different = list(dict.fromkeys(reversed(rationales)))[:most]
    return " ".join(reversed(different))
