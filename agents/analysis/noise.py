"""A noise model for verdicts: precision and recall as knobs (section G.2, Table 8)."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from mosel_gym.types import Episode


@dataclass(frozen=True)
class VerdictNoise:
    """How often a judge says "success" of a true success, and of a true failure."""

    true_positive_rate: float = 1.0
    """Recall r: the share of true successes that are called so."""
    false_positive_rate: float = 0.0
    """The share of true failures that are called successes."""
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse rates outside 0..1."""
        for name in ("true_positive_rate", "false_positive_rate"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name}={getattr(self, name)} must lie in 0..1")

    @classmethod
    def from_precision_recall(
        cls, precision: float, recall: float, base_rate: float = 0.5, seed: int = 0
    ) -> VerdictNoise:
        """The rates that give this precision and recall, with "success" as the positive class.

        Of all segments a share b (the base rate) are true successes. Called successes are b r true
        ones and (1 - b) f false ones, so precision p = b r / (b r + (1 - b) f), and solved for f:

            f = b r (1 - p) / (p (1 - b))

        Raises:
            ValueError: A number is outside its range, or no f in 0..1 gives this precision: calling
                every failure a success still has precision b r / (b r + 1 - b).
        """
        for name, value in (("precision", precision), ("recall", recall)):
            if not 0.0 <= value <= 1.0:
                raise ValueError(f"{name}={value} must lie in 0..1")
        if not 0.0 < base_rate < 1.0:
            raise ValueError(f"base_rate={base_rate} must lie between 0 and 1")
        if precision == 1.0 or recall == 0.0:
            return cls(recall, 0.0, seed)
        odds = base_rate * recall / (1.0 - base_rate)
        lowest = odds / (odds + 1.0)
        if precision < lowest - 1e-9:
            raise ValueError(
                f"precision={precision} cannot be reached: with recall {recall} at a base rate of "
                f"{base_rate} it is at least {lowest:.3f}. Lower the recall or the base rate."
            )
        return cls(recall, min(1.0, odds * (1.0 - precision) / precision), seed)

    def call(self, truth: bool, episode: Episode, segment: int) -> bool:
        """The noisy verdict; the same for the same seed, episode and segment, whenever asked."""
        generator = np.random.default_rng([self.seed, _identity(episode), segment])
        rate = self.true_positive_rate if truth else self.false_positive_rate
        return bool(generator.random() < rate)


def _identity(episode: Episode) -> int:
    """The episode's seed; its actions stand in where it has none. Two agents on one seed differ."""
    actions = zlib.crc32(np.ascontiguousarray(episode.actions).tobytes())
    return actions if episode.seed is None else (episode.seed << 32) ^ actions
