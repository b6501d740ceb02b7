"""What a video language model answers, and which answers cannot be true."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from pydantic import BaseModel

_MAX_EVIDENCE = 12
"""A model that lists every frame has pointed at none."""


class AttemptJudgement(BaseModel):
    """Step (a) for one attempt: what is seen comes before the verdict."""

    attempt: int
    seen: str
    evidence: list[int]
    reached: bool
    holds_at_end: bool
    undone_by: int
    reason: str
    confidence: float


class SubgoalAnswer(BaseModel):
    """Step (a): sub-goal evaluation."""

    attempts: list[AttemptJudgement]
    goal_reached: bool
    goal_reason: str


class ClaimJudgement(BaseModel):
    """The critic's word on one success."""

    attempt: int
    doubt: str
    evidence: list[int]
    stands: bool
    confidence: float


class CritiqueAnswer(BaseModel):
    """The second pass over what the first one called a success."""

    claims: list[ClaimJudgement]


class FailureAnswer(BaseModel):
    """Step (b): failure identification."""

    what_happened: str
    plan_at_fault: bool
    failed_attempt: int
    reason: str
    advice: str


def check_subgoals(answer: SubgoalAnswer, attempts: int, moments: Collection[int]) -> None:
    """Refuse a table with holes, strangers or contradictions.

    Raises:
        ValueError: With a reason that the model can act on.
    """
    _check_numbers([row.attempt for row in answer.attempts], range(1, attempts + 1))
    for row in answer.attempts:
        name = f"attempt {row.attempt}"
        _check_evidence(name, row.evidence, moments, needed=row.reached)
        _check_confidence(name, row.confidence)
        _check_words(name, row.reason)
        if row.undone_by and (not row.reached or row.holds_at_end):
            raise ValueError(
                f"{name}: undone_by is {row.undone_by}, but reached is {row.reached} and "
                f"holds_at_end is {row.holds_at_end}; only what was reached and no longer holds at "
                "the end was undone, else undone_by is 0."
            )
        if row.undone_by and not row.attempt < row.undone_by <= attempts:
            later = list(range(row.attempt + 1, attempts + 1))
            raise ValueError(
                f"{name}: undone_by is {row.undone_by}; allowed are 0 and the later attempts "
                f"{later}."
            )


def check_critique(answer: CritiqueAnswer, claims: Sequence[int], moments: Collection[int]) -> None:
    """Refuse a critique that leaves a claim out or invents one.

    Raises:
        ValueError: With a reason that the model can act on.
    """
    _check_numbers([row.attempt for row in answer.claims], claims)
    for row in answer.claims:
        name = f"attempt {row.attempt}"
        _check_evidence(name, row.evidence, moments, needed=row.stands)
        _check_confidence(name, row.confidence)


def check_failure(answer: FailureAnswer, failed: Sequence[int], unfinished: bool) -> None:
    """Refuse a diagnosis that contradicts the table of sub-goals.

    Args:
        answer: The diagnosis.
        failed: Attempts whose sub-goal was not reached, or was undone.
        unfinished: Whether a skill of the plan was never begun.

    Raises:
        ValueError: With a reason that the model can act on.
    """
    _check_words("the diagnosis", answer.reason)
    if answer.failed_attempt and answer.failed_attempt not in failed:
        raise ValueError(
            f"failed_attempt is {answer.failed_attempt}; the attempts that failed or were undone "
            f"are {list(failed) or 'none'}, and 0 stands for none of them."
        )
    if answer.plan_at_fault or answer.failed_attempt:
        return
    if failed:
        raise ValueError(
            f"plan_at_fault is false and failed_attempt is 0; one of the attempts {list(failed)} "
            "failed first, or else the plan is at fault."
        )
    if not unfinished:
        raise ValueError(
            "Every attempt reached its sub-goal and the goal was not reached all the same, so the "
            "plan must be at fault: say what it lacks."
        )


def _check_numbers(said: Sequence[int], wanted: Sequence[int]) -> None:
    if sorted(said) == sorted(wanted):
        return
    counts = Counter(said)
    missing = [number for number in wanted if number not in counts]
    unknown = sorted(number for number in counts if number not in wanted)
    twice = sorted(number for number in counts if counts[number] > 1)
    raise ValueError(
        f"Each of the attempts {list(wanted)} is needed once. Missing: {missing or 'none'}, "
        f"unknown: {unknown or 'none'}, given more than once: {twice or 'none'}."
    )


def _check_evidence(
    name: str, evidence: Sequence[int], moments: Collection[int], needed: bool
) -> None:
    outside = [moment for moment in evidence if moment not in moments]
    if outside or len(evidence) > _MAX_EVIDENCE:
        raise ValueError(
            f"{name}: evidence is {list(evidence)[:40]}; allowed are at most {_MAX_EVIDENCE} "
            f"numbers from {min(moments)} to {max(moments)}."
        )
    if needed and not evidence:
        raise ValueError(f"{name}: a success needs evidence, at least one number.")


def _check_confidence(name: str, confidence: float) -> None:
    if not 0.0 <= confidence <= 1.0:  # false for a NaN, too
        raise ValueError(f"{name}: confidence is {confidence}; it lies in 0..1.")


def _check_words(name: str, reason: str) -> None:
    if not reason.strip():
        raise ValueError(f"{name}: the reason is empty.")
