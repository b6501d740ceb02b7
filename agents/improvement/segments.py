"""Which segments of a reflected episode belong to D_success and to D_fail, sections 3.3 and 3.4."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mosel_gym.registry import TASKS
from mosel_gym.types import Episode, Reflection, Verdict

LIKELY = 0.05
"""Probability below which no try counts as a success, however its skill's other tries look."""


def successes(
    reflections: Sequence[Reflection], min_confidence: float = 0.0, at_least: float = 0.0
) -> list[frozenset[int]]:
    """Indexes of the segments that count as reached, for each reflection.

    Those with f_i = 1, of which the analyzer was sure enough; and of each skill the likeliest,
    until `at_least` of all its tries are among them. In a scene that an analyzer never saw its
    probabilities can be far too low for a skill, and their order still be right.

    Args:
        reflections: Of some episodes.
        min_confidence: From which on the analyzer's word alone is enough.
        at_least: Share of each skill's tries. None below `LIKELY` is taken for it.
    """
    tries: dict[str, list[tuple[float, int, Verdict]]] = {}
    for index, reflection in enumerate(reflections):
        for verdict in reflection.verdicts:
            row = (probability(verdict), index, verdict)
            tries.setdefault(verdict.skill, []).append(row)
    found: list[set[int]] = [set() for _ in reflections]
    for rows in tries.values():
        rows.sort(key=lambda row: -row[0])  # stable: earlier episodes first
        likeliest = round(at_least * len(rows))
        for place, (likely, index, verdict) in enumerate(rows):
            sure = verdict.success and verdict.confidence >= min_confidence
            if sure or (place < likeliest and likely >= LIKELY):
                found[index].add(verdict.segment)
    return [frozenset(segments) for segments in found]


def probability(verdict: Verdict) -> float:
    """That the sub-goal was reached, in 0..1, by the analyzer's verdict and its confidence."""
    return verdict.confidence if verdict.success else 1.0 - verdict.confidence


def reached(reflection: Reflection, segments: frozenset[int]) -> Reflection:
    """The same reflection, where these segments count as reached as well."""
    verdicts = [
        replace(verdict, success=True) if verdict.segment in segments else verdict
        for verdict in reflection.verdicts
    ]
    return replace(reflection, verdicts=tuple(verdicts))


def failed_segments(episode: Episode, reflection: Reflection) -> list[int]:
    """Indexes of the segments whose actions are to blame: the failed skill's own steps, no more.

    - Where the plan is at fault there are none: the actions did what the plan asked for.
    - Where each skill takes over what the one before it left (`Task.chained`), only the first
      failure after the last sub-goal that was judged reached: what came after it had no chance.
    - Elsewhere each skill begins at the home pose by itself, and each failure counts.

    A segment holds the skill's steps alone: those of skills that went well before it, and the arm's
    way home in between, are segments of their own.
    """
    if reflection.fault == "language":
        return []
    failed = [verdict.segment for verdict in reflection.verdicts if not verdict.success]
    task = TASKS.get(episode.task_id)
    if task is None or not task.chained:
        return failed
    good = [verdict.segment for verdict in reflection.verdicts if verdict.success]
    last_good = max(good, default=-1)
    return [segment for segment in sorted(failed) if segment > last_good][:1]
