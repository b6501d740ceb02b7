"""`mosel train policy`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import tyro

from mosel_gym.agents.presets import preset as find_preset
from mosel_gym.cli.options import training_line
from mosel_gym.cli.token_options import TokenOptions, require_same
from mosel_gym.cli.training_options import TrainingOptions, say
from mosel_gym.data.mirrored import mirrored_clips
from mosel_gym.data.windows import Clip
from mosel_gym.errors import MoselError, SpecMismatch
from mosel_gym.models.goal_conditioned import GoalConditionedConfig, GoalConditionedPolicy
from mosel_gym.models.inverse_dynamics import GoalPolicy
from mosel_gym.models.policies import load_policy
from mosel_gym.models.resizing import resized
from mosel_gym.models.token_policy import TokenPolicy
from mosel_gym.models.video_planners import load_planner
from mosel_gym.specs import robot as find_robot
from mosel_gym.training.policy import PolicyTrainConfig, train_policy
from mosel_gym.training.policy_error import action_errors
from mosel_gym.training.token_policy import train_token_policy
from mosel_gym.training.video import imagined_clips

Kind = Literal["diffusion", "tokens"]


def main(
    data: tuple[Path, ...],
    out: Path,
    config: Annotated[PolicyTrainConfig, tyro.conf.arg(name="")],
    tokens: TokenOptions,
    kind: Kind = "diffusion",
    start: Path | None = None,
    planner: tuple[Path, ...] = (),
    preset: str | None = None,
    whole_task: bool = False,
    mirror: bool = False,
    held_out: int = 0,
    device: str = "cpu",
    options: Annotated[TrainingOptions, tyro.conf.arg(name="")] = TrainingOptions(),  # noqa: B008
) -> None:
    """Train the inverse dynamics: a policy with a goal frame, of one of two kinds.

    Without any goal frame, as PaLM-E's policy: `--model.skill-id --model.skill-progress
    --augmentation.goal-dropout 1`.

    Args:
        data: Episode files, or folders of them. For the goal to matter, several skills from the
            same scenes.
        out: Gets policy.safetensors. Run again after an interruption, it goes on from there.
        config: The recipe; with `--kind tokens`, of what both kinds share.
        tokens: What only `--kind tokens` has.
        kind: "diffusion", the paper's policy on LIBERO, or "tokens", a transformer over action
            tokens after QueST, the paper's on RoboTwin. Each learns both suites.
        start: A policy.safetensors of the same kind to go on from, with its own settings, its
            normalisation and its tokens. Only `--model.size` may differ: its weights are then
            brought to pictures of that size, and need some training there.
        planner: A planner.safetensors that imagines every clip from its first picture; half of the
            goals in training are then imagined ones, as they are at run time. Of several, each
            imagines every clip, so that the policy does not get used to one planner's hand.
        preset: Suite of the episodes, "libero", "robotwin" or "robotwin-joint": sets robot and
            cameras that the recipe leaves at their defaults. Without one, "libero", or whatever the
            policy to start from was made for.
        whole_task: Learn from whole episodes, arm transitions included, as UniPi does; a goal may
            then lie beyond the skill. Otherwise from the skills that they are cut into.
        mirror: For two arms: also show the mirror image of every clip whose skill the data has for
            the other hand as well, named by that hand.
        held_out: Every so many-th clip of each skill is kept from training, and the error of the
            predicted actions on these is told; 0 keeps none.
        device: "cpu" or "cuda".
        options: How to train.
    """
    options.prepare(device)
    config = find_preset(preset or "libero").for_policy(config)
    config, tokens = options.for_policy(config, tokens, kind)
    recipe = tokens.recipe(config) if kind == "tokens" else None
    if recipe is None:
        tokens.require_unused()
    asked: GoalConditionedConfig = config.model if recipe is None else recipe.model
    begun = _begun(start, kind, asked, preset, device)
    model = asked if begun is None else begun.config
    clips = options.load(data, model.size, model.cameras, whole=whole_task)
    training, kept = _apart(clips, held_out)
    if mirror:
        training = [*training, *mirrored_clips(training, find_robot(model.robot))]
    count = len(training)
    if planner:
        training = [clip for one in planner for clip in _imagined(training, one, model, device)]
    policy: GoalConditionedPolicy
    if recipe is None:
        assert begun is None or isinstance(begun, GoalPolicy)
        policy, report = train_policy(training, config, out, device=device, start=begun)
    else:
        assert begun is None or isinstance(begun, TokenPolicy)
        policy, report, reached = train_token_policy(
            training, recipe, out, device=device, start=begun
        )
        say(
            f"action tokens: {reached.used} of {reached.codes} in use, mean |error| "
            f"{reached.error:.4f} of half the range of each number"
        )
    say(training_line(count, report))
    if kept:
        say(str(action_errors(policy, kept)))


def _begun(
    start: Path | None, kind: Kind, asked: GoalConditionedConfig, preset: str | None, device: str
) -> GoalConditionedPolicy | None:
    """The policy to go on from, if it is what was asked for."""
    if start is None:
        return None
    policy = load_policy(start, device, kind)
    if asked.size not in (GoalConditionedConfig.size, policy.config.size):
        policy = resized(policy, asked.size)
    require_same(asked, policy.config, start)
    wanted = find_preset(preset) if preset is not None else None
    # An asked "libero" is like the defaults, which the comparison above leaves out.
    if wanted is not None and wanted.robot != policy.config.robot:
        raise SpecMismatch(
            f"{start} was made for the robot {policy.config.robot!r}, the preset {wanted.name!r} "
            f"is for {wanted.robot!r}. Leave `--preset` out, or give another --start."
        )
    return policy


def _apart(clips: list[Clip], held_out: int) -> tuple[list[Clip], list[Clip]]:
    """Clips to train on and clips to measure on: every so many-th of each skill."""
    if held_out < 0 or held_out == 1:
        raise MoselError(
            f"--held-out is {held_out}: 1 would leave nothing to train on. Give 0 for none, or at "
            "least 2."
        )
    training: list[Clip] = []
    kept: list[Clip] = []
    seen: dict[str, int] = {}
    for clip in clips:
        number = seen[clip.skill] = seen.get(clip.skill, 0) + 1
        (kept if held_out and number % held_out == 0 else training).append(clip)
    return training, kept


def _imagined(
    clips: list[Clip], planner: Path, model: GoalConditionedConfig, device: str
) -> list[Clip]:
    video = load_planner(planner, device)
    if video.config.scene_camera != model.cameras.scene:
        raise SpecMismatch(
            f"{planner} imagines {video.config.scene_camera!r}, the policy looks at "
            f"{model.cameras.scene!r}. Give both the same `--preset`."
        )
    return imagined_clips(clips, video)
