"""The randomness of a training step, and which part of its batch is whose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch


@dataclass(frozen=True)
class Draws:
    """The randomness of one part of one step, a pure function of (seed, step, part).

    A resumed run therefore sees exactly what an uninterrupted one would have seen, and several
    processes see what one would see that goes through all parts.
    """

    numpy: np.random.Generator
    torch: torch.Generator
    part: int = 0
    """Which part of the step's batch is to be drawn."""
    parts: int = 1
    """How many there are; together they are the batch."""

    def share(self, count: int) -> int:
        """How many of the batch's `count` samples this part draws."""
        return count // self.parts + (self.part < count % self.parts)


def draws_at(seed: int, step: int, part: int = 0, parts: int = 1) -> Draws:
    """The randomness of one part of step `step` of the run with `seed`."""
    words = [seed, step] if parts == 1 else [seed, step, part]
    rng = np.random.default_rng(words)
    generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
    return Draws(rng, generator, part, parts)
