"""What several commands share."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mosel_gym.benchmark.results import EpisodeResult
from mosel_gym.errors import BudgetReached

if TYPE_CHECKING:
    from mosel_gym.training.loop import FitReport


def exit_code(results: Sequence[EpisodeResult]) -> int:
    """Tell of broken episodes, and of those that a model left unfinished, on standard error.

    Returns:
        0 if there are none, else 1.
    """
    left = [row for row in results if row.status == "ok" and row.unfinished]
    if left:
        why = left[0].unjudged or left[0].refinement_ended
        print(
            f"\n{len(left)} episodes were carried out and kept, but a model failed to judge or to "
            f"replan them; the same command tries again. The first one:\n{why}",
            file=sys.stderr,
        )
    broken = told_errors([result.error for result in results if result.status == "error"])
    return 1 if left else broken


def told_stop(stopped: BudgetReached | None) -> int:
    """Tell of a budget that ended a run, on standard error.

    Returns:
        0 if there was none, else 3.
    """
    if stopped is None:
        return 0
    print(f"\nStopped: {stopped}", file=sys.stderr)
    return 3


def told_errors(errors: Sequence[str]) -> int:
    """Print how many episodes broke and the first one's traceback."""
    if not errors:
        return 0
    print(f"\n{len(errors)} episodes broke. The first one:\n{errors[0]}", file=sys.stderr)
    return 1


def training_line(clips: int, report: FitReport) -> str:
    """What a training run did, in one line."""
    return f"{clips} clips, {report.steps} steps, loss {report.loss:.4f}, {report.seconds:.0f} s"


class Optional(Exception):
    """Something is missing that only some work needs."""


def installed(module: str, extra: str) -> str:
    """Say that a module is there.

    Raises:
        Optional: It is not; names the extra that brings it.
    """
    if importlib.util.find_spec(module) is None:
        raise Optional(f"{module} is not installed; `pip install mosel-gym[{extra}]`")
    return f"{module} is installed"
