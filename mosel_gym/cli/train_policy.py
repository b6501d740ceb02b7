"""`mosel train policy`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from mosel_gym.agents.presets import preset as find_preset
from mosel_gym.cli.options import training_line
from mosel_gym.data.windows import load_clips
from mosel_gym.errors import SpecMismatch
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
    preset: str = "libero",
    whole_task: bool = False,
    device: str = "cpu",
) -> None:
    """Train the inverse dynamics: a diffusion policy with a goal frame.

    Without any goal frame, as PaLM-E's policy: `--model.skill-id --model.skill-progress
    --augmentation.goal-dropout 1`.

    Args:
        data: Episode files, or folders of them. For the goal to matter, several skills from the
            same scenes.
        out: Gets policy.safetensors. Run again after an interruption, it goes on from there.
        config: The recipe.
        start: A policy.safetensors to go on from, with its own normalisation.
        planner: A planner.safetensors that imagines every clip from its first picture; half of the
            goals in training are then imagined ones, as they are at run time.
        preset: Suite of the episodes, "libero", "robotwin" or "robotwin-joint": sets robot and
            cameras that the recipe leaves at their defaults.
        whole_task: Learn from whole episodes, arm transitions included, as UniPi does; a goal may
            then lie beyond the skill. Otherwise from the skills that they are cut into.
        device: "cpu" or "cuda".
    """
    config = find_preset(preset).for_policy(config)
    policy = None if start is None else load_module(start, GoalPolicy, device=device)
    model = config.model if policy is None else policy.config
    clips = load_clips(data, model.size, progress=True, cameras=model.cameras, whole=whole_task)
    if planner is not None:
        video = load_module(planner, LatentVideoPlanner, device=device)
        if video.config.scene_camera != model.cameras.scene:
            raise SpecMismatch(
                f"{planner} imagines {video.config.scene_camera!r}, the policy looks at "
                f"{model.cameras.scene!r}. Give both the same `--preset`."
            )
        clips = imagined_clips(clips, video)
    _, report = train_policy(clips, config, out, device=device, start=policy)
    print(training_line(len(clips), report))
