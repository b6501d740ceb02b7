"""Failure identification, section 3.4: from a table of sub-goals to what is at fault, in words.

Every analyzer fills the same table, from pictures or from simulator truth, and this module reads
it. The sentences that it writes are those that `planning.hints` understands, and are meant for
people too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mosel_gym.agents.planning.clauses import parse_clauses
from mosel_gym.agents.planning.hands import HandRules
from mosel_gym.agents.planning.matching import SkillMatcher
from mosel_gym.types import Episode, Fault, Reflection, Verdict

_SERVES = 0.5
"""From this matching score on, a skill of the plan serves a clause of the goal."""


@dataclass(frozen=True)
class SubgoalOutcome:
    """One row of the table: one attempt at one skill."""

    segment: int
    """Index into `Episode.segments`; a segment of kind "skill"."""
    reached: bool
    """Whether the sub-goal holds when the attempt ends."""
    confidence: float = 1.0
    undone_in: int | None = None
    """The later skill segment after which the sub-goal no longer holds, and did not again."""


def skill_segments(episode: Episode) -> list[int]:
    """Indices of the segments in which a skill was carried out for at least one step."""
    return [
        index
        for index, segment in enumerate(episode.segments)
        if segment.kind == "skill" and segment.stop > segment.start
    ]


def identify_failure(
    episode: Episode, outcomes: Sequence[SubgoalOutcome], analyzer: str, privileged: bool = False
) -> Reflection:
    """Say what failed, which module is at fault, and what to do about it.

    The language plan is at fault if it leaves a part of the goal out, if a skill undid what an
    earlier one had reached (then the order is wrong, even where the later skill failed as well), or
    if a skill failed and the plan asks a hand for what it does not hold. Else the first skill whose
    last attempt failed is.

    Args:
        episode: With plan and segments.
        outcomes: One for each skill segment, in time order.
        analyzer: Name for the result.
        privileged: Whether simulator truth entered the table.
    """
    planned = episode.plan.skills if episode.plan else carried_out(episode, outcomes)
    hands = HandRules(planned)
    outcomes = [as_meant(episode, row, hands) for row in outcomes]
    last = {episode.segments[row.segment].skill: row for row in outcomes}  # the last attempt counts
    missing = _unserved_clauses(episode.goal, planned)
    undone = [row for row in last.values() if row.reached and row.undone_in is not None]
    failed = [skill for skill in dict.fromkeys(planned) if not achieved(last.get(skill))]
    conflict = hands.conflict(planned) if failed else None
    fault: Fault = "none"
    if missing or undone or conflict:
        fault = "language"
    elif failed or not outcomes:
        fault = "skill"
    sentences = [describe(episode, row) for row in outcomes]
    sentences += [
        f'"{skill}" was never started: time ran out' for skill in failed if skill not in last
    ]
    sentences += [
        f'No skill of the plan serves the part "{clause}" of the goal' for clause in missing
    ]
    sentences += [
        f'The order is at fault: carry out "{episode.segments[row.undone_in].skill}" '
        f'before "{episode.segments[row.segment].skill}"'
        for row in undone
        if row.undone_in is not None
    ]
    if conflict:
        sentences.append(f'The plan is at fault: "{conflict[0]}" cannot succeed, as {conflict[1]}')
    if not outcomes:
        sentences.append("No skill was carried out in this episode")
    if fault == "none":
        sentences.append("Every sub-goal of the plan was reached")
    first_failed = failed[0] if failed else None
    if undone:
        first_failed = episode.segments[undone[0].segment].skill
    return Reflection(
        success=fault == "none",
        verdicts=tuple(_verdict(episode, row) for row in outcomes),
        fault=fault,
        failed_skill=first_failed,
        rationale=". ".join(sentences) + ".",
        analyzer=analyzer,
        privileged=privileged,
    )


def carried_out(episode: Episode, outcomes: Sequence[SubgoalOutcome]) -> tuple[str, ...]:
    """The skills that were tried, in the order of their first attempt."""
    return tuple(dict.fromkeys(episode.segments[row.segment].skill for row in outcomes))


def as_meant(episode: Episode, row: SubgoalOutcome, hands: HandRules) -> SubgoalOutcome:
    """What was picked up and then handed over was not undone by that."""
    if row.undone_in is None:
        return row
    skill, other = (episode.segments[at].skill for at in (row.segment, row.undone_in))
    return replace(row, undone_in=None) if hands.passes_on(skill, other) else row


def achieved(row: SubgoalOutcome | None) -> bool:
    """Whether a skill's sub-goal was reached and stayed so; no row means that it never began."""
    return row is not None and row.reached and row.undone_in is None


def _verdict(episode: Episode, row: SubgoalOutcome) -> Verdict:
    # What happened later does not make the segment itself a failure: its actions did reach the
    # sub-goal, and belong to D_success when a policy learns from them.
    skill = episode.segments[row.segment].skill
    return Verdict(skill, row.segment, row.reached, describe(episode, row), row.confidence)


def describe(episode: Episode, row: SubgoalOutcome) -> str:
    """One row in words, as `planning.hints` reads them; without a full stop."""
    segment = episode.segments[row.segment]
    steps = segment.stop - segment.start
    if not row.reached:
        return f'"{segment.skill}" failed: its sub-goal was not reached after {steps} steps'
    if row.undone_in is None:
        return f'"{segment.skill}" was reached within {steps} steps'
    other = episode.segments[row.undone_in].skill
    return f'"{segment.skill}" was reached, but it was undone while the robot carried out "{other}"'


def _unserved_clauses(goal: str, planned: Sequence[str]) -> list[str]:
    """Parts of the goal that no skill of the plan does, by the words alone."""
    matcher = SkillMatcher(planned)
    clauses = parse_clauses(goal)
    served: set[int] = set()
    for start in range(len(clauses)):
        for stop in range(start + 1, len(clauses) + 1):
            scores = [matcher.score(clauses[start:stop], skill) for skill in matcher.skills]
            if max(scores, default=0.0) >= _SERVES:
                served.update(range(start, stop))
    return [clause.text for at, clause in enumerate(clauses) if at not in served]
