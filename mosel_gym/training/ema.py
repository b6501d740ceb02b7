"""The running average of weights that is used for acting."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class Ema:
    """Exponential moving average of a network's parameters, with a warm-up.

    After n updates the decay is `min(decay, (1 + n) / (10 + n))`, so that the average forgets the
    initial weights even in a short run.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        """Start from the present parameters of `module`."""
        self.decay = decay
        self._live = dict(module.named_parameters())
        self.average = {name: p.detach().clone() for name, p in self._live.items()}

    @torch.no_grad()
    def update(self, updates: int) -> None:
        """Move towards the present parameters; `updates` have been made before."""
        decay = min(self.decay, (1 + updates) / (10 + updates))
        torch._foreach_lerp_(
            list(self.average.values()), [p.detach() for p in self._live.values()], 1 - decay
        )

    def restore(self, average: Mapping[str, Tensor]) -> None:
        """Take over a stored average."""
        for name, value in self.average.items():
            value.copy_(average[name])

    @torch.no_grad()
    def copy_to_module(self) -> None:
        """Overwrite the parameters with their average."""
        for name, parameter in self._live.items():
            parameter.copy_(self.average[name])
