"""`mosel train policy`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from mosel_gym.cli.options import training_line
from mosel_gym.data.windows import load_clips
from mosel_gym.models.checkpoint import load_module
from mosel_gym.models.inverse_dynamics import GoalPolicy
from mosel_gym.models.video_planner import LatentVideoPlanner
from mosel_gym.training.policy import PolicyTrainConfig, train_policy
from mosel_gym.training.video import imagined_clips


def main(
    data: tuple[Path, ...],
    out: Path,
    config: Annotated[PolicyTrainConfig, tyro.conf.arg(name="")],
    start: Path | None = None,
    planner: Path | None = None,
    device: str = "cpu",
) -> None:
    """Train the inverse dynamics: a diffusion policy with a goal frame.

    Args:
        data: Episode files, or folders of them. For the goal to matter, several skills from the
            same scenes.
        out: Gets policy.safetensors. Run again after an interruption, it goes on from there.
        config: The recipe.
        start: A policy.safetensors to go on from, with its own normalisation.
        planner: A planner.safetensors that imagines every clip from its first picture; half of the
            goals in training are then imagined ones, as they are at run time.
        device: "cpu" or "cuda".
    """
    clips = load_clips(data, config.model.size, progress=True)
    if planner is not None:
        clips = imagined_clips(clips, load_module(planner, LatentVideoPlanner, device=device))
    policy = None if start is None else load_module(start, GoalPolicy, device=device)
    _, report = train_policy(clips, config, out, device=device, start=policy)
    print(training_line(len(clips), report))
