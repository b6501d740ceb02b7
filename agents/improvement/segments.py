"""Which segments of a reflected episode belong to D_success and to D_fail, sections 3.3 and 3.4."""

from __future__ import annotations

from mosel_gym.registry import TASKS
from mosel_gym.types import Episode, Reflection


def successful_segments(
    episode: Episode, reflection: Reflection, min_confidence: float = 0.0
) -> list[int]:
    """Indexes of the segments with f_i = 1, of which the analyzer was at least so sure."""
    return [
        verdict.segment
        for verdict in reflection.verdicts
        if verdict.success and verdict.confidence >= min_confidence
    ]


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
    last_good = max(successful_segments(episode, reflection), default=-1)
    return [segment for segment in sorted(failed) if segment > last_good][:1]
