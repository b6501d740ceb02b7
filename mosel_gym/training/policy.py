"""Training of the inverse dynamics, section 3.3 and Appendix F."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mosel_gym.data.windows import Clip
from mosel_gym.errors import NotEnoughData
from mosel_gym.models.checkpoint import save_module
from mosel_gym.models.flow import interpolate, normal, uniform_times
from mosel_gym.models.inverse_dynamics import GoalPolicy, GoalPolicyConfig
from mosel_gym.training.loop import Draws, FitReport, LoopConfig, fit
from mosel_gym.training.policy_data import (
    Augmentation,
    PolicyBatch,
    PolicyWindows,
    check_robot,
)


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


@dataclass(frozen=True)
class FlowLosses:
    """Losses of a batch of B samples with D draws each, nothing averaged over samples."""

    flow: Tensor
    """Mean squared error of the velocity over chunk and action dimensions, `[B, D]`."""
    times: Tensor
    """Where on the path each was taken, `[B, D]`."""
    progress: Tensor
    """Squared error of the progress head, `[B]`; 0 where it has nothing to tell."""


def flow_losses(
    policy: GoalPolicy, batch: PolicyBatch, generator: torch.Generator, draws: int
) -> FlowLosses:
    """Flow-matching and progress losses of `policy` on `batch`."""
    count, device = len(batch.actions), batch.actions.device
    condition = policy.encode(
        batch.scene, batch.hands, batch.proprio, batch.goal, batch.has_goal, batch.skill
    )
    actions = batch.actions.repeat(draws, 1)
    noise = normal(tuple(actions.shape), generator, device)
    times = uniform_times(len(actions), generator, device)
    velocity = policy.velocity(
        interpolate(noise, actions, times), times, condition.repeat(draws, 1)
    )
    flow = (velocity - (actions - noise)).square().mean(dim=1)
    progress = (policy.predict_progress(condition) - batch.progress).square() * batch.has_progress
    return FlowLosses(flow.view(draws, count).T, times.view(draws, count).T, progress)


def train_policy(
    clips: Sequence[Clip],
    config: PolicyTrainConfig,
    out_dir: str | Path,
    *,
    progress: bool = True,
    device: str = "cpu",
    start: GoalPolicy | None = None,
) -> tuple[GoalPolicy, FitReport]:
    """Train a policy and write `policy.safetensors` (float16) into `out_dir`.

    Started again with the same arguments, it goes on where it stopped.

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
    if not clips:
        raise NotEnoughData("training the policy needs at least one clip; collect some episodes.")
    policy = start if start is not None else new_policy(clips, config)
    policy.to(device)
    windows = PolicyWindows(clips, policy, past_end=config.past_end)

    def losses(draw: Draws) -> dict[str, Tensor]:
        batch = windows.sample(draw.numpy, config.loop.batch_size, config.augmentation)
        parts = flow_losses(policy, batch, draw.torch, config.draws)
        flow, error = parts.flow.mean(), parts.progress.mean()
        return {"loss": flow + config.progress_weight * error, "flow": flow, "progress": error}

    recipe = {key: value for key, value in asdict(config).items() if key != "loop"}
    identity = json.dumps({**recipe, "model": asdict(policy.config), "windows": len(windows)})
    report = fit(
        policy,
        losses,
        config.loop,
        out_dir,
        identity=identity,
        label="policy",
        progress=progress,
        device=device,
    )
    extra = {"training": json.dumps(asdict(config)), "clips": str(len(clips))}
    save_module(Path(out_dir) / "policy.safetensors", policy, half=True, extra=extra)
    return policy, report


def new_policy(clips: Sequence[Clip], config: PolicyTrainConfig) -> GoalPolicy:
    """A policy with seeded initial weights and the statistics of `clips`.

    One that is told the skill, and has no skills in its config, gets those of `clips`.

    Raises:
        SpecMismatch: A clip is of another robot.
    """
    with torch.random.fork_rng(devices=[]):  # module initialisers know only the global generator
        torch.manual_seed(config.loop.seed)
        policy = GoalPolicy(_with_skills(config.model, clips))
    check_robot(clips, policy.robot)
    policy.fit_statistics(
        np.concatenate([clip.actions for clip in clips]),
        np.concatenate([clip.proprio for clip in clips]),
    )
    return policy


def _with_skills(model: GoalPolicyConfig, clips: Sequence[Clip]) -> GoalPolicyConfig:
    if not model.skill_id or model.skills:
        return model
    return replace(model, skills=tuple(sorted({clip.skill for clip in clips})))
