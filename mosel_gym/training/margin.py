"""The margin m of Appendix I."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Margin:
    """How large the loss of a failed action is made, and no larger: m, per time on the flow's path.

    The loss of a flow depends strongly on the time, so one number for all times would push some
    without end and others not at all. A loss without times has all of them at 0, and so one number.
    """

    bins: Tensor
    """m of each of K equal intervals of 0..1, `[K]`."""

    @classmethod
    def from_losses(
        cls,
        losses: Tensor,
        times: Tensor,
        fixed: float | None = None,
        count: int = 8,
        percentile: float = 0.95,
    ) -> Margin:
        """Take a percentile of success losses `[N]` at `times` `[N]`, or one `fixed` number."""
        if fixed is not None:
            return cls(torch.full((count,), fixed))
        overall = losses.float().quantile(percentile)
        index = (times * count).long().clamp(0, count - 1)
        bins = [losses[index == number].float() for number in range(count)]
        # too few losses have no 95th percentile
        return cls(torch.stack([b.quantile(percentile) if len(b) >= 20 else overall for b in bins]))

    def to(self, device: str) -> Margin:
        """The same on another device."""
        return Margin(self.bins.to(device))

    def hinge(self, losses: Tensor, times: Tensor) -> Tensor:
        """`max(0, m - loss)`, element by element, in the shape of `losses`."""
        index = (times * len(self.bins)).long().clamp(0, len(self.bins) - 1)
        return (self.bins[index] - losses).clamp_min(0)
