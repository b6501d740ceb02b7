"""What a run keeps on disk, and what is left of one that diverged."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import nn

from mosel_gym.errors import TrainingDiverged
from mosel_gym.models.checkpoint import ConfiguredModule, save_module
from mosel_gym.training.diverged import first_bad_weight
from mosel_gym.training.ema import Ema
from mosel_gym.training.state import STATE_NAME, read_state, write_state

LAST_GOOD_NAME = "last_good.safetensors"
"""Averaged weights from before a loss that was not finite."""


@dataclass
class Keeper:
    """Stores and restores the state of one run."""

    module: nn.Module
    optimizer: torch.optim.Optimizer
    ema: Ema
    folder: Path | None
    identity: str
    """Names data, model and schedule; a state of another identity is refused."""
    recent: deque[dict[str, float]]
    """Losses of the last steps, of which the next line of the log is the mean."""
    writes: bool = True
    """Whether this is the process that writes."""
    seconds_before: float = 0.0
    """Time that earlier calls spent."""
    start_s: float = field(default_factory=time.monotonic)

    def restore(self, device: str) -> int:
        """Take over the stored state, if there is one.

        Returns:
            The steps that were made in it.

        Raises:
            DamagedFile: It cannot be read.
            MoselError: It is of another run.
        """
        state = None if self.folder is None else read_state(self.folder, self.identity, device)
        if state is None:
            return 0
        self.seconds_before = float(state["seconds"])
        self.module.load_state_dict(state["weights"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.ema.restore(state["ema"])
        self.recent.extend(state.get("recent", ()))  # older states have none
        return int(state["step"])

    def seconds(self) -> float:
        """Time spent in all."""
        return self.seconds_before + time.monotonic() - self.start_s

    def save(self, step: int) -> None:
        """Store the state after `step` steps; weights must be finite, see `unsound`."""
        if self.folder is None or not self.writes:
            return
        content: dict[str, Any] = {
            "step": step,
            "seconds": self.seconds(),
            "weights": self.module.state_dict(),
            "ema": self.ema.average,
            "recent": list(self.recent),
            "optimizer": self.optimizer.state_dict(),
        }
        write_state(self.folder, self.identity, content)

    def unsound(self) -> str | None:
        """What is wrong with the weights, so that they must not be stored; None if nothing is."""
        name = first_bad_weight(self.module)
        return None if name is None else f"the weights of {name} are no longer finite"

    def give_up(self, what: str, step: int, seed: int, about: str) -> NoReturn:
        """Keep what was good before step `step`, and say so.

        Args:
            what: What is not finite.
            step: Steps made before it.
            seed: Of the run.
            about: The rest of the message: how to meet it again, and how to mend it.

        Raises:
            TrainingDiverged: Always.
        """
        self.optimizer.zero_grad(set_to_none=True)
        kept = []
        if self.unsound() is None:
            self.save(step)
            self.ema.copy_to_module()
            self.module.eval()
            kept.append("the network has its averaged weights of before that step")
            if self.folder is not None and isinstance(self.module, ConfiguredModule):
                path = self.folder / LAST_GOOD_NAME
                if self.writes:
                    save_module(path, self.module)
                kept.append(f"{path} too, as a network to start from")
        if self.folder is not None and (self.folder / STATE_NAME).exists():
            path = self.folder / STATE_NAME
            kept.append(f"{path} is the last good state, and the same command goes on from there")
        told = "; ".join(kept) or "nothing: the weights are spoilt, and there is no earlier state"
        raise TrainingDiverged(f"{what}. Kept: {told}. {about}", step=step, seed=seed)
