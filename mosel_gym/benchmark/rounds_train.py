"""The jobs of a round that need networks or episode files: who is at fault, and the training.

Each is a function of plain data, so that it can run in another process, and gives back plain data.
What makes a round impossible without being anybody's mistake is returned, not raised.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from mosel_gym.benchmark.arms import (
    ArmJob,
    evidence_of,
    finish_arm,
    in_background,
    load_job,
    stored_report,
)
from mosel_gym.benchmark.provenance import plain
from mosel_gym.errors import InvalidPlan, NotEnoughData, TrainingDiverged
from mosel_gym.registry import task_of
from mosel_gym.types import ImproveReport

if TYPE_CHECKING:
    from mosel_gym.agents import MoselAgent
    from mosel_gym.agents.improvement.evidence import Evidence


@dataclass(frozen=True)
class Decision:
    """What a round will do."""

    module: str
    """"video", "policy", "language", or "none" where the round is skipped."""
    reason: str
    blame: dict[str, Any]
    """Who was at fault, see `improvement.route.Blame`."""
    by_skill: dict[str, list[int]]
    """For each skill, segments judged reached and not."""
    accepted: int
    rejected: int
    goals: tuple[str, ...] = ()
    """Goals whose plan was at fault and can be refined, for the module "language"."""
    skip: str = ""
    """Why the round is skipped, and what to do about it."""
    notes: tuple[str, ...] = ()
    """What the round goes on without."""


def decide(job: ArmJob, round_index: int, language_over: str = "") -> Decision:
    """Count who was at fault, pick the module, and find out whether there is enough to learn from.

    Args:
        job: With the target that was asked for.
        round_index: 0 for the first round; "alternate" goes by it.
        language_over: Why no plan can be refined any further, if that was found out.
    """
    from mosel_gym.agents.improvement.route import blame, choose

    agent, evidence = load_job(job), evidence_of(job)
    latest = evidence_of(replace(job, earlier=()))  # what this agent did; earlier ones are no fault
    judge = agent.judge if agent.judge is not None else agent.analyzer
    config = agent.config
    accepted, rejected = evidence.counts()
    skills = evidence.counts_by_skill()
    found = Decision(
        module="none",
        reason="",
        blame=plain(blame(latest, judge, config.route)),
        by_skill={skill: list(both) for skill, both in skills.items()},
        accepted=accepted,
        rejected=rejected,
    )
    if said := _one_sided(evidence, accepted, rejected):
        return replace(found, skip=said)
    goals = _open_goals(agent, latest)
    if not goals and not language_over:
        language_over = "every plan at fault was refined as often as is allowed"
    route = choose(
        job.target, latest, judge, round_index, config.route, language_over=language_over
    )
    found = replace(found, module=route.module, reason=route.reason)
    if route.module == "none":
        return replace(found, skip=route.reason)
    if route.module == "language":
        if not goals:
            return replace(found, module="none", skip=_no_plan_to_refine(latest))
        return replace(found, goals=tuple(goals))
    try:
        evidence.require(config.min_accepted, f"Refining the {route.module} module")
    except NotEnoughData as error:
        return replace(found, module="none", skip=f"{error} {_FEW}")
    without = [skill for skill, (good, _) in skills.items() if not good]
    notes = [
        f"{skill!r} was never judged reached: only demonstrations can teach it" for skill in without
    ]
    if route.module == "policy" and rejected == 0:
        notes.append("no segment was judged failed: alpha and margin have no effect")
    return replace(found, notes=tuple(notes))


_FEW = "Or train the agent longer before its first round: rounds need some successes to start from."


def _one_sided(evidence: Evidence, accepted: int, rejected: int) -> str:
    """Why there is nothing to learn from; "" if there is."""
    reflections = evidence.reflections()
    if not reflections:
        return (
            "No episode was judged, so there is nothing to learn from. Look at the errors of the "
            "episodes; where a foundation model judges, look whether it could be reached."
        )
    if accepted + rejected == 0:
        return (
            f"{len(reflections)} episodes were judged, but no skill in them: none was carried out "
            "for a step. Raise --max-steps, or look at the plans."
        )
    if all(row.success for row in reflections) and rejected == 0:
        return (
            f"All {len(reflections)} episodes were judged successful, so nothing is there to be "
            "mended. Stop here, or make it harder: --layout-spread-m, other tasks."
        )
    return ""


def _open_goals(agent: MoselAgent, evidence: Evidence) -> list[str]:
    """Goals whose plan is at fault often enough and may still be refined."""
    failed: dict[str, list[bool]] = {}
    for task_id, row in zip(evidence.task_ids(), evidence.reflections(), strict=True):
        if not row.success:
            failed.setdefault(task_of(task_id).goal, []).append(row.fault == "language")
    share, most = agent.config.route.language_share, agent.config.language.max_rounds
    return [
        goal
        for goal, plans in failed.items()
        if any(plans) and sum(plans) >= share * len(plans) and agent.refined.get(goal, 0) < most
    ]


def _no_plan_to_refine(evidence: Evidence) -> str:
    return (
        "No plan is left to be refined: none was at fault often enough in the "
        f"{len(evidence.reflections())} episodes, or they were refined as often as is allowed. "
        "Choose another --target."
    )


def plans_arm(job: ArmJob, goals: tuple[str, ...]) -> ImproveReport:
    """Refine the plan of each of some goals, and save the agent.

    Raises:
        InvalidPlan: The task planner has no other plan for any of them.
    """
    if (stored := stored_report(job.out)) is not None:
        return stored
    agent, evidence = load_job(job), evidence_of(replace(job, earlier=()))
    before, told, failed = agent.rounds, [], []
    report: ImproveReport | None = None
    for goal in goals:
        agent.reset(goal)
        try:
            report = agent.improve(evidence, "language")
        except InvalidPlan as error:
            failed.append(str(error))
            continue
        assert report.plan is not None
        told.append(f"{goal!r}: {'; '.join(report.plan.skills)}")
    if report is None:
        raise InvalidPlan(" ".join(failed))
    agent.rounds = before + 1  # one round, however many goals
    reason = " ".join([f"New plans: {' | '.join(told)}.", *failed])
    return finish_arm(agent, replace(report, reason=reason), job)


def trained(arm: Callable[..., ImproveReport], job: ArmJob, *more: Any) -> dict[str, Any]:
    """Run an arm; its progress goes to `<out>.log`. What a killed run left of it is removed.

    Returns:
        `report`, the arm's as plain data, and `failed`, why there is none.
    """
    if stored_report(job.out) is None:
        shutil.rmtree(job.out, ignore_errors=True)
    report: ImproveReport | None = None
    failed = ""
    try:
        report = in_background(lambda own: arm(own, *more), job)
    except (NotEnoughData, InvalidPlan, TrainingDiverged) as error:
        failed = str(error)
    return {"report": None if report is None else plain(asdict(report)), "failed": failed}
