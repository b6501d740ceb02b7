"""Training of the token policy in its two stages, section 3.3 and Appendix F, after QueST."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mosel_gym.data.windows import Clip
from mosel_gym.models.token_policy import TokenPolicy, TokenPolicyConfig
from mosel_gym.training.loop import Draws, FitReport, LoopConfig, fit
from mosel_gym.training.policy import fit_policy, fresh_policy, require_clips
from mosel_gym.training.policy_data import Augmentation, PolicyWindows


@dataclass(frozen=True)
class TokenPolicyTrainConfig:
    """The recipe of both stages."""

    model: TokenPolicyConfig = field(default_factory=TokenPolicyConfig)
    tokens_loop: LoopConfig = field(
        default_factory=lambda: LoopConfig(steps=2000, batch_size=64, lr=1e-3)
    )
    """Of stage 0, the autoencoder of actions: about six minutes on one CPU core."""
    loop: LoopConfig = field(default_factory=lambda: LoopConfig(steps=2800))
    """Of stage 1, the prior and the picture encoders."""
    augmentation: Augmentation = field(default_factory=Augmentation)
    progress_weight: float = 0.5
    past_end: int = 6
    """Windows a clip that start past its end, see `PolicyWindows`."""


@dataclass(frozen=True)
class TokensReport:
    """What stage 0 reached, on windows of the training clips."""

    error: float
    """Mean absolute error of a reconstructed action, in units of half the range of each number."""
    used: int
    """Different tokens that occur."""
    codes: int
    """Different tokens that there could be."""


def train_token_policy(
    clips: Sequence[Clip],
    config: TokenPolicyTrainConfig,
    out_dir: str | Path,
    *,
    progress: bool = True,
    device: str = "cpu",
    start: TokenPolicy | None = None,
) -> tuple[TokenPolicy, FitReport, TokensReport]:
    """Train stage 0, then stage 1, and write `policy.safetensors` (float16) into `out_dir`.

    Started again with the same arguments, it goes on where it stopped.

    Args:
        clips: Demonstrations with pictures of `config.model.size` px; as for `train_policy`.
        config: The recipe; `config.loop.seed` also seeds the initial weights.
        out_dir: Folder for checkpoint, state and log; those of stage 0 go to its `tokens` folder.
        progress: Show progress bars.
        device: "cpu" or "cuda".
        start: Go on from this policy, with its statistics and its tokens: there is no stage 0.

    Returns:
        The policy, what stage 1 did, and what stage 0 reached on these clips.

    Raises:
        NotEnoughData: There is no usable clip.
        SpecMismatch: A clip has other pictures, or is of another robot.
        DamagedFile: The stored state of an earlier, unfinished run cannot be read.
        MoselError: The stored state is of another run.
    """
    require_clips(clips)
    policy = start if start is not None else new_token_policy(clips, config)
    policy.to(device)
    windows = PolicyWindows(clips, policy, past_end=config.past_end)
    if start is None:
        train_tokens(policy, windows, config.tokens_loop, out_dir, progress, device)
    reached = measure_tokens(policy, windows)
    report = fit_policy(
        policy,
        windows,
        config.loop,
        out_dir,
        recipe=asdict(config),
        started=start is not None,
        augmentation=config.augmentation,
        draws=1,
        progress_weight=config.progress_weight,
        clips=len(clips),
        progress=progress,
        device=device,
    )
    return policy, report, reached


def new_token_policy(clips: Sequence[Clip], config: TokenPolicyTrainConfig) -> TokenPolicy:
    """A token policy with seeded initial weights and the statistics of `clips`.

    Raises:
        SpecMismatch: A clip is of another robot.
    """
    return fresh_policy(TokenPolicy, config.model, clips, config.loop.seed)


def train_tokens(
    policy: TokenPolicy,
    windows: PolicyWindows,
    loop: LoopConfig,
    out_dir: str | Path | None = None,
    progress: bool = True,
    device: str = "cpu",
) -> FitReport:
    """Stage 0 in place: the autoencoder of the chunks of `windows`, by L1, then frozen again.

    Raises:
        DamagedFile, MoselError: As for `fit`.
    """
    tokens = policy.tokens

    def losses(draw: Draws) -> dict[str, Tensor]:
        actions = windows.sample_actions(draw.numpy, draw.share(loop.batch_size))
        return {"loss": (tokens(actions) - actions).abs().mean()}

    tokens.requires_grad_(True)
    try:
        return fit(
            tokens,
            losses,
            loop,
            None if out_dir is None else Path(out_dir) / "tokens",
            identity=json.dumps({"model": asdict(policy.config), "windows": len(windows)}),
            label="action tokens",
            progress=progress,
            device=device,
        )
    finally:
        tokens.requires_grad_(False)


@torch.no_grad()
def measure_tokens(policy: TokenPolicy, windows: PolicyWindows, count: int = 2048) -> TokensReport:
    """How well tokens stand for actions, on `count` fixed draws of `windows`."""
    policy.tokens.eval()
    actions = windows.sample_actions(np.random.default_rng(0), count)
    tokens = policy.tokens.encode(actions)
    error = float((policy.tokens.decode(tokens) - actions).abs().mean())
    used = int(torch.bincount(tokens.flatten()).count_nonzero())
    return TokensReport(error, used, policy.tokens.codes)
