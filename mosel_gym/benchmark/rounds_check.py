"""Whether a round made the agent worse, by the analyzer's word on seeds nobody learned from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mosel_gym.benchmark.metrics import Rate, share
from mosel_gym.benchmark.results import EpisodeResult


@dataclass(frozen=True)
class Check:
    """Judged successes of two agents on the same seeds; simulator truth has no part in it."""

    before: Rate
    after: Rate
    gained: int
    """Seeds that only the refined agent was judged to solve."""
    lost: int
    """Seeds that only the agent before it was."""
    pairs: int
    """Seeds on which both were judged."""
    p_worse: float
    """How often chance alone would lose so many of the seeds on which the two differ."""
    worse: bool
    """Whether the round is rolled back."""
    said: str
    by_task: dict[str, str] = field(default_factory=dict)
    """The same in words, task by task; it decides nothing."""


def compare_judged(
    before: Mapping[str, Sequence[EpisodeResult]],
    after: Mapping[str, Sequence[EpisodeResult]],
    p: float,
) -> Check:
    """Compare the agents before and after a round.

    The rule: the round is rolled back if more seeds were lost than gained, over all tasks together,
    and a fair coin for each seed on which the two differ would lose as many with a probability
    below `p`. With p = 0.2 that is 3 lost and none gained, 4 and 1, 6 and 2.

    Args:
        before: Episodes by task.
        after: The same seeds, with the refined agent.
        p: Threshold of the one-sided sign test.
    """
    pairs = {task: _pairs(before[task], after[task]) for task in before}
    every = [pair for found in pairs.values() for pair in found]
    gained, lost = _differences(every)
    chance = sign_test(lost, gained)
    worse = lost > gained and chance < p
    numbers = f"+{gained} -{lost} of {len(every)} pairs, p = {chance:.2g} for worse"
    if not every:
        said = "Kept unchecked: no check episode was judged both before and after."
    elif worse:
        said = f"Worse by its own check ({numbers}, below {p:g}): the old agent stays."
    else:
        said = f"Not worse by its own check ({numbers})."
    by_task = {}
    for task, found in pairs.items():
        plus, minus = _differences(found)
        by_task[task] = f"+{plus} -{minus} of {len(found)}"
    return Check(
        before=_rate(before),
        after=_rate(after),
        gained=gained,
        lost=lost,
        pairs=len(every),
        p_worse=chance,
        worse=worse,
        said=said,
        by_task=by_task,
    )


def sign_test(lost: int, gained: int) -> float:
    """One-sided: how often a fair coin thrown `lost + gained` times shows at least `lost` heads."""
    pairs = lost + gained
    return sum(math.comb(pairs, k) for k in range(lost, pairs + 1)) / float(2**pairs)


def _pairs(
    before: Sequence[EpisodeResult], after: Sequence[EpisodeResult]
) -> list[tuple[bool, bool]]:
    judged = {row.seed: row.judged_success for row in after if row.status == "ok"}
    found = []
    for row in before:
        other = judged.get(row.seed)
        if row.status == "ok" and row.judged_success is not None and other is not None:
            found.append((row.judged_success, other))
    return found


def _differences(pairs: Sequence[tuple[bool, bool]]) -> tuple[int, int]:
    gained = sum(new and not old for old, new in pairs)
    return gained, sum(old and not new for old, new in pairs)


def _rate(results: Mapping[str, Sequence[EpisodeResult]]) -> Rate:
    rows = [row for found in results.values() for row in found if row.status == "ok"]
    return share(row.judged_success for row in rows)
