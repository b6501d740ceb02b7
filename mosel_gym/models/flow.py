"""Flow matching: the straight path from noise (t = 0) to data (t = 1), its draws and its solver."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn


def normal(shape: tuple[int, ...], generator: torch.Generator, device: torch.device) -> Tensor:
    """Standard normal noise; drawn where the generator lives, so that a seed is a seed anywhere."""
    return torch.randn(shape, generator=generator, device=generator.device).to(device)


def uniform_times(count: int, generator: torch.Generator, device: torch.device) -> Tensor:
    """Times `[count]`, uniform in 0..1."""
    return torch.rand(count, generator=generator, device=generator.device).to(device)


def logit_normal_times(count: int, generator: torch.Generator, device: torch.device) -> Tensor:
    """Times `[count]` that favour the middle of the path, where most is decided."""
    return torch.sigmoid(normal((count,), generator, device))


def interpolate(noise: Tensor, data: Tensor, times: Tensor) -> Tensor:
    """The point `(1 - t) noise + t data` of each row; `times` is `[B]`."""
    t = times.view(-1, *([1] * (data.ndim - 1)))
    return torch.lerp(noise, data, t)


def euler(velocity: Callable[[Tensor, float], Tensor], noise: Tensor, num_steps: int) -> Tensor:
    """Follow `dx/dt = velocity(x, t)` from `noise` at t = 0 to data at t = 1.

    Args:
        velocity: Takes x `[B, ...]` and the time, returns the velocity in the shape of x.
        noise: Starting point `[B, ...]`.
        num_steps: Number of equal steps.
    """
    if num_steps < 1:
        raise ValueError(f"num_steps must be at least 1, got {num_steps}.")
    x = noise
    for step in range(num_steps):
        x = x + velocity(x, step / num_steps) / num_steps
    return x


def euler_from_data_prediction(
    predict: Callable[[Tensor, float], Tensor], noise: Tensor, num_steps: int
) -> Tensor:
    """As `euler`, for a network that predicts the end of the path: v = (x1 - x) / (1 - t).

    The last step lands exactly on the network's last prediction.
    """
    return euler(lambda x, t: (predict(x, t) - x) / (1.0 - t), noise, num_steps)


class TimeEmbedding(nn.Module):
    """Sines and cosines of the time in 0..1, then two layers."""

    def __init__(self, width: int, frequencies: int = 32) -> None:
        """Make an embedding of `width` numbers from `frequencies` sine-cosine pairs."""
        super().__init__()
        periods = torch.exp(torch.linspace(0, math.log(1000.0), frequencies))
        self.register_buffer("omega", periods, persistent=False)
        self.layers = nn.Sequential(
            nn.Linear(2 * frequencies, width), nn.SiLU(), nn.Linear(width, width)
        )

    def forward(self, times: Tensor) -> Tensor:
        """Times `[B]` -> `[B, width]`."""
        omega = self.omega
        assert isinstance(omega, Tensor)
        angles = times[:, None].float() * omega
        embedded: Tensor = self.layers(torch.cat([angles.sin(), angles.cos()], dim=1))
        return embedded
