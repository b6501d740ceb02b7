"""The table of attempts that a video language model fills, and the reflection it amounts to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mosel_gym.agents.analysis.answers import AttemptJudgement, ClaimJudgement, FailureAnswer
from mosel_gym.agents.analysis.failure import (
    SubgoalOutcome,
    achieved,
    as_meant,
    describe,
    skill_segments,
)
from mosel_gym.agents.analysis.recording import Recording
from mosel_gym.agents.planning.hands import HandRules
from mosel_gym.agents.prompts import one_line
from mosel_gym.types import Episode, Fault, Reflection, Verdict

_MAX_WORDS = 600
"""Letters of a model's reason that are kept."""


@dataclass(frozen=True)
class Attempt:
    """One row: a skill segment, numbered from 1 as the model is told."""

    number: int
    skill: str
    when: str
    subgoal: str
    outcome: SubgoalOutcome
    reason: str = ""
    evidence: str = ""

    def row(self) -> dict[str, object]:
        """What the model is told before it judges."""
        return {
            "attempt": self.number,
            "skill": self.skill,
            "when": self.when,
            "sub-goal": self.subgoal,
        }


class Attempts:
    """All attempts of one episode; filled by `judged` and `criticised`, in this order."""

    def __init__(self, episode: Episode, recording: Recording, subgoals: dict[str, str]) -> None:
        self._episode, self._recording = episode, recording
        self._rows: list[Attempt] = []
        for number, index in enumerate(skill_segments(episode), 1):
            segment = episode.segments[index]
            when = recording.span(segment.start, segment.stop)
            outcome = SubgoalOutcome(index, False)
            self._rows.append(
                Attempt(number, segment.skill, when, subgoals[segment.skill], outcome)
            )
        tried = tuple(dict.fromkeys(row.skill for row in self._rows))
        self.planned: tuple[str, ...] = episode.plan.skills if episode.plan else tried
        """The plan; without one, the skills that were tried."""
        self.never_started = tuple(s for s in dict.fromkeys(self.planned) if s not in tried)
        """Skills of the plan that time did not suffice for."""

    def __len__(self) -> int:
        return len(self._rows)

    def tried(self) -> list[dict[str, object]]:
        """The rows as the model is told before it judges."""
        return [row.row() for row in self._rows]

    def found(self) -> list[dict[str, object]]:
        """The rows with what was found."""
        return [
            {
                **row.row(),
                "reached": row.outcome.reached,
                "undone by attempt": self._number_of(row.outcome.undone_in),
                "reason": row.reason,
            }
            for row in self._rows
        ]

    def judged(self, judgements: Sequence[AttemptJudgement]) -> None:
        """Fill in the first pass; what is lost with no later attempt to blame was not reached."""
        hands = HandRules(self.planned)
        for said in judgements:
            row = self._rows[said.attempt - 1]
            reached = said.reached and (said.holds_at_end or said.undone_by > 0)
            undone = self._rows[said.undone_by - 1].outcome.segment if said.undone_by else None
            outcome = replace(
                row.outcome,
                reached=reached,
                confidence=said.confidence,
                undone_in=undone,
            )
            self._rows[said.attempt - 1] = replace(
                row,
                outcome=as_meant(self._episode, outcome, hands),
                reason=one_line(said.reason, _MAX_WORDS),
                evidence=self._recording.said(said.evidence),
            )

    def claimed(self) -> list[Attempt]:
        """Attempts that count as successes so far."""
        return [row for row in self._rows if row.outcome.reached]

    def criticised(self, claims: Sequence[ClaimJudgement]) -> None:
        """Take back the successes that the critic refutes."""
        for said in claims:
            row = self._rows[said.attempt - 1]
            if said.stands:
                confidence = min(row.outcome.confidence, said.confidence)
                self._rows[said.attempt - 1] = replace(
                    row, outcome=replace(row.outcome, confidence=confidence)
                )
                continue
            self._rows[said.attempt - 1] = replace(
                row,
                outcome=SubgoalOutcome(row.outcome.segment, False, said.confidence),
                reason=one_line(said.doubt, _MAX_WORDS) or row.reason,
                evidence=self._recording.said(said.evidence) or row.evidence,
            )

    @property
    def anything_failed(self) -> bool:
        """Whether a skill of the plan was not achieved; the last attempt at it counts."""
        last = self._last()
        return not all(row and achieved(row.outcome) for row in map(last.get, self.planned))

    def failed_numbers(self) -> list[int]:
        """Numbers of the last attempts that failed or were undone, in order."""
        rows = self._last().values()
        return sorted(row.number for row in rows if not achieved(row.outcome))

    def success(self, analyzer: str) -> Reflection:
        """The reflection where nothing failed."""
        return self._reflection("none", None, ["Every sub-goal of the plan was reached"], analyzer)

    def failure(self, said: FailureAnswer, goal_reason: str, analyzer: str) -> Reflection:
        """The reflection where something did."""
        sentences = [f'"{skill}" was never started: time ran out' for skill in self.never_started]
        failed = self.failed_numbers()
        if said.plan_at_fault:
            sentences += self._orders()
        if not failed and not self.never_started:
            sentences.append(f"The goal was not reached: {one_line(goal_reason, _MAX_WORDS)}")
        sentences += [one_line(said.reason, _MAX_WORDS), one_line(said.advice, _MAX_WORDS)]
        blamed = [said.failed_attempt] if said.failed_attempt else failed[:1]
        skills = [*(self._rows[number - 1].skill for number in blamed), *self.never_started]
        skill = skills[0] if skills else None
        fault: Fault = "language" if said.plan_at_fault else "skill"
        return self._reflection(fault, skill, sentences, analyzer)

    def _reflection(
        self, fault: Fault, skill: str | None, sentences: Sequence[str], analyzer: str
    ) -> Reflection:
        # The standard sentences come first; a model's own words on a success stay out of the
        # rationale: "it was not knocked over" would read like a mishap to the planner.
        said = [describe(self._episode, row.outcome) for row in self._rows]
        said += [sentence.strip().rstrip(".") for sentence in sentences if sentence.strip()]
        return Reflection(
            success=fault == "none",
            verdicts=tuple(self._verdict(row) for row in self._rows),
            fault=fault,
            failed_skill=skill,
            rationale=". ".join(said) + ".",
            analyzer=analyzer,
        )

    def _verdict(self, row: Attempt) -> Verdict:
        seen = f" ({row.evidence})" if row.evidence else ""
        reason = f"{describe(self._episode, row.outcome)}: {row.reason}{seen}"
        outcome = row.outcome
        return Verdict(row.skill, outcome.segment, outcome.reached, reason, outcome.confidence)

    def _orders(self) -> list[str]:
        """What was undone should come after what undid it."""
        return [
            f'The order is at fault: carry out "{self._episode.segments[culprit].skill}" '
            f'before "{row.skill}"'
            for row in self._last().values()
            if row.outcome.reached and (culprit := row.outcome.undone_in) is not None
        ]

    def _last(self) -> dict[str, Attempt]:
        return {row.skill: row for row in self._rows}

    def _number_of(self, segment: int | None) -> int:
        numbers = {row.outcome.segment: row.number for row in self._rows}
        return 0 if segment is None else numbers[segment]
