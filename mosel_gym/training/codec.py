"""Training of the codec that the video planner works in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mosel_gym.data.windows import Clip
from mosel_gym.errors import NotEnoughData, SpecMismatch
from mosel_gym.models.codec import Codec
from mosel_gym.models.images import to_tensor
from mosel_gym.training.loop import Draws, FitReport, LoopConfig, fit
from mosel_gym.training.video_data import sample_frames


@dataclass(frozen=True)
class CodecTrainConfig:
    """The recipe. Most pixels never move, so those that can are weighted up."""

    loop: LoopConfig = field(
        default_factory=lambda: LoopConfig(steps=1200, batch_size=32, lr=2e-3, ema_decay=0.995)
    )
    moving_weight: float = 6.0
    """Weight of pixels that differ from the mean picture."""
    moving_threshold: float = 0.15
    """By how much, in pixels of -1..1."""
    hardest: float = 0.02
    """Share of worst pixels whose error is added once more: a small object is all among them."""
    l1: float = 0.2
    latent_noise: float = 0.05
    """Noise on latents, in standard deviations: imagined latents are never exact either."""


def codec_loss(
    codec: Codec, pixels: Tensor, config: CodecTrainConfig, generator: torch.Generator
) -> Tensor:
    """Reconstruction loss of pixels `[B, 3, S, S]`, a scalar."""
    raw = codec.encoder(pixels)
    noise = torch.randn(raw.shape, generator=generator, device=generator.device).to(raw.device)
    raw = raw + config.latent_noise * raw.detach().float().std() * noise
    error = codec.decoder(raw).float() + codec.mean_image - pixels
    moving = (pixels - codec.mean_image).abs().amax(dim=1) > config.moving_threshold
    each = (error.square() + config.l1 * error.abs()).mean(dim=1)  # [B, S, S]
    weights = 1 + (config.moving_weight - 1) * moving
    loss: Tensor = (each * weights).sum() / weights.sum()
    if config.hardest > 0:
        worst = each.flatten(1).topk(max(1, int(config.hardest * each[0].numel())), dim=1)
        loss = loss + worst.values.mean()
    return loss


def train_codec(
    codec: Codec,
    clips: Sequence[Clip],
    config: CodecTrainConfig,
    out_dir: str | Path,
    *,
    progress: bool = True,
    device: str = "cpu",
) -> FitReport:
    """Train `codec` in place on the scene pictures of `clips`, then set its latent statistics.

    Raises:
        NotEnoughData: There is no clip.
        SpecMismatch: A clip has another picture size than the codec.
    """
    if not clips:
        raise NotEnoughData("training the codec needs at least one clip; collect some episodes.")
    size = codec.config.size
    if clips[0].scene.shape[1] != size:
        raise SpecMismatch(
            f"the clips have {clips[0].scene.shape[1]} px, the codec needs {size}; load them "
            f"with size={size}."
        )
    codec.to(device)
    sample = sample_frames(clips, np.random.default_rng(config.loop.seed), 1024)
    codec.mean_image.copy_(to_tensor(sample, device).mean(dim=0))

    def losses(draw: Draws) -> dict[str, Tensor]:
        frames = sample_frames(clips, draw.numpy, draw.share(config.loop.batch_size))
        return {"loss": codec_loss(codec, to_tensor(frames, device), config, draw.torch)}

    report = fit(
        codec,
        losses,
        config.loop,
        out_dir,
        identity=f"codec {codec.config} {len(clips)}",
        label="codec",
        progress=progress,
        device=device,
    )
    codec.fit_latents(sample)
    return report
