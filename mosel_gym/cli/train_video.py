"""`mosel train video`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from mosel_gym.agents.presets import preset as find_preset
from mosel_gym.cli.options import training_line
from mosel_gym.data.cameras import Cameras
from mosel_gym.data.windows import load_clips
from mosel_gym.training.video import VideoTrainConfig, train_video


def main(
    data: tuple[Path, ...],
    out: Path,
    config: Annotated[VideoTrainConfig, tyro.conf.arg(name="")],
    preset: str = "libero",
    whole_task: bool = False,
    device: str = "cpu",
) -> None:
    """Train the video planner: first its codec, then the flow in the codec's latents.

    Args:
        data: Episode files, or folders of them.
        out: Gets planner.safetensors. Run again after an interruption, it goes on from there.
        config: The recipe.
        preset: Suite of the episodes, "libero", "robotwin" or "robotwin-joint": sets the camera
            that the recipe leaves at its default.
        whole_task: Imagine whole tasks by their goal text, as UniPi does: a clip is an episode from
            start to end. It is longer than a skill, so give it more `--model.frames`.
        device: "cpu" or "cuda".
    """
    config = find_preset(preset).for_video(config)
    cameras = Cameras(config.model.scene_camera, hands=())
    clips = load_clips(
        data, config.model.codec.size, progress=True, cameras=cameras, whole=whole_task
    )
    _, report = train_video(clips, config, out, device=device)
    print(training_line(len(clips), report))
