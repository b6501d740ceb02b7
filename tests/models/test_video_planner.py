"""The codec and the video planner, untrained: shapes, seeds and protocol."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from mosel_gym.agents.base import VideoPlanner
from mosel_gym.errors import UnknownId
from mosel_gym.models.codec import Codec, CodecConfig
from mosel_gym.models.video_planner import LatentVideoPlanner, VideoPlannerConfig

CONFIG = VideoPlannerConfig(
    skills=("open", "close"),
    codec=CodecConfig(size=16, channels=4, widths=(8, 16)),
    widths=(16, 32),
)


@pytest.fixture
def frame() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)


def test_codec_shapes_and_standardised_latents() -> None:
    codec = Codec(CONFIG.codec)
    frames = np.random.default_rng(1).integers(0, 256, (50, 16, 16, 3), dtype=np.uint8)
    codec.fit_latents(frames)
    latents = codec.encode_frames(frames)
    assert latents.shape == (50, 4, 4, 4)
    assert torch.allclose(latents.mean(dim=(0, 2, 3)), torch.zeros(4), atol=1e-3)
    assert torch.allclose(latents.std(dim=(0, 2, 3)), torch.ones(4), atol=1e-3)
    assert codec.decode_frames(latents).shape == frames.shape


def test_default_codec_has_an_eight_by_eight_grid() -> None:
    assert CodecConfig().grid == 8
    assert Codec(CodecConfig()).encode(torch.zeros(1, 3, 64, 64)).shape == (1, 16, 8, 8)


def test_a_plan_has_seven_small_frames_of_any_input_size(frame: np.ndarray) -> None:
    planner = LatentVideoPlanner(CONFIG).eval()
    assert isinstance(planner, VideoPlanner)
    plan = planner.imagine(frame, "close")
    assert plan.skill == "close"
    assert plan.planner == "latent-flow"
    assert plan.frames.shape == (7, 16, 16, 3)
    assert plan.frames.dtype == np.uint8
    assert plan.seconds > 0
    assert planner.imagine(np.zeros((20, 24, 3), np.uint8), "open").frames.shape[0] == 7


def test_the_seed_decides_the_plan(frame: np.ndarray) -> None:
    planner = LatentVideoPlanner(CONFIG).eval()
    first = planner.imagine(frame, "open", seed=3).frames
    np.testing.assert_array_equal(first, planner.imagine(frame, "open", seed=3).frames)
    assert (first != planner.imagine(frame, "open", seed=4).frames).any()
    planner.reset(3)
    np.testing.assert_array_equal(first, planner.imagine(frame, "open").frames)


def test_regression_is_one_pass_without_noise(frame: np.ndarray) -> None:
    planner = LatentVideoPlanner(replace(CONFIG, objective="regression")).eval()
    one, two = planner.imagine(frame, "open"), planner.imagine(frame, "open")
    assert one.planner == "latent-regression"
    np.testing.assert_array_equal(one.frames, two.frames)


def test_an_unknown_skill_is_refused(frame: np.ndarray) -> None:
    with pytest.raises(UnknownId, match="open"):
        LatentVideoPlanner(CONFIG).imagine(frame, "opem the drawer")
