"""Clips of several skills, so that none drowns the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from mosel_gym.data.windows import Clip

Balance = Literal["none", "skills", "failures"]
MOST_COPIES = 10
"""However rare a skill is, its clips are not repeated more often: a handful would be learned by
heart."""


def balanced(
    clips: Sequence[Clip], balance: Balance, failing: Mapping[str, float] | None = None
) -> list[Clip]:
    """Repeat clips of some skills, and leave some of others out, until skills have their weight.

    Args:
        clips: The same objects come back; nothing is copied.
        balance: "skills": each skill has about as many steps as the largest. "failures": each has
            its share of that by how often it fails, so that what goes well already, and is there in
            hundreds of clips, takes no time from what hardly ever went well. "none" leaves them as
            they are.
        failing: Share of the tries of each skill that failed, for "failures".

    Raises:
        ValueError: "failures", and nobody says how often they fail.
    """
    if balance == "none":
        return list(clips)
    if balance == "failures" and failing is None:
        raise ValueError('balance is "failures"; say how often each skill fails with `failing`')
    steps: dict[str, int] = {}
    for clip in clips:
        steps[clip.skill] = steps.get(clip.skill, 0) + len(clip.actions)
    most = max(steps.values(), default=0)
    chosen: list[Clip] = []
    for skill, own in steps.items():
        weight = 1.0 if failing is None or balance == "skills" else failing.get(skill, 0.0)
        wanted = weight * most / max(1, own)
        chosen += _repeated([clip for clip in clips if clip.skill == skill], wanted)
    order = {id(clip): at for at, clip in enumerate(clips)}
    return sorted(chosen, key=lambda clip: order[id(clip)])


def quickest(clips: Sequence[Clip], share: float) -> list[Clip]:
    """Of each skill's clips the share with the fewest steps, at least one; in the old order."""
    by_skill: dict[str, list[int]] = {}
    for at, clip in enumerate(clips):
        by_skill.setdefault(clip.skill, []).append(at)
    kept: list[int] = []
    for own in by_skill.values():
        own.sort(key=lambda at: len(clips[at].actions))
        kept += own[: max(1, round(share * len(own)))]
    return [clips[at] for at in sorted(kept)]


def _repeated(clips: Sequence[Clip], times: float) -> list[Clip]:
    """Each clip about so many times; below 1, an even choice of them, of at least one."""
    if times >= 1:
        return [clip for clip in clips for _ in range(min(MOST_COPIES, round(times)))]
    count = max(1, round(times * len(clips)))
    return [clips[at * len(clips) // count] for at in range(count)]
