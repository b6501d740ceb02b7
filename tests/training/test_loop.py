"""The loop: it learns, and a stopped run ends where an uninterrupted one ends."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mosel_gym.errors import DamagedFile, MoselError
from mosel_gym.training.loop import Draws, LoopConfig, draws_at, fit, learning_rate

CONFIG = LoopConfig(steps=40, batch_size=16, lr=1e-2, bf16=False, log_every=5, ema_decay=0.9)
Losses = Callable[[Draws], Mapping[str, Tensor]]


def network() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(3, 16), nn.SiLU(), nn.Linear(16, 1))


def losses_of(module: nn.Module, stop_at: int | None = None, how: str = "kill") -> Losses:
    """Fit x -> sum(x); optionally stop the run at one step."""
    calls = 0

    def losses(draw: Draws) -> Mapping[str, Tensor]:
        nonlocal calls
        calls += 1
        if calls == stop_at and how == "kill":
            raise RuntimeError("killed")
        if calls == stop_at and how == "ctrl-c":
            os.kill(os.getpid(), signal.SIGINT)
        x = torch.from_numpy(draw.numpy.normal(size=(16, 3))).float()
        x = x + 0.01 * torch.randn(x.shape, generator=draw.torch)
        return {"loss": (module(x)[:, 0] - x.sum(1)).square().mean()}

    return losses


def weights(module: nn.Module) -> np.ndarray:
    return torch.cat([p.detach().flatten() for p in module.parameters()]).numpy()


def test_it_learns_logs_and_reports(tmp_path: Path) -> None:
    module = network()
    report = fit(module, losses_of(module), replace(CONFIG, steps=200), tmp_path, progress=False)
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert report.steps == 200
    assert report.loss < 0.2 * log[0]["loss"]
    assert report.samples_per_s > 0
    assert [entry["step"] for entry in log] == list(range(5, 201, 5))
    assert not module.training


@pytest.mark.parametrize(("how", "error"), [("kill", RuntimeError), ("ctrl-c", KeyboardInterrupt)])
def test_a_resumed_run_ends_with_the_same_weights(
    tmp_path: Path, how: str, error: type[BaseException]
) -> None:
    whole = network()
    fit(whole, losses_of(whole), CONFIG, progress=False)

    config = replace(CONFIG, checkpoint_every_s=0.0)
    stopped = network()
    with pytest.raises(error):
        fit(stopped, losses_of(stopped, 18, how), config, tmp_path, progress=False)
    resumed = network()
    report = fit(resumed, losses_of(resumed), config, tmp_path, progress=False)
    np.testing.assert_array_equal(weights(resumed), weights(whole))
    assert report.steps == CONFIG.steps
    steps = [json.loads(line)["step"] for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert steps == list(range(5, 41, 5))  # nothing twice, nothing missing


def test_a_finished_run_is_not_run_again(tmp_path: Path) -> None:
    first, second = network(), network()
    fit(first, losses_of(first), CONFIG, tmp_path, progress=False)
    fit(second, losses_of(second, 1), CONFIG, tmp_path, progress=False)  # would raise in step 1
    np.testing.assert_array_equal(weights(first), weights(second))


def test_the_average_is_what_stays_and_global_seeds_are_left_alone() -> None:
    state = torch.get_rng_state()
    module = network()
    average_of_one_step = weights(module)
    fit(module, losses_of(module), replace(CONFIG, steps=1), progress=False)
    assert torch.equal(state, torch.get_rng_state())
    # decay (1 + 0) / (10 + 0): nine tenths of the way to weights one Adam step (lr) away
    moved = np.abs(weights(module) - average_of_one_step).max()
    assert moved == pytest.approx(0.9 * CONFIG.lr, rel=0.01)


def test_frozen_parameters_stay() -> None:
    module = network()
    first = next(module.parameters()).requires_grad_(False)
    before = first.clone()
    fit(module, losses_of(module), CONFIG, progress=False)
    assert torch.equal(first, before)


def test_another_run_or_a_damaged_state_is_refused(tmp_path: Path) -> None:
    module = network()
    fit(module, losses_of(module), CONFIG, tmp_path, progress=False)
    with pytest.raises(MoselError, match="other settings"):
        fit(module, losses_of(module), replace(CONFIG, lr=1.0), tmp_path, progress=False)
    state = tmp_path / "state.pt"
    state.write_bytes(state.read_bytes()[:100])
    with pytest.raises(DamagedFile, match=r"state\.pt"):
        fit(module, losses_of(module), CONFIG, tmp_path, progress=False)


def test_a_loss_that_explodes_stops_the_run() -> None:
    module = network()
    with pytest.raises(MoselError, match="learning rate"):
        fit(module, lambda draw: {"loss": module(torch.full((1, 3), torch.nan)).sum()}, CONFIG)


def test_the_schedule_warms_up_and_ends_low() -> None:
    config = LoopConfig(steps=1000, warmup_steps=100)
    assert learning_rate(config, 0) < 0.02
    assert learning_rate(config, 100) == pytest.approx(1.0)
    assert learning_rate(config, 999) == pytest.approx(config.final_lr, abs=1e-3)
    assert learning_rate(LoopConfig(steps=10), 2) == pytest.approx(
        1.0
    )  # warm-up is a fifth at most


def test_draws_depend_on_seed_and_step_only() -> None:
    one, two, other = draws_at(0, 5), draws_at(0, 5), draws_at(0, 6)
    assert one.numpy.random() == two.numpy.random() != other.numpy.random()
    assert torch.equal(torch.rand(2, generator=one.torch), torch.rand(2, generator=two.torch))
