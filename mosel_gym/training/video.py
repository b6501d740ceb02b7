"""Training of the video planner, section 3.2; in latents the codec comes first."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from mosel_gym.data.images import area_resize
from mosel_gym.data.windows import Clip
from mosel_gym.errors import NotEnoughData, SpecMismatch
from mosel_gym.models.checkpoint import save_module
from mosel_gym.models.text_encoder import TABLE
from mosel_gym.models.video_base import VideoPlannerNetwork
from mosel_gym.models.video_planner import LatentVideoPlanner
from mosel_gym.models.video_planners import build_planner, stored_kind, with_text
from mosel_gym.training.codec import train_codec
from mosel_gym.training.devices import is_main
from mosel_gym.training.loop import Draws, FitReport, fit
from mosel_gym.training.video_data import VideoBatch, VideoWindows
from mosel_gym.training.video_recipe import (
    VideoTrainConfig,
    loop_config,
    model_config,
    plain_recipe,
)

__all__ = ["VideoTrainConfig", "imagined_clips", "new_planner", "train_video", "video_loss"]

WEIGHTS = "planner.safetensors"


def video_loss(
    planner: VideoPlannerNetwork, batch: VideoBatch, generator: torch.Generator
) -> Tensor:
    """The planner's own loss, one number a sample, `[B]`."""
    return planner.losses(batch.first, batch.clip, batch.skill, generator)


def train_video(
    clips: Sequence[Clip],
    config: VideoTrainConfig,
    out_dir: str | Path,
    *,
    progress: bool = True,
    device: str = "cpu",
    start: VideoPlannerNetwork | None = None,
) -> tuple[VideoPlannerNetwork, FitReport]:
    """Train a planner of any kind and write `planner.safetensors` (float16) into `out_dir`.

    Started again with the same arguments, it goes on where it stopped.

    Args:
        clips: Demonstrations with pictures of `picture_size(config)` px.
        config: The recipe; `config.loop.seed` also seeds the initial weights.
        out_dir: Folder for the checkpoint; states and logs go to its `codec` and `flow` folders.
        progress: Show progress bars.
        device: "cpu" or "cuda".
        start: Go on from this planner, of `config.kind`; a codec then stays as it is.

    Raises:
        NotEnoughData: There is no usable clip.
        SpecMismatch: `start`, or what lies in `out_dir`, is of another kind than `config.kind`;
            options of another kind were set; or `config.shift` is negative.
        DamagedFile: The stored state of an earlier, unfinished run cannot be read.
        MoselError: The stored state is of another run.
    """
    out = Path(out_dir)
    if not clips:
        raise NotEnoughData("training the planner needs at least one clip; collect some episodes.")
    if config.shift < 0:
        raise SpecMismatch(f"--shift is {config.shift}; give 0 for none, or a number of cells.")
    _check_kind(config, out, start)
    loop = loop_config(config)
    planner = start
    if planner is None:
        planner = new_planner(clips, config)
        if isinstance(planner, LatentVideoPlanner):  # only these have something to train first
            train_codec(
                planner.codec, clips, config.codec, out / "codec", progress=progress, device=device
            )
    planner.to(device)
    windows = VideoWindows(clips, planner, progress=progress)

    def losses(draw: Draws) -> dict[str, Tensor]:
        count = draw.share(loop.batch_size)
        batch = windows.sample(draw.numpy, count, config.latest_start, config.jitter, config.shift)
        return {"loss": video_loss(planner, batch, draw.torch).mean()}

    report = fit(
        planner.unet,
        losses,
        loop,
        out / "flow",
        identity=json.dumps(
            {"model": asdict(planner.config), "clips": len(clips)}
            | ({"half_shifted": config.shift} if config.shift else {})  # older states have none
        ),
        label="video planner",
        progress=progress,
        device=device,
    )
    recipe = plain_recipe(dataclasses.replace(config, loop=loop))
    extra = {
        "kind": planner.kind,
        "training": json.dumps(recipe),
        "clips": str(len(clips)),
    }
    planner.eval()
    if is_main():
        save_module(out / WEIGHTS, planner, half=True, extra=extra)
    return planner, report


def new_planner(clips: Sequence[Clip], config: VideoTrainConfig) -> VideoPlannerNetwork:
    """A planner with seeded initial weights, for `config.model.skills` or those of `clips`.

    Raises:
        SpecMismatch: Options of another kind were set, or `config.text` names no encoder.
        MissingLibrary, DamagedFile: The text encoder cannot be loaded.
    """
    skills = config.model.skills or tuple(sorted({clip.skill for clip in clips}))
    model = dataclasses.replace(model_config(config), skills=skills)
    with torch.random.fork_rng(devices=[]):  # module initialisers know only the global generator
        torch.manual_seed(config.loop.seed)
        return build_planner(model) if config.text == TABLE else with_text(model, config.text)


def _check_kind(config: VideoTrainConfig, out: Path, start: VideoPlannerNetwork | None) -> None:
    wanted = "regression" if config.model.objective == "regression" else config.kind
    if start is not None and start.kind != wanted:
        raise SpecMismatch(
            f"The planner to go on from is of the kind {start.kind!r}, the recipe is for "
            f"{wanted!r}. Set `--kind {start.kind}`, or train a new one without --start."
        )
    earlier = out / WEIGHTS
    if earlier.is_file() and (found := stored_kind(earlier)) != wanted:
        raise SpecMismatch(
            f"{earlier} holds a planner of the kind {found!r}, and one of the kind {wanted!r} "
            "would take its place. Give another --out, or remove that folder."
        )


def imagined_clips(
    clips: Sequence[Clip], planner: VideoPlannerNetwork, *, progress: bool = True
) -> list[Clip]:
    """The same clips, each with what `planner` imagines from its first picture, in its size.

    Raises:
        UnknownId: A clip shows a skill that the planner was not built for.
    """
    bar = tqdm(clips, desc="imagining", unit="clip", disable=not progress)
    return [
        dataclasses.replace(
            clip,
            imagined=area_resize(
                planner.imagine(clip.scene[0], clip.skill, seed=number).frames, clip.scene.shape[1]
            ),
        )
        for number, clip in enumerate(bar)
    ]
