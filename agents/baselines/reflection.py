"""What an agent answers that has no analyzer of its own."""

from __future__ import annotations

from mosel_gym.types import NOBODY, Reflection


def not_judged(agent: str, why: str = "") -> Reflection:
    """A reflection in which nobody judged: no verdict, no fault, and `analyzer` says so.

    `success` is False because nothing was found to be a success; read `Reflection.judged` first.

    Args:
        agent: Its name.
        why: Why not; the default says that it has no analyzer.
    """
    return Reflection(
        success=False,
        verdicts=(),
        fault="none",
        failed_skill=None,
        rationale=why or f"{agent} has no video analyzer: nobody judged this episode.",
        analyzer=NOBODY,
    )
