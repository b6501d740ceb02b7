"""Training of the inverse dynamics, section 3.3 and Appendix F."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from mosel_gym.data.windows import Clip
from mosel_gym.errors import NotEnoughData
from mosel_gym.models.checkpoint import read_metadata, save_module
from mosel_gym.models.goal_conditioned import GoalConditionedConfig, GoalConditionedPolicy
from mosel_gym.models.inverse_dynamics import GoalPolicy, GoalPolicyConfig
from mosel_gym.training.devices import is_main
from mosel_gym.training.loop import Draws, FitReport, LoopConfig, fit
from mosel_gym.training.policy_data import Augmentation, PolicyWindows, check_robot

FILE = "policy.safetensors"
PolicyT = TypeVar("PolicyT", bound=GoalConditionedPolicy)


@dataclass(frozen=True)
class PolicyTrainConfig:
    """The recipe; its defaults are the ones that were measured to work."""

    model: GoalPolicyConfig = field(default_factory=GoalPolicyConfig)
    loop: LoopConfig = field(default_factory=lambda: LoopConfig(steps=2800))
    augmentation: Augmentation = field(default_factory=Augmentation)
    draws: int = 4
    """(Noise, time) draws a sample: pictures are encoded once, and are what costs."""
    progress_weight: float = 0.5
    past_end: int = 6
    """Windows a clip that start past its end, see `PolicyWindows`."""


def train_policy(
    clips: Sequence[Clip],
    config: PolicyTrainConfig,
    out_dir: str | Path,
    *,
    progress: bool = True,
    device: str = "cpu",
    start: GoalPolicy | None = None,
) -> tuple[GoalPolicy, FitReport]:
    """Train a diffusion policy and write `policy.safetensors` (float16) into `out_dir`.

    Started again with the same arguments, it goes on where it stopped. `training.token_policy`
    trains the other kind.

    Args:
        clips: Demonstrations with pictures of `config.model.size` px. For the goal to matter they
            hold several skills from the same scenes.
        config: The recipe; `config.loop.seed` also seeds the initial weights.
        out_dir: Folder for checkpoint, state and log.
        progress: Show a progress bar.
        device: "cpu" or "cuda".
        start: Go on from this policy, with its statistics, instead of from fresh weights.

    Raises:
        NotEnoughData: There is no usable clip.
        SpecMismatch: A clip has other pictures, or is of another robot.
        DamagedFile: The stored state of an earlier, unfinished run cannot be read.
        MoselError: The stored state is of another run.
    """
    require_clips(clips)
    policy = start if start is not None else new_policy(clips, config)
    policy.to(device)
    windows = PolicyWindows(clips, policy, past_end=config.past_end)
    return policy, fit_policy(
        policy,
        windows,
        config.loop,
        out_dir,
        recipe=asdict(config),
        started=start is not None,
        augmentation=config.augmentation,
        draws=config.draws,
        progress_weight=config.progress_weight,
        clips=len(clips),
        progress=progress,
        device=device,
    )


def new_policy(clips: Sequence[Clip], config: PolicyTrainConfig) -> GoalPolicy:
    """A diffusion policy with seeded initial weights and the statistics of `clips`.

    One that is told the skill, and has no skills in its config, gets those of `clips`.

    Raises:
        SpecMismatch: A clip is of another robot.
    """
    return fresh_policy(GoalPolicy, config.model, clips, config.loop.seed)


def fresh_policy(
    policy_class: type[PolicyT], model: GoalConditionedConfig, clips: Sequence[Clip], seed: int
) -> PolicyT:
    """A policy of any kind with seeded initial weights and the statistics of `clips`.

    Raises:
        SpecMismatch: A clip is of another robot.
    """
    with torch.random.fork_rng(devices=[]):  # module initialisers know only the global generator
        torch.manual_seed(seed)
        policy = policy_class(_with_skills(model, clips))
    check_robot(clips, policy.robot)
    policy.fit_statistics(
        np.concatenate([clip.actions for clip in clips]),
        np.concatenate([clip.proprio for clip in clips]),
    )
    return policy


def fit_policy(
    policy: GoalConditionedPolicy,
    windows: PolicyWindows,
    loop: LoopConfig,
    out_dir: str | Path,
    *,
    recipe: Mapping[str, Any],
    started: bool,
    augmentation: Augmentation,
    draws: int,
    progress_weight: float,
    clips: int,
    progress: bool,
    device: str,
) -> FitReport:
    """Train a policy of any kind in place on `windows`, and write it into `out_dir`.

    Args:
        policy: With its statistics set; parameters without `requires_grad` stay as they are.
        windows: Of its clips.
        loop: Optimiser and schedule.
        out_dir: Folder for checkpoint, state and log.
        recipe: The whole recipe as plain data, stored with the weights. It also tells runs apart,
            but for its loops, whose states know their own schedule.
        started: Whether the policy had been trained before; another thing that tells runs apart.
        augmentation: How samples are varied.
        draws: See `GoalConditionedPolicy.losses`.
        progress_weight: Of the progress head's loss.
        clips: How many there are; stored with the weights.
        progress: Show a progress bar.
        device: "cpu" or "cuda".

    Raises:
        DamagedFile: The stored state of an earlier, unfinished run cannot be read.
        MoselError: The stored state is of another run.
    """

    def losses(draw: Draws) -> dict[str, Tensor]:
        batch = windows.sample(draw.numpy, draw.share(loop.batch_size), augmentation)
        parts = policy.losses(batch, draw.torch, draws)
        action, error = parts.action.mean(), parts.progress.mean()
        return {
            "loss": action + progress_weight * error,
            policy.loss_name: action,
            "progress": error,
        }

    identity: dict[str, Any] = {
        **{key: value for key, value in recipe.items() if not key.endswith("loop")},
        "model": asdict(policy.config),
        "windows": len(windows),
        "started": started,
    }
    report = fit(
        policy,
        losses,
        loop,
        out_dir,
        identity=json.dumps(identity),
        label="policy",
        progress=progress,
        device=device,
    )
    extra = {"training": json.dumps(recipe), "clips": str(clips)}
    if is_main():
        save_module(Path(out_dir) / FILE, policy, half=True, extra=extra)
    return report


def augmentation_of(path: str | Path) -> Augmentation | None:
    """How the samples were varied that a stored policy learned from; None = the file does not say.

    Raises:
        DamagedFile: The file cannot be read.
    """
    recipe = json.loads(read_metadata(path).get("training", "{}"))
    stored = recipe.get("augmentation")
    if stored is None:
        return None
    known = {entry.name for entry in fields(Augmentation)}
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in stored.items()
        if name in known
    }
    return Augmentation(**values)


def require_clips(clips: Sequence[Clip]) -> None:
    """Insist on something to train on.

    Raises:
        NotEnoughData: There is nothing.
    """
    if not clips:
        raise NotEnoughData("training the policy needs at least one clip; collect some episodes.")


def _with_skills(model: GoalConditionedConfig, clips: Sequence[Clip]) -> GoalConditionedConfig:
    if not model.skill_id or model.skills:
        return model
    return replace(model, skills=tuple(sorted({clip.skill for clip in clips})))
