"""A training run of a tiny network: for tests, and as a program that tests start and kill."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from mosel_gym.training.loop import Draws, LoopConfig, fit

CONFIG = LoopConfig(
    steps=40,
    batch_size=16,
    lr=1e-2,
    bf16=False,
    log_every=5,
    ema_decay=0.9,
    checkpoint_every_s=0.0,
    tensorboard=False,
)
Losses = Callable[[Draws], Mapping[str, Tensor]]


def network() -> nn.Module:
    """About a hundred weights, always the same ones."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(3, 16), nn.SiLU(), nn.Linear(16, 1))


def losses_of(module: nn.Module) -> Losses:
    """Fit x -> sum(x)."""

    def losses(draw: Draws) -> Mapping[str, Tensor]:
        count = draw.share(CONFIG.batch_size)
        x = torch.from_numpy(draw.numpy.normal(size=(count, 3))).float()
        x = x + 0.01 * torch.randn(x.shape, generator=draw.torch)
        error = (module(x)[:, 0] - x.sum(1)).square()
        return {"loss": error.mean(), "largest": error.max()}

    return losses


def weights(module: nn.Module) -> np.ndarray:
    """All of them in a row."""
    return torch.cat([p.detach().flatten() for p in module.parameters()]).numpy()


def killed_at(losses: Losses, call: int) -> Losses:
    """The same, until the process is killed in the middle of a step."""
    calls = 0

    def deadly(draw: Draws) -> Mapping[str, Tensor]:
        nonlocal calls
        calls += 1
        if calls == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return losses(draw)

    return deadly


def main(out: Path, kill_at: int) -> None:
    """Train in `out`; store the weights of this process, if it lives."""
    torch.set_num_threads(1)
    module = network()
    losses = losses_of(module)
    fit(module, killed_at(losses, kill_at) if kill_at else losses, CONFIG, out, progress=False)
    np.save(out / f"weights-{os.environ.get('RANK', '0')}.npy", weights(module))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
