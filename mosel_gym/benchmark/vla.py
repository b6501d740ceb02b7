"""A stand-in for a vision-language-action model: one network, cloned from whole demonstrations.

The paper compares MOSEL with VLA-RL, whose model has seven billion parameters and has read the
internet. This one has two million and has not; see docs/rl.md for what that comparison is worth.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mosel_gym.agents.baselines.rl import RLAgent
from mosel_gym.agents.baselines.rl_networks import MonolithicPolicy, PictureFeatures
from mosel_gym.agents.baselines.rl_views import PictureView
from mosel_gym.benchmark.rl_given import Given
from mosel_gym.benchmark.vla_data import (
    VlaAugmentation,
    VlaWindows,
    load_demonstrations,
    picture_view,
)
from mosel_gym.data.cameras import Cameras
from mosel_gym.training.loop import Draws, FitReport, LoopConfig, fit

_STATE_FOLDER = "training"


@dataclass(frozen=True)
class VlaConfig:
    """The recipe of behaviour cloning."""

    size: int = 64
    """Pixels per side."""
    chunk: int = 8
    """Actions of one decision, carried out open loop: 75 decisions in LIBERO's 600 steps."""
    features: int = 256
    """Numbers from each picture encoder."""
    hidden: int = 512
    """Width of the two layers of the actor."""
    std: float = 0.1
    """Deviation of the Gaussian around each action, in units of its range; PPO explores with it."""
    beta: float = 0.1
    """Where the smooth L1 loss turns from square to straight."""
    loop: LoopConfig = field(
        default_factory=lambda: LoopConfig(steps=3000, batch_size=128, ema_decay=0.995)
    )
    augmentation: VlaAugmentation = field(default_factory=VlaAugmentation)


def new_policy(view: PictureView, config: VlaConfig) -> MonolithicPolicy:
    """The network with seeded initial weights."""
    with torch.random.fork_rng(devices=[]):  # module initialisers know only the global generator
        torch.manual_seed(config.loop.seed)
        return MonolithicPolicy(
            view.observation_space,
            view.action_space,
            lambda _: 1e-4,
            **policy_arguments(config),
        )


def policy_arguments(config: VlaConfig) -> dict[str, Any]:
    """`policy_kwargs` of stable-baselines3."""
    return {
        "net_arch": {"pi": [config.hidden, config.hidden], "vf": [256]},
        "activation_fn": nn.SiLU,
        "ortho_init": False,
        "log_std_init": math.log(config.std),
        "features_extractor_class": PictureFeatures,
        "features_extractor_kwargs": {"features": config.features},
    }


def train_vla(
    data: Sequence[str | Path],
    config: VlaConfig,
    out_dir: str | Path,
    *,
    cameras: Cameras | None = None,
    progress: bool = True,
) -> tuple[RLAgent, FitReport]:
    """Clone whole demonstrations and write an agent into `out_dir`.

    Started again with the same arguments, it goes on where it stopped.

    Args:
        data: Episode files, or folders of them: the ones that MOSEL's networks are trained on.
        config: The recipe; `config.loop.seed` also seeds the initial weights.
        out_dir: Gets `agent.json` and `policy.safetensors`; state and log lie below `training/`.
        cameras: None = as the episodes have them.
        progress: Show bars.

    Raises:
        NotEnoughData: No demonstration.
        SpecMismatch: Two files differ in robot or renderer, or a camera is missing.
        MoselError: The stored state is of another run, or the loss is not finite.
    """
    demos = load_demonstrations(data, config.size, cameras, progress=progress)
    view = picture_view(demos, config.size, config.chunk)
    policy = new_policy(view, config)
    windows = VlaWindows(demos, view)

    def losses(draw: Draws) -> dict[str, Tensor]:
        count = draw.share(config.loop.batch_size)
        seen, wanted = windows.sample(draw.numpy, count, config.augmentation)
        mean = policy.mean_actions(seen)
        return {"loss": F.smooth_l1_loss(mean.float(), wanted, beta=config.beta)}

    recipe = {key: value for key, value in asdict(config).items() if key != "loop"}
    report = fit(
        policy,
        losses,
        config.loop,
        Path(out_dir) / _STATE_FOLDER,
        identity=json.dumps({**recipe, "view": view.plain(), "windows": len(windows)}),
        label="vla",
        progress=progress,
    )
    agent = RLAgent(policy, view, label="vla", algorithm="PPO")
    agent.card = {
        **Given(len(demos.clips), tuple(sorted({clip.skill for clip in demos.clips}))).card(),
        "cloning": {"config": asdict(config), "loss": report.loss, "seconds": report.seconds},
        "parameters": sum(parameter.numel() for parameter in policy.parameters()),
    }
    agent.save(out_dir)
    return agent, report
