"""The one training loop: every network of the package is trained by `fit`."""

from __future__ import annotations

import json
import math
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from mosel_gym.training.devices import Processes, launched
from mosel_gym.training.diverged import advice, bad_loss, clip_gradients
from mosel_gym.training.draws import Draws, draws_at
from mosel_gym.training.ema import Ema
from mosel_gym.training.interrupt import deferred_interrupt
from mosel_gym.training.keeping import Keeper
from mosel_gym.training.precision import autocast
from mosel_gym.training.state import Log

__all__ = ["Draws", "FitReport", "LoopConfig", "draws_at", "fit", "learning_rate"]


@dataclass(frozen=True)
class LoopConfig:
    """Optimiser, schedule and bookkeeping."""

    steps: int = 1000
    batch_size: int = 128
    lr: float = 1e-3
    final_lr: float = 0.02
    """Where the cosine ends, as a fraction of `lr`."""
    warmup_steps: int = 100
    """Linear warm-up; at most a fifth of `steps`."""
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float = 1e-3
    grad_clip: float = 1.0
    ema_decay: float = 0.999
    bf16: bool = True
    """Autocast to bfloat16, where the processor has it: 1.8 times as fast on a recent CPU."""
    seed: int = 0
    checkpoint_every_s: float = 60.0
    log_every: int = 20
    parts: int = 1
    """A batch is drawn and differentiated in so many parts, which several processes share. The
    weights depend on it (each part has its own draws), but not on who takes which part. At least
    one a process."""
    tensorboard: bool = True
    """Curves for TensorBoard in `tb`, where it is installed (extra `train`)."""


@dataclass(frozen=True)
class FitReport:
    """What a run did."""

    steps: int
    """Steps made in all, those before a resume included."""
    loss: float
    """Mean over the last `log_every` steps."""
    seconds: float
    """Time spent in all, those before a resume included."""
    samples_per_s: float
    """Of this call."""


