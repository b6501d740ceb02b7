"""Whether a policy follows its goals well enough: three limits, each with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mosel_gym.benchmark.metrics import Rate
from mosel_gym.benchmark.reliance import Mode, RelianceRow, total

WRONG_AT_MOST, NONE_AT_MOST, BELOW_ORACLE_AT_MOST = 0.1, 0.5, 0.05


@dataclass(frozen=True)
class Difference:
    """Share of one arm minus share of another on the same episodes."""

    value: float
    low: float
    high: float
    pairs: int

    def __str__(self) -> str:
        """As "-2 points [-9, +5], 40 pairs"."""
        if not self.pairs:
            return "no pair"
        low, high = 100 * self.low, 100 * self.high
        return f"{100 * self.value:+.0f} points [{low:+.0f}, {high:+.0f}], {self.pairs} pairs"


def paired_difference(pairs: Sequence[tuple[bool, bool]]) -> Difference:
    """First minus second, with the adjusted Wald interval of matched pairs (Agresti, Min 2005).

    Args:
        pairs: Outcomes of both arms on the same episode.
    """
    count = len(pairs)
    if not count:
        return Difference(math.nan, -1.0, 1.0, 0)
    gained = sum(a and not b for a, b in pairs)
    lost = sum(b and not a for a, b in pairs)
    # Half a pair is added to each of the four cells, so that no interval shrinks to a point.
    n, up, down = count + 2.0, gained + 0.5, lost + 0.5
    centre = (up - down) / n
    half = 1.96 * math.sqrt(up + down - (up - down) ** 2 / n) / n
    low, high = max(-1.0, centre - half), min(1.0, centre + half)
    return Difference((gained - lost) / count, low, high, count)


@dataclass(frozen=True)
class Verdict:
    """One limit."""

    what: str
    measured: str
    """With interval and n."""
    reached: bool | None
    """None = not measured."""
    open: bool = False
    """Whether the limit lies inside the interval, so that another sample might say otherwise."""

    def __str__(self) -> str:
        """As a line of text."""
        word = {True: "REACHED", False: "NOT REACHED", None: "NOT MEASURED"}[self.reached]
        more = "; the interval holds the limit, so that this is not settled" if self.open else ""
        return f"{self.what}: {self.measured}: {word}{more}"


def verdicts(rows: Sequence[RelianceRow]) -> tuple[Verdict, ...]:
    """Wrong goals, no goal, and imagined ones against the expert's, pooled over all skills."""
    found = [
        _at_most("wrong goals", total(rows, "wrong"), WRONG_AT_MOST),
        _at_most("no goal", total(rows, "none"), NONE_AT_MOST),
    ]
    apart = generated_minus_oracle(rows)
    reached = apart.value >= -BELOW_ORACLE_AT_MOST if apart.pairs else None
    held = {mode: total(rows, mode) for mode in ("generated", "oracle")}
    found.append(
        Verdict(
            f"imagined at most {BELOW_ORACLE_AT_MOST:.2f} below oracle",
            f"{held['generated']} against {held['oracle']}, paired {apart}",
            reached,
            reached is not None and apart.low < -BELOW_ORACLE_AT_MOST < apart.high,
        )
    )
    return tuple(found)


def generated_minus_oracle(rows: Sequence[RelianceRow]) -> Difference:
    """On the start scenes that both have."""
    known = {mode: _outcomes(rows, mode) for mode in ("generated", "oracle")}
    shared = known["generated"].keys() & known["oracle"].keys()
    return paired_difference(
        [(known["generated"][key], known["oracle"][key]) for key in sorted(shared)]
    )


def _outcomes(rows: Sequence[RelianceRow], mode: Mode) -> dict[tuple[str, str, int], bool]:
    return {
        (row.task, row.skill, seed): held
        for row in rows
        if row.mode == mode
        for seed, held in row.outcomes
        if held is not None
    }


def _at_most(what: str, rate: Rate, limit: float) -> Verdict:
    name = f"{what} at most {limit:.2f}"
    if not rate.trials:
        return Verdict(name, "0 episodes", None)
    return Verdict(name, str(rate), rate.value <= limit, rate.low < limit < rate.high)
