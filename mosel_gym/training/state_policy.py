"""Training of the state policy: plain behaviour cloning."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from mosel_gym.errors import NotEnoughData
from mosel_gym.models.checkpoint import save_module
from mosel_gym.models.state_policy import StatePolicy, StatePolicyConfig
from mosel_gym.training.devices import is_main
from mosel_gym.training.loop import Draws, FitReport, LoopConfig, fit


@dataclass(frozen=True)
class StateClip:
    """One skill as carried out: what the policy sees, and what the expert did."""

    skill: str
    features: NDArray[np.float32]
    """float32 `[m, F]`, before each action."""
    actions: NDArray[np.float32]
    """float32 `[m, A]`."""
    robot: str
    """Row of `specs.ROBOTS`."""


@dataclass(frozen=True)
class StateTrainConfig:
    """The recipe; few steps make a clumsy policy."""

    model: StatePolicyConfig = field(default_factory=StatePolicyConfig)
    """Skills, robot, features and actions are taken from the clips."""
    loop: LoopConfig = field(
        default_factory=lambda: LoopConfig(
            steps=4000, batch_size=256, lr=1e-3, weight_decay=1e-2, ema_decay=0.995, bf16=False
        )
    )
    noise: float = 0.02
    """Deviation of the noise on the features in training, in their own deviations."""


def train_state_policy(
    clips: Sequence[StateClip],
    config: StateTrainConfig,
    out_dir: str | Path,
    *,
    progress: bool = True,
) -> tuple[StatePolicy, FitReport]:
    """Train a policy and write `state_policy.safetensors` into `out_dir`.

    Args:
        clips: Demonstrations of one scene.
        config: The recipe.
        out_dir: Folder; started again with the same arguments, it goes on where it stopped.
        progress: Show a bar.

    Raises:
        NotEnoughData: No clip.
        MoselError: The stored state is of another run, or the loss is not finite.
    """
    if not clips:
        raise NotEnoughData("training a state policy needs demonstrations; collect some episodes.")
    first = clips[0]
    model = dataclasses.replace(
        config.model,
        skills=tuple(sorted({clip.skill for clip in clips})),
        robot=first.robot,
        features=first.features.shape[1],
        actions=first.actions.shape[1],
    )
    with torch.random.fork_rng(devices=[]):  # module initialisers know only the global generator
        torch.manual_seed(config.loop.seed)
        policy = StatePolicy(model)
    features = np.concatenate([clip.features for clip in clips])
    actions = np.concatenate([clip.actions for clip in clips])
    policy.normal.fit(features)
    policy.scaling.fit(actions)
    skills, left, ahead = _targets(clips, policy)
    seen, done = torch.from_numpy(features), torch.from_numpy(actions)

    def losses(draw: Draws) -> dict[str, Tensor]:
        count = draw.share(config.loop.batch_size)
        rows = torch.from_numpy(draw.numpy.integers(len(seen), size=count))
        batch = seen[rows]
        shake = torch.randn(batch.shape, generator=draw.torch) * config.noise
        predicted, steps = policy(batch + shake * policy.normal.scale, skills[rows])
        wanted = policy.scaling.encode(done[ahead[rows]])
        action = F.smooth_l1_loss(predicted, wanted, beta=0.1)
        progress_loss = F.mse_loss(steps, left[rows])
        return {
            "loss": action + 0.02 * progress_loss,
            "action": action.detach(),
            "left": progress_loss.detach(),
        }

    report = fit(
        policy,
        losses,
        config.loop,
        out_dir,
        identity=json.dumps({"model": asdict(model), "rows": len(seen)}),
        label="state policy",
        progress=progress,
    )
    if is_main():
        save_module(Path(out_dir) / "state_policy.safetensors", policy)
    return policy, report


def _targets(clips: Sequence[StateClip], policy: StatePolicy) -> tuple[Tensor, Tensor, Tensor]:
    """For every row: skill, logarithm of 1 + steps left, and the rows of the actions ahead."""
    skills, left, ahead, start = [], [], [], 0
    for clip in clips:
        count = len(clip.actions)
        rows = np.arange(count)
        skills.append(np.full(count, policy.skills.index(clip.skill)))
        left.append(np.log1p(count - rows).astype(np.float32))
        steps = rows[:, None] + np.arange(policy.config.chunk)
        ahead.append(start + np.minimum(steps, count - 1))  # the last action is repeated
        start += count
    return tuple(torch.from_numpy(np.concatenate(part)) for part in (skills, left, ahead))  # type: ignore[return-value]
