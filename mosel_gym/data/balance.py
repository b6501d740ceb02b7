"""Clips of several skills, so that none drowns the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from mosel_gym.data.windows import Clip

Balance = Literal["none", "skills"]
MOST_COPIES = 10
"""However rare a skill is, its clips are not repeated more often: a handful would be learned by
heart."""


def balanced(clips: Sequence[Clip], balance: Balance) -> list[Clip]:
    """Repeat clips of rarer skills until every skill has about as many steps as the largest.

    Args:
        clips: The same objects come back; nothing is copied.
        balance: "none" leaves them as they are.
    """
    if balance == "none":
        return list(clips)
    steps: dict[str, int] = {}
    for clip in clips:
        steps[clip.skill] = steps.get(clip.skill, 0) + len(clip.actions)
    most = max(steps.values(), default=0)
    copies = {skill: min(MOST_COPIES, round(most / max(1, own))) for skill, own in steps.items()}
    return [clip for clip in clips for _ in range(max(1, copies[clip.skill]))]