def learning_rate(config: LoopConfig, step: int) -> float:
    """Warm-up, then a cosine over steps, as a fraction of `config.lr`."""
    warmup = min(config.warmup_steps, config.steps // 5)
    if step < warmup:
        return (step + 1) / (warmup + 1)
    done = (step - warmup) / max(1, config.steps - warmup)
    return config.final_lr + (1 - config.final_lr) * (1 + math.cos(math.pi * done)) / 2


def fit(
    module: nn.Module,
    losses: Callable[[Draws], Mapping[str, Tensor]],
    config: LoopConfig,
    out_dir: str | Path | None = None,
    *,
    identity: str = "",
    label: str = "training",
    progress: bool = True,
    device: str = "cpu",
    processes: Processes | None = None,
) -> FitReport:
    """Train `module` in place and leave it with its averaged (EMA) weights, in evaluation mode.

    Killed and started again with the same arguments, it goes on from its last state (at most
    `checkpoint_every_s` old) and ends with the same weights as if it had never stopped. Ctrl-C
    finishes the step, stores the state and then raises KeyboardInterrupt.

    Started by `accelerate launch` in several processes, each draws its parts of every batch, the
    gradients are averaged, and the main one writes; all end with the same weights.

    Args:
        module: The network; parameters without `requires_grad` stay as they are.
        losses: Computes named scalar losses of one batch from the step's `Draws`; "loss" is
            minimised, the others are logged. It draws `draw.share(config.batch_size)` samples.
        config: Optimiser and schedule.
        out_dir: Where `state.pt`, `log.jsonl` and `tb` go; None keeps nothing.
        identity: Names the data and model; a stored state of another identity is refused.
        label: Shown in the progress bar.
        progress: Show a progress bar.
        device: "cpu" or "cuda".
        processes: Who shares the work; None = those that a launcher started.

    Raises:
        DamagedFile: The stored state cannot be read.
        MoselError: The stored state is of another run.
        TrainingDiverged: A loss, a gradient or a weight is not finite. `module` and `out_dir` keep
            what was before that step.
    """
    folder = None if out_dir is None else Path(out_dir)
    together = launched(device) if processes is None else processes
    config = replace(config, parts=together.parts(config.parts, config.batch_size))
    module.to(device).train()
    together.align(module)
    parameters = [p for p in module.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(
        parameters,
        lr=config.lr,
        betas=config.betas,
        weight_decay=config.weight_decay,
        fused=True,
    )
    recent: deque[dict[str, float]] = deque(maxlen=max(1, config.log_every))
    keeper = Keeper(
        module,
        optimizer,
        ema := Ema(module, config.ema_decay),
        folder,
        identity=f"{identity} {json.dumps(_schedule(config))}",
        recent=recent,
        writes=together.main,
    )
    first = keeper.restore(device)
    start_s = saved_s = time.monotonic()

    def checked(wrong: str | None, step: int) -> None:
        if wrong is not None:
            told = f"{label}, step {step} of {config.steps} (seed {config.seed}): {wrong}"
            keeper.give_up(told, step, config.seed, _advice(config, step))

    log = Log(folder if together.main else None, first, tensorboard=config.tensorboard)
    hidden = not (progress and together.main)
    bar = tqdm(total=config.steps, initial=first, desc=label, unit="step", disable=hidden)
    with closing(log), bar, deferred_interrupt() as interrupted:
        for step in range(first, config.steps):
            for group in optimizer.param_groups:
                group["lr"] = config.lr * learning_rate(config, step)
            values = _backward(losses, config, step, together.own(config.parts), device)
            values, stop = together.average(parameters, values, interrupted.is_set())
            checked(bad_loss(values) or clip_gradients(module, config.grad_clip), step)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            ema.update(step)
            bar.update()
            recent.append(values)
            done = step + 1
            if done % config.log_every == 0 or done == config.steps:
                means = {key: float(np.mean([v[key] for v in recent])) for key in values}
                bar.set_postfix_str(f"loss {means['loss']:.4f}", refresh=False)
                elapsed_s = time.monotonic() - start_s
                log.write(
                    {
                        "step": done,
                        **{key: round(value, 6) for key, value in means.items()},
                        "lr": optimizer.param_groups[0]["lr"],
                        "steps_per_s": round((done - first) / elapsed_s, 3),
                        "samples_per_s": round((done - first) * config.batch_size / elapsed_s, 1),
                        "seconds": round(keeper.seconds(), 1),
                    }
                )
            due = time.monotonic() - saved_s > config.checkpoint_every_s
            if stop or due or done == config.steps:
                checked(keeper.unsound(), done)
                keeper.save(done)
                saved_s = time.monotonic()
            if stop:
                raise KeyboardInterrupt
    seconds = time.monotonic() - start_s
    ema.copy_to_module()
    module.eval()
    samples_per_s = (config.steps - first) * config.batch_size / max(seconds, 1e-9)
    loss = float(np.mean([v["loss"] for v in recent])) if recent else math.nan  # an older state
    return FitReport(config.steps, loss, keeper.seconds_before + seconds, samples_per_s)


def _backward(
    losses: Callable[[Draws], Mapping[str, Tensor]],
    config: LoopConfig,
    step: int,
    parts: range,
    device: str,
) -> dict[str, float]:
    """Go through some parts of a batch; add their gradients, and return the means of the losses."""
    each = []
    for part in parts:
        with autocast(device, config.bf16):
            named = losses(draws_at(config.seed, step, part, config.parts))
        loss = named["loss"] if len(parts) == 1 else named["loss"] / len(parts)
        loss.backward()  # type: ignore[no-untyped-call]
        each.append({name: float(value.detach()) for name, value in named.items()})
    if len(each) == 1:
        return each[0]
    return {name: float(np.mean([values[name] for values in each])) for name in each[0]}


def _advice(config: LoopConfig, step: int) -> str:
    return advice(
        step,
        config.seed,
        config.parts,
        lr=config.lr,
        grad_clip=config.grad_clip,
        bf16=config.bf16,
    )


def _schedule(config: LoopConfig) -> dict[str, Any]:
    """What makes two runs the same; how often one saves or logs does not."""
    values = asdict(config)
    if config.parts == 1:
        del values["parts"]  # states from before there were parts have none
    elsewhere = ("checkpoint_every_s", "log_every", "tensorboard")
    return {key: values[key] for key in values if key not in elsewhere}
