"""Scalings of actions and proprioception, as buffers that travel with the weights."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


class Affine(nn.Module):
    """`encode(x) = (x - center) / scale` per dimension, and back."""

    center: Tensor
    scale: Tensor

    def __init__(self, dim: int) -> None:
        """Start as the identity on `dim` numbers."""
        super().__init__()
        self.register_buffer("center", torch.zeros(dim))
        self.register_buffer("scale", torch.ones(dim))

    def encode(self, values: Tensor) -> Tensor:
        """From the environment's units, `[..., dim]`."""
        return (values - self.center) / self.scale

    def decode(self, values: Tensor) -> Tensor:
        """Back to the environment's units, `[..., dim]`."""
        return values * self.scale + self.center

    def _set(self, center: NDArray[np.floating], scale: NDArray[np.floating]) -> None:
        self.center.copy_(torch.from_numpy(np.asarray(center, np.float32)))
        self.scale.copy_(torch.from_numpy(np.asarray(scale, np.float32)))


class MinMax(Affine):
    """Scales the range seen in training to -1..1; for actions."""

    def fit(self, values: NDArray[np.floating], floor: float = 0.05) -> None:
        """Take the range of `values` `[N, dim]`.

        `floor` is the smallest half range: without it, noise in a dimension that hardly moves
        (rotations, mostly) would be blown up to full scale.
        """
        low, high = values.min(axis=0), values.max(axis=0)
        self._set((low + high) / 2, np.maximum((high - low) / 2, floor))


class Standardize(Affine):
    """Scales to zero mean and unit deviation; for proprioception."""

    def fit(self, values: NDArray[np.floating], floor: float = 1e-3) -> None:
        """Take mean and deviation of `values` `[N, dim]`; `floor` bounds the deviation below."""
        self._set(values.mean(axis=0), np.maximum(values.std(axis=0), floor))
