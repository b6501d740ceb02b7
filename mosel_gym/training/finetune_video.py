"""Refinement of the video planner from judged rollouts, section 3.4."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from mosel_gym.data.windows import Clip
from mosel_gym.models.video_base import VideoPlannerNetwork
from mosel_gym.training.finetune import FinetuneReport, shares
from mosel_gym.training.loop import Draws, LoopConfig, draws_at, fit
from mosel_gym.training.video import video_loss
from mosel_gym.training.video_data import VideoWindows


@dataclass(frozen=True)
class VideoFinetuneConfig:
    """Fine-tuning of the planner on skills that were judged successful."""

    loop: LoopConfig = field(
        default_factory=lambda: LoopConfig(
            steps=200, batch_size=32, lr=2e-4, weight_decay=1e-2, ema_decay=0.99
        )
    )
    demo_fraction: float = 0.5
    """Share of demonstrations in a batch (replay); the paper has none on LIBERO."""
    latest_start: int = 4
    jitter: float = 1.5


def finetune_video(
    planner: VideoPlannerNetwork,
    success: Sequence[Clip],
    demos: Sequence[Clip],
    config: VideoFinetuneConfig,
    *,
    progress: bool = True,
    device: str = "cpu",
) -> FinetuneReport:
    """Refine `planner` in place on clips judged successful; a codec stays as it is.

    Args:
        planner: The base, of any kind, with its averaged weights.
        success: Clips judged successful, labelled with their skill (not with the whole goal).
        demos: Demonstrations for replay. With `success` empty: the control arm.
        config: The recipe.
        progress: Show a progress bar.
        device: "cpu" or "cuda".

    Raises:
        NotEnoughData: Neither successes nor demonstrations.
        UnknownId: A clip shows a skill that the planner was not built for.
    """
    start_s = time.monotonic()
    planner.to(device)
    pools = [
        (VideoWindows(clips, planner), count)
        for clips, count in shares(success, demos, config.demo_fraction, config.loop.batch_size)
    ]

    def error(draw: Draws) -> Tensor:
        parts = []
        for windows, count in pools:
            batch = windows.sample(
                draw.numpy, max(1, draw.share(count)), config.latest_start, config.jitter
            )
            parts.append(video_loss(planner, batch, draw.torch))
        return torch.cat(parts).mean()

    def measure() -> float:
        with torch.no_grad():
            draws = [draws_at(config.loop.seed + 1, step) for step in range(8)]
            return float(np.mean([float(error(draw)) for draw in draws]))

    before = measure()
    report = fit(
        planner.unet,
        lambda draw: {"loss": error(draw)},
        config.loop,
        None,
        label="refining video planner",
        progress=progress,
        device=device,
    )
    return FinetuneReport(before, measure(), report.steps, time.monotonic() - start_s)
