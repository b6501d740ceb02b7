"""Parts of the policy network: the picture encoder and the residual blocks of the denoiser."""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ImageEncoder(nn.Module):
    """Four convolutions, then one vector. Location is kept: the last grid is flattened, not pooled.

    A 1x1 convolution to 32 channels before the flattening halves the largest matrix of the policy.
    """

    def __init__(self, in_channels: int, size: int, features: int) -> None:
        """Take `[B, in_channels, size, size]`; `size` is a multiple of 8, px."""
        super().__init__()
        self.convolutions = nn.Sequential(
            *_conv(in_channels, 32, kernel=5, stride=2),
            *_conv(32, 64, kernel=3, stride=2),
            *_conv(64, 64, kernel=3, stride=2),
            *_conv(64, 64, kernel=3, stride=1),
            nn.Conv2d(64, 32, 1),
        )
        self.head = nn.Sequential(
            nn.Flatten(), nn.Linear(32 * (size // 8) ** 2, features), nn.LayerNorm(features)
        )

    def forward(self, pixels: Tensor) -> Tensor:
        """Pixels in -1..1 -> `[B, features]`."""
        return cast(Tensor, self.head(self.convolutions(pixels)))


class ModulatedBlock(nn.Module):
    """A residual MLP block whose shift, scale and gate come from the condition (adaLN).

    The gate starts at zero, so that a fresh network is the identity and trains from there.
    """

    def __init__(self, width: int, expansion: float) -> None:
        """Make a block on `width` numbers with a hidden layer of `width * expansion`."""
        super().__init__()
        hidden = int(width * expansion)
        self.modulation = nn.Linear(width, 3 * width)
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.layers = nn.Sequential(nn.Linear(width, hidden), nn.SiLU(), nn.Linear(hidden, width))

    def forward(self, x: Tensor, modulation: Tensor) -> Tensor:
        """`x` `[B, width]`, and its shift, scale and gate `[B, 3 width]` -> `[B, width]`."""
        shift, scale, gate = modulation.chunk(3, dim=-1)
        return x + cast(Tensor, gate * self.layers(self.norm(x) * (1 + scale) + shift))


class Denoiser(nn.Module):
    """Noisy actions, flattened, and a condition -> velocity of the flow."""

    def __init__(self, dim: int, width: int, depth: int, expansion: float) -> None:
        """Make `depth` blocks of `width` on `dim` = chunk x action numbers."""
        super().__init__()
        self.inward = nn.Linear(dim, width)
        self.blocks = nn.ModuleList(ModulatedBlock(width, expansion) for _ in range(depth))
        self.outward = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, dim))

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Noisy `[B, dim]` and condition `[B, width]` -> `[B, dim]`."""
        return self.denoise(x, self.modulations(condition))

    def modulations(self, condition: Tensor) -> list[Tensor]:
        """What `condition` `[..., width]` makes of each block, `[..., 3 width]` each.

        Nothing here depends on `x`, so that a sampler gets those of all its steps at once: half of
        the time that it takes.
        """
        active = F.silu(condition)
        return [cast(ModulatedBlock, block).modulation(active) for block in self.blocks]

    def denoise(self, x: Tensor, modulations: list[Tensor]) -> Tensor:
        """As `forward`, with what `modulations` gave."""
        hidden = self.inward(x)
        for block, modulation in zip(self.blocks, modulations, strict=True):
            hidden = block(hidden, modulation)
        return cast(Tensor, self.outward(hidden))


def coordinates(size: int, device: torch.device) -> Tensor:
    """Two channels `[1, 2, size, size]` that hold each pixel's x and y in -1..1."""
    line = torch.linspace(-1, 1, size, device=device)
    y, x = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([x, y])[None]


def _conv(narrow: int, wide: int, kernel: int, stride: int) -> list[nn.Module]:
    conv = nn.Conv2d(narrow, wide, kernel, stride, padding=kernel // 2)
    return [conv, nn.GroupNorm(8, wide), nn.SiLU()]
