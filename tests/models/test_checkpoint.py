"""Weights survive the disk, and damaged or foreign files are refused by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from mosel_gym.errors import DamagedFile
from mosel_gym.models.checkpoint import load_module, read_metadata, save_module
from mosel_gym.models.codec import Codec, CodecConfig
from mosel_gym.models.inverse_dynamics import GoalPolicy
from mosel_gym.models.video_planner import LatentVideoPlanner, VideoPlannerConfig

SMALL = CodecConfig(size=16, channels=4, widths=(8, 16))


def test_a_module_comes_back_exactly(tmp_path: Path) -> None:
    codec = Codec(SMALL)
    codec.latent_mean.fill_(0.123456789)
    path = save_module(tmp_path / "deep" / "codec.safetensors", codec, extra={"seed": "3"})
    again = Codec.load(path)
    assert again.config == SMALL
    assert not again.training
    for name, value in codec.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name
    assert read_metadata(path)["seed"] == "3"


def test_half_precision_halves_the_file_and_spares_statistics(tmp_path: Path) -> None:
    codec = Codec(CodecConfig())
    codec.latent_std.fill_(1 + 1e-6)
    full = save_module(tmp_path / "full.safetensors", codec)
    half = save_module(tmp_path / "half.safetensors", codec, half=True)
    assert half.stat().st_size < 0.6 * full.stat().st_size
    again = Codec.load(half)
    assert all(p.dtype == torch.float32 for p in again.parameters())
    assert torch.equal(again.latent_std, codec.latent_std)
    for old, new in zip(codec.parameters(), again.parameters(), strict=True):
        np.testing.assert_allclose(old.detach(), new.detach(), rtol=1e-3, atol=1e-6)


def test_nested_configs_and_tuples_survive(tmp_path: Path) -> None:
    config = VideoPlannerConfig(skills=("open", "close"), codec=SMALL, widths=(16, 32), frames=3)
    path = save_module(tmp_path / "planner.safetensors", LatentVideoPlanner(config), half=True)
    assert LatentVideoPlanner.load(path).config == config


def test_another_network_is_refused(tmp_path: Path) -> None:
    path = save_module(tmp_path / "codec.safetensors", Codec(SMALL))
    with pytest.raises(DamagedFile, match=r"holds a Codec, but a GoalPolicy"):
        load_module(path, GoalPolicy)


@pytest.mark.parametrize("keep", [0, 5, 200, -1])
def test_a_truncated_file_is_damaged(tmp_path: Path, keep: int) -> None:
    path = save_module(tmp_path / "codec.safetensors", Codec(SMALL))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DamagedFile, match=r"codec\.safetensors"):
        Codec.load(path)


def test_garbage_foreign_and_missing_files_are_damaged(tmp_path: Path) -> None:
    garbage = tmp_path / "garbage.safetensors"
    garbage.write_bytes(bytes(range(256)) * 8)
    foreign = tmp_path / "foreign.safetensors"
    safetensors.torch.save_file({"x": torch.zeros(2)}, foreign)
    for path in (garbage, foreign, tmp_path / "missing.safetensors"):
        with pytest.raises(DamagedFile, match=path.name):
            Codec.load(path)


def test_weights_that_do_not_fit_their_config_are_damaged(tmp_path: Path) -> None:
    codec = Codec(SMALL)
    codec.config = replace(SMALL, channels=8)
    path = save_module(tmp_path / "codec.safetensors", codec)
    with pytest.raises(DamagedFile, match=r"does not fit"):
        Codec.load(path)
