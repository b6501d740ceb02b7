"""`mosel train video`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from mosel_gym.agents.presets import preset as find_preset
from mosel_gym.cli.options import training_line
from mosel_gym.cli.training_options import TrainingOptions, say
from mosel_gym.data.cameras import Cameras
from mosel_gym.data.mirrored import mirrored_clips
from mosel_gym.models.text_encoder import TABLE
from mosel_gym.models.video_planners import load_planner, reading_anew
from mosel_gym.specs import robot as find_robot
from mosel_gym.training.video import VideoTrainConfig, train_video
from mosel_gym.training.video_recipe import picture_size


def main(
    data: tuple[Path, ...],
    out: Path,
    config: Annotated[VideoTrainConfig, tyro.conf.arg(name="")],
    start: Path | None = None,
    preset: str = "libero",
    whole_task: bool = False,
    mirror: bool = False,
    device: str = "cpu",
    options: Annotated[TrainingOptions, tyro.conf.arg(name="")] = TrainingOptions(),  # noqa: B008
) -> None:
    """Train the video planner. In latents its codec comes first, then the flow in them.

    Args:
        data: Episode files, or folders of them.
        out: Gets planner.safetensors. Run again after an interruption, it goes on from there.
        config: The recipe.
        start: A planner.safetensors to go on from, of the same --kind; its shape and skills stay,
            and with --text the skills are read anew.
        preset: Suite of the episodes, "libero", "robotwin" or "robotwin-joint": sets the camera
            that the recipe leaves at its default.
        whole_task: Imagine whole tasks by their goal text, as UniPi does: a clip is an episode from
            start to end. It is longer than a skill, so give it more `--model.frames`.
        mirror: For two arms: also show the mirror image of every clip whose skill the data has for
            the other hand as well, named by that hand.
        device: "cpu" or "cuda".
        options: How to train.
    """
    options.prepare(device)
    config = options.for_video(find_preset(preset).for_video(config))
    begun = None if start is None else load_planner(start, device, config.kind)
    if begun is not None and config.text != TABLE:
        begun = reading_anew(begun, config.text, config.loop.seed)
    size = picture_size(config) if begun is None else begun.size
    camera = config.model.scene_camera if begun is None else begun.config.scene_camera
    cameras = Cameras(camera, hands=())
    clips = options.load(data, size, cameras, whole=whole_task)
    if mirror:
        clips = [*clips, *mirrored_clips(clips, find_robot(find_preset(preset).robot))]
    _, report = train_video(clips, config, out, device=device, start=begun)
    say(training_line(len(clips), report))
