"""The mean of several policies' weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mosel_gym.errors import SpecMismatch
from mosel_gym.models.checkpoint import save_module
from mosel_gym.models.inverse_dynamics import GoalPolicy, GoalPolicyConfig
from mosel_gym.models.policies import load_policy, mean_policy

CONFIG = GoalPolicyConfig(size=16, features=16, width=32, depth=1)


def stored(path: Path, seed: int, config: GoalPolicyConfig = CONFIG, rows: int = 0) -> Path:
    torch.manual_seed(seed)
    policy = GoalPolicy(config)
    rng = np.random.default_rng(rows)
    policy.fit_statistics(
        rng.uniform(-1, 1, (50, 7)).astype(np.float32), rng.normal(size=(50, 8)).astype(np.float32)
    )
    save_module(path, policy)
    return path


def test_weights_are_the_mean_and_the_normalisation_stays(tmp_path: Path) -> None:
    paths = [stored(tmp_path / f"{seed}.safetensors", seed) for seed in range(3)]
    mean = mean_policy(paths)
    every = [load_policy(path) for path in paths]
    for name, found in mean.named_parameters():
        wanted = torch.stack([dict(one.named_parameters())[name] for one in every]).mean(dim=0)
        torch.testing.assert_close(found, wanted)
    for name, buffer in mean.named_buffers():
        assert torch.equal(buffer, dict(every[2].named_buffers())[name])
    alone = mean_policy(paths[:1])
    for name, found in alone.named_parameters():
        assert torch.equal(found, dict(every[0].named_parameters())[name])


def test_what_has_no_mean_is_refused(tmp_path: Path) -> None:
    first = stored(tmp_path / "first.safetensors", 0)
    wider = stored(tmp_path / "wider.safetensors", 0, replace(CONFIG, width=64))
    with pytest.raises(SpecMismatch, match=r"wider.*different kinds or settings"):
        mean_policy([first, wider])
    other = stored(tmp_path / "other.safetensors", 0, rows=1)
    with pytest.raises(SpecMismatch, match=r"other.*normalise differently"):
        mean_policy([first, other])
