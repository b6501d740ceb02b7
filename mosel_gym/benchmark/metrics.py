"""Success rates with intervals, paired comparisons, and the agreement of two sets of verdicts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Rate:
    """A share of trials with its Wilson interval."""

    successes: int
    trials: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """The share itself; NaN without a trial."""
        return self.successes / self.trials if self.trials else math.nan

    def __str__(self) -> str:
        """As "17/24 = 71 % [51, 85]"."""
        if not self.trials:
            return "0/0"
        low, high = 100 * self.low, 100 * self.high
        return f"{self.successes}/{self.trials} = {100 * self.value:.0f} % [{low:.0f}, {high:.0f}]"


@dataclass(frozen=True)
class Comparison:
    """Two arms on the same seeds: what the first solved beyond the second."""

    first: str
    second: str
    gained: int
    """Seeds that only the first arm solved."""
    lost: int
    """Seeds that only the second arm solved."""
    pairs: int
    p_value: float
    """Exact two-sided McNemar test."""

    def __str__(self) -> str:
        """As "after vs control: +7 -2 of 24, p = 0.18"."""
        return (
            f"{self.first} vs {self.second}: +{self.gained} -{self.lost} of {self.pairs}, "
            f"p = {self.p_value:.2g}"
        )


@dataclass(frozen=True)
class Confusion:
    """Verdicts against the truth; the positive class is "the sub-goal is reached"."""

    true_positives: int = 0
    false_positives: int = 0
    false_negatives: int = 0
    true_negatives: int = 0

    @property
    def accuracy(self) -> Rate:
        """Share of verdicts that are right."""
        right = self.true_positives + self.true_negatives
        return rate(right, right + self.false_positives + self.false_negatives)

    @property
    def precision(self) -> Rate:
        """Share of "reached" verdicts that are right."""
        return rate(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> Rate:
        """Share of reached sub-goals that were found."""
        return rate(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; NaN if there is no positive at all."""
        both = 2 * self.true_positives + self.false_positives + self.false_negatives
        return 2 * self.true_positives / both if both else math.nan

    def to_plain(self) -> dict[str, Any]:
        """Counts and derived rates, for a JSON file (which has no NaN)."""
        derived = {
            name: asdict(getattr(self, name)) for name in ("accuracy", "precision", "recall")
        }
        return {**asdict(self), **derived, "f1": None if math.isnan(self.f1) else self.f1}


def wilson(successes: int, trials: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson score interval of a binomial share; (0, 1) without a trial.

    Args:
        successes: In 0..trials.
        trials: Number of trials.
        z: Quantile of the normal distribution; 1.96 gives 95 %.

    Raises:
        ValueError: `successes` lies outside 0..trials.
    """
    if not 0 <= successes <= trials:
        raise ValueError(f"successes is {successes}; it must lie in 0..trials = {trials}.")
    if trials == 0:
        return 0.0, 1.0
    share = successes / trials
    scale = 1 + z**2 / trials
    centre = (share + z**2 / (2 * trials)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def rate(successes: int, trials: int) -> Rate:
    """A `Rate` with its 95 % Wilson interval."""
    return Rate(successes, trials, *wilson(successes, trials))


def share(outcomes: Iterable[bool | None]) -> Rate:
    """Rate of the outcomes that are known."""
    known = [outcome for outcome in outcomes if outcome is not None]
    return rate(sum(known), len(known))


def mcnemar_exact(gained: int, lost: int) -> float:
    """Two-sided p value of the exact McNemar test: a fair coin for each pair that disagrees."""
    if gained < 0 or lost < 0:
        raise ValueError(f"gained and lost are {gained} and {lost}; both must be at least 0.")
    pairs = gained + lost
    tail = sum(math.comb(pairs, k) for k in range(min(gained, lost) + 1))
    return min(1.0, 2.0 * tail / float(2**pairs))


def compare(
    first: str, second: str, outcomes: Sequence[tuple[bool | None, bool | None]]
) -> Comparison:
    """Compare two arms; pairs with an unknown side are left out."""
    known = [(a, b) for a, b in outcomes if a is not None and b is not None]
    gained = sum(a and not b for a, b in known)
    lost = sum(b and not a for a, b in known)
    return Comparison(first, second, gained, lost, len(known), mcnemar_exact(gained, lost))


def confusion(pairs: Iterable[tuple[bool, bool | None]]) -> Confusion:
    """Count (verdict, truth) pairs; those without a known truth are left out."""
    known = [(verdict, truth) for verdict, truth in pairs if truth is not None]
    return Confusion(
        true_positives=sum(v and t for v, t in known),
        false_positives=sum(v and not t for v, t in known),
        false_negatives=sum(t and not v for v, t in known),
        true_negatives=sum(not v and not t for v, t in known),
    )
