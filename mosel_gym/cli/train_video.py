"""`mosel train video`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from mosel_gym.cli.options import training_line
from mosel_gym.data.windows import load_clips
from mosel_gym.training.video import VideoTrainConfig, train_video


def main(
    data: tuple[Path, ...],
    out: Path,
    config: Annotated[VideoTrainConfig, tyro.conf.arg(name="")],
    device: str = "cpu",
) -> None:
    """Train the video planner: first its codec, then the flow in the codec's latents.

    Args:
        data: Episode files, or folders of them.
        out: Gets planner.safetensors. Run again after an interruption, it goes on from there.
        config: The recipe.
        device: "cpu" or "cuda".
    """
    clips = load_clips(data, config.model.codec.size, progress=True)
    _, report = train_video(clips, config, out, device=device)
    print(training_line(len(clips), report))
