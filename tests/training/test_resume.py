"""Runs that end in the middle: the log, the curves and the weights go on as if nothing had been."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from mosel_gym.training.draws import Draws, draws_at
from mosel_gym.training.loop import fit
from tests.training.tiny_run import CONFIG, losses_of, network, weights

ROOT = Path(__file__).resolve().parents[2]


def log_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_the_loop_is_plain_adamw_with_a_cosine_and_an_average() -> None:
    """Bit for bit what a dozen lines of torch do: no helper of the loop is used here."""
    module, steps = network(), CONFIG.steps
    fit(module, losses_of(module), CONFIG, progress=False)

    plain = network()
    optimizer = torch.optim.AdamW(
        plain.parameters(), lr=CONFIG.lr, betas=(0.9, 0.99), weight_decay=1e-3, fused=True
    )
    average = [p.detach().clone() for p in plain.parameters()]
    for step in range(steps):
        rng = np.random.default_rng([0, step])
        noise = torch.Generator().manual_seed(int(rng.integers(2**62)))
        x = torch.from_numpy(rng.normal(size=(16, 3))).float()
        x = x + 0.01 * torch.randn(x.shape, generator=noise)
        cosine = 0.02 + 0.98 * (1 + math.cos(math.pi * (step - 8) / (steps - 8))) / 2
        optimizer.param_groups[0]["lr"] = CONFIG.lr * ((step + 1) / 9 if step < 8 else cosine)
        (plain(x)[:, 0] - x.sum(1)).square().mean().backward()
        torch.nn.utils.clip_grad_norm_(plain.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        decay = min(0.9, (1 + step) / (10 + step))
        torch._foreach_lerp_(average, [p.detach() for p in plain.parameters()], 1 - decay)
    wanted = torch.cat([p.flatten() for p in average]).numpy()
    np.testing.assert_array_equal(weights(module), wanted)


def test_killed_and_resumed_has_the_log_and_the_weights_of_an_uninterrupted_run(
    tmp_path: Path,
) -> None:
    whole, resumed = network(), network()
    fit(whole, losses_of(whole), CONFIG, tmp_path / "whole", progress=False)
    halves = tmp_path / "halves"
    command = [sys.executable, "-m", "tests.training.tiny_run", str(halves), "18"]
    done = subprocess.run(command, cwd=ROOT, check=False, timeout=300)
    assert done.returncode == -9
    assert [entry["step"] for entry in log_of(halves)] == [5, 10, 15]
    fit(resumed, losses_of(resumed), CONFIG, halves, progress=False)

    np.testing.assert_array_equal(weights(resumed), weights(whole))
    timings = ("steps_per_s", "samples_per_s", "seconds")
    logs = [
        [{key: value for key, value in line.items() if key not in timings} for line in log_of(at)]
        for at in (halves, tmp_path / "whole")
    ]
    assert logs[0] == logs[1]
    assert [line["step"] for line in logs[0]] == list(range(5, 41, 5))
    assert all(line["steps_per_s"] > 0 for line in log_of(halves))


def test_the_curves_of_a_resumed_run_have_every_step_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    config = replace(CONFIG, tensorboard=True, checkpoint_every_s=1e9)
    module = network()
    losses, calls = losses_of(module), iter(range(100))

    def stopped(draw: Draws) -> Mapping[str, Tensor]:
        if next(calls) == 18:
            raise RuntimeError("killed")
        return losses(draw)

    with pytest.raises(RuntimeError, match="killed"):
        fit(module, stopped, config, tmp_path, progress=False)
    # No state was stored, so that the second run begins anew: lines 5 to 15 are drawn twice.
    module = network()
    fit(module, losses_of(module), config, tmp_path, progress=False)
    events = accumulator.EventAccumulator(str(tmp_path / "tb"))
    events.Reload()
    assert {"loss", "largest", "lr", "steps_per_s"} <= set(events.Tags()["scalars"])
    points = events.Scalars("loss")
    assert [point.step for point in points] == list(range(5, 41, 5))
    logged = [line["loss"] for line in log_of(tmp_path)]
    np.testing.assert_allclose([point.value for point in points], logged, rtol=1e-5)

    off = tmp_path / "off"
    fit(module, losses_of(module), replace(CONFIG, steps=2), off, progress=False)
    assert not (off / "tb").exists()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    fit(module, losses_of(module), replace(config, steps=2), tmp_path / "none", progress=False)
    assert not (tmp_path / "none" / "tb").exists()


def test_draws_of_parts_differ_and_share_the_batch() -> None:
    parts = [draws_at(0, 7, part, 3) for part in range(3)]
    assert [draw.share(16) for draw in parts] == [6, 5, 5]
    assert len({float(draw.numpy.random()) for draw in parts}) == 3
    assert draws_at(0, 7).share(16) == 16
