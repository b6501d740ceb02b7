"""The codec: a small autoencoder between 64 px pictures and the latents the video planner uses."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn

from mosel_gym.models.checkpoint import ConfiguredModule
from mosel_gym.models.images import checked, to_frames, to_tensor
from mosel_gym.types import Frames


@dataclass(frozen=True)
class CodecConfig:
    """Shape of the codec. Each width halves the resolution: three of them turn 64 px into 8."""

    size: int = 64
    """Height and width of the pictures, px."""
    channels: int = 16
    """Latent channels; 16 keep objects of 5 px that 8 lose."""
    widths: tuple[int, ...] = (32, 64, 96)

    @property
    def grid(self) -> int:
        """Height and width of the latent."""
        return self.size >> len(self.widths)


class Codec(ConfiguredModule):
    """Convolutions down to a `channels x grid x grid` latent and back, by pixel shuffle.

    Latents are standardised with statistics from training, so that a flow can start from unit
    noise. `mean_image` is the average training picture: what differs from it moves, and counts
    more in the loss.
    """

    config_class: ClassVar[type[CodecConfig]] = CodecConfig
    config: CodecConfig
    mean_image: Tensor
    latent_mean: Tensor
    latent_std: Tensor

    def __init__(self, config: CodecConfig) -> None:
        """Build an untrained codec."""
        super().__init__(config)
        widths = (3, *config.widths)
        down: list[nn.Module] = []
        for index, (narrow, wide) in enumerate(pairwise(widths)):
            kernel = 5 if index == 0 else 3
            down += [nn.Conv2d(narrow, wide, kernel, 2, kernel // 2), *_norm_act(wide)]
        last = widths[-1]
        down += [nn.Conv2d(last, last, 3, padding=1), *_norm_act(last)]
        self.encoder = nn.Sequential(*down, nn.Conv2d(last, config.channels, 1))

        up: list[nn.Module] = [nn.Conv2d(config.channels, last, 1)]
        up += [nn.Conv2d(last, last, 3, padding=1), *_norm_act(last)]
        for wide, narrow in pairwise(reversed(widths)):
            up += [nn.Conv2d(wide, 4 * narrow, 3, padding=1), nn.PixelShuffle(2)]
            up += _norm_act(narrow) if narrow > 3 else []
        self.decoder = nn.Sequential(*up)
        self.register_buffer("mean_image", torch.zeros(3, config.size, config.size))
        self.register_buffer("latent_mean", torch.zeros(config.channels, 1, 1))
        self.register_buffer("latent_std", torch.ones(config.channels, 1, 1))

    def encode(self, pixels: Tensor) -> Tensor:
        """Pixels `[B, 3, S, S]` in -1..1 -> standardised latents `[B, C, G, G]`, float32."""
        latent: Tensor = self.encoder(pixels)
        return (latent.float() - self.latent_mean) / self.latent_std

    def decode(self, latents: Tensor) -> Tensor:
        """Standardised latents `[B, C, G, G]` -> pixels `[B, 3, S, S]`, about -1..1."""
        pixels: Tensor = self.decoder(latents * self.latent_std + self.latent_mean)
        return pixels.float() + self.mean_image

    @torch.no_grad()
    def encode_frames(self, frames: Frames, batch: int = 256) -> Tensor:
        """uint8 `[N, H, W, 3]` of any size -> latents `[N, C, G, G]` on the codec's device."""
        device = self.mean_image.device
        small = checked(frames, self.config.size)
        parts = [
            self.encode(to_tensor(small[start : start + batch], device))
            for start in range(0, len(small), batch)
        ]
        return torch.cat(parts)

    @torch.no_grad()
    def decode_frames(self, latents: Tensor) -> Frames:
        """Latents `[N, C, G, G]` -> uint8 `[N, S, S, 3]`."""
        return to_frames(self.decode(latents))

    @torch.no_grad()
    def fit_latents(self, frames: Frames) -> None:
        """Set the latent statistics from training pictures `[N, H, W, 3]`."""
        raw = self.encode_frames(frames) * self.latent_std + self.latent_mean
        self.latent_mean.copy_(raw.mean(dim=(0, 2, 3))[:, None, None])
        self.latent_std.copy_(raw.std(dim=(0, 2, 3)).clamp_min(1e-4)[:, None, None])


def _norm_act(width: int) -> list[nn.Module]:
    return [nn.GroupNorm(8, width), nn.SiLU()]
