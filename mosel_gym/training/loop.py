"""The one training loop: every network of the package is trained by `fit`."""

from __future__ import annotations

import json
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from mosel_gym.errors import MoselError
from mosel_gym.training.ema import Ema
from mosel_gym.training.state import Log, read_state, write_state


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


@dataclass(frozen=True)
class Draws:
    """The randomness of one training step, a pure function of (seed, step).

    A resumed run therefore sees exactly what an uninterrupted one would have seen.
    """

    numpy: np.random.Generator
    torch: torch.Generator


@dataclass(frozen=True)
class FitReport:
    """What a run did."""

    steps: int
    """Steps made in all, those before a resume included."""
    loss: float
    """Mean over the last `log_every` steps of this call; NaN if it had nothing left to do."""
    seconds: float
    """Time spent in all, those before a resume included."""
    samples_per_s: float
    """Of this call."""


def draws_at(seed: int, step: int) -> Draws:
    """The randomness of step `step` of the run with `seed`."""
    rng = np.random.default_rng([seed, step])
    generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
    return Draws(rng, generator)


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
) -> FitReport:
    """Train `module` in place and leave it with its averaged (EMA) weights, in evaluation mode.

    Killed and started again with the same arguments, it goes on from its last state (at most
    `checkpoint_every_s` old) and ends with the same weights as if it had never stopped. Ctrl-C
    finishes the step, stores the state and then raises KeyboardInterrupt.

    Args:
        module: The network; parameters without `requires_grad` stay as they are.
        losses: Computes named scalar losses of one batch from the step's `Draws`; "loss" is
            minimised, the others are logged.
        config: Optimiser and schedule.
        out_dir: Where `state.pt` and `log.jsonl` go; None keeps nothing.
        identity: Names the data and model; a stored state of another identity is refused.
        label: Shown in the progress bar.
        progress: Show a progress bar.
        device: "cpu" or "cuda".

    Raises:
        DamagedFile: The stored state cannot be read.
        MoselError: The stored state is of another run, or the loss is not finite.
    """
    folder = None if out_dir is None else Path(out_dir)
    module.to(device).train()
    parameters = [p for p in module.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(
        parameters,
        lr=config.lr,
        betas=config.betas,
        weight_decay=config.weight_decay,
        fused=True,
    )
    ema = Ema(module, config.ema_decay)
    identity = f"{identity} {json.dumps(_schedule(config))}"
    first, seconds_before = 0, 0.0
    state = None if folder is None else read_state(folder, identity, device)
    if state is not None:
        first, seconds_before = int(state["step"]), float(state["seconds"])
        module.load_state_dict(state["weights"])
        optimizer.load_state_dict(state["optimizer"])
        ema.restore(state["ema"])
    log = Log(folder, first)
    start_s = saved_s = time.monotonic()

    def save(step: int) -> None:
        if folder is not None:
            content: dict[str, Any] = {
                "step": step,
                "seconds": seconds_before + time.monotonic() - start_s,
                "weights": module.state_dict(),
                "ema": ema.average,
                "optimizer": optimizer.state_dict(),
            }
            write_state(folder, identity, content)

    recent: list[dict[str, float]] = []
    report_loss = math.nan
    bar = tqdm(total=config.steps, initial=first, desc=label, unit="step", disable=not progress)
    with bar, _deferred_interrupt() as interrupted:
        for step in range(first, config.steps):
            for group in optimizer.param_groups:
                group["lr"] = config.lr * learning_rate(config, step)
            with torch.autocast(device, torch.bfloat16, enabled=config.bf16):
                named = losses(draws_at(config.seed, step))
            named["loss"].backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(parameters, config.grad_clip)
            values = {name: float(value.detach()) for name, value in named.items()}
            if not math.isfinite(values["loss"]):
                raise MoselError(
                    f"the loss became {values['loss']} at step {step} of {label}; lower the "
                    "learning rate (lr) or look for non-finite numbers in the data."
                )
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            ema.update(step)
            bar.update()
            recent = [*recent[1 - config.log_every :], values] if config.log_every > 1 else [values]
            done = step + 1
            if done % config.log_every == 0 or done == config.steps:
                means = {key: float(np.mean([v[key] for v in recent])) for key in values}
                report_loss = means["loss"]
                bar.set_postfix_str(f"loss {report_loss:.4f}", refresh=False)
                elapsed_s = time.monotonic() - start_s
                log.write(
                    {
                        "step": done,
                        **{key: round(value, 6) for key, value in means.items()},
                        "lr": optimizer.param_groups[0]["lr"],
                        "samples_per_s": round((done - first) * config.batch_size / elapsed_s, 1),
                        "seconds": round(seconds_before + elapsed_s, 1),
                    }
                )
            if interrupted.is_set():
                save(done)
                raise KeyboardInterrupt
            if done == config.steps or time.monotonic() - saved_s > config.checkpoint_every_s:
                save(done)
                saved_s = time.monotonic()
    seconds = time.monotonic() - start_s
    ema.copy_to_module()
    module.eval()
    samples_per_s = (config.steps - first) * config.batch_size / max(seconds, 1e-9)
    return FitReport(config.steps, report_loss, seconds_before + seconds, samples_per_s)


def _schedule(config: LoopConfig) -> dict[str, Any]:
    """What makes two runs the same; how often one saves or logs does not."""
    values = asdict(config)
    return {key: values[key] for key in values if key not in ("checkpoint_every_s", "log_every")}


@contextmanager
def _deferred_interrupt() -> Iterator[threading.Event]:
    """Turn the first Ctrl-C into a flag, so that no step is cut in half; the second one acts."""
    flag = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield flag  # only the main thread may set signal handlers
        return
    previous = signal.getsignal(signal.SIGINT)

    def on_interrupt(number: int, frame: Any) -> None:
        if flag.is_set() or previous is None:
            raise KeyboardInterrupt
        flag.set()

    signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield flag
    finally:
        signal.signal(signal.SIGINT, previous)
