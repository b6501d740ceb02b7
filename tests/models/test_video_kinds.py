"""Kinds of video planner: sizes, sampling, files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mosel_gym.agents.base import VideoPlanner
from mosel_gym.benchmark.execution import set_sampling_steps
from mosel_gym.benchmark.plan_speed import kinds_seconds, plan_seconds, plan_table
from mosel_gym.errors import SpecMismatch
from mosel_gym.models.checkpoint import save_module
from mosel_gym.models.codec import Codec, CodecConfig
from mosel_gym.models.pixel_planner import PixelPlannerConfig, PixelVideoPlanner
from mosel_gym.models.video_diffusion import VDiffusion
from mosel_gym.models.video_planner import VideoPlannerConfig
from mosel_gym.models.video_planners import (
    CONFIGS,
    PLANNER_KINDS,
    build_planner,
    load_planner,
    stored_kind,
)

SKILLS = ("open", "close")
CODEC = CodecConfig(size=16, channels=4, widths=(8, 16))
TINY: dict[str, VideoPlannerConfig | PixelPlannerConfig] = {
    "latent": VideoPlannerConfig(SKILLS, CODEC, widths=(16,), frames=2),
    "regression": VideoPlannerConfig(SKILLS, CODEC, widths=(16,), frames=2, objective="regression"),
    "pixel-small": PixelPlannerConfig(SKILLS, size=16, frames=2, widths=(8, 16)),
    "paper": PixelPlannerConfig(
        skills=SKILLS,
        network="unet3d",
        size=16,
        frames=2,
        widths=(8, 16),
        objective="v_prediction",
        num_steps=2,
        text_dropout=0.1,
    ),
}
FRAME = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)


@pytest.mark.parametrize("kind", PLANNER_KINDS)
def test_every_kind_imagines_and_is_found_again(kind: str, tmp_path: Path) -> None:
    planner = build_planner(TINY[kind]).eval()
    assert isinstance(planner, VideoPlanner)
    assert planner.kind == kind
    plan = planner.imagine(FRAME, "close", seed=3)
    assert plan.frames.shape == (2, 16, 16, 3)
    assert plan.frames.dtype == np.uint8
    assert plan.finite
    path = save_module(tmp_path / "planner.safetensors", planner)
    again = load_planner(path, kind=kind)
    assert stored_kind(path) == kind
    assert again.config == planner.config
    np.testing.assert_array_equal(plan.frames, again.imagine(FRAME, "close", seed=3).frames)
    assert (plan.frames != again.imagine(FRAME, "open", seed=3).frames).any()
    other = PLANNER_KINDS[PLANNER_KINDS.index(kind) - 1]
    with pytest.raises(SpecMismatch, match=f"of the kind '{kind}'.*ask for `--kind {kind}`"):
        load_planner(path, kind=other)


def test_a_file_that_holds_no_planner_is_refused(tmp_path: Path) -> None:
    path = save_module(tmp_path / "codec.safetensors", Codec(CODEC))
    with pytest.raises(SpecMismatch, match="holds a Codec, not a video planner"):
        load_planner(path)


def test_real_sizes_can_be_built() -> None:
    with torch.device("meta"):  # shapes alone: the largest has 1.5 GB of weights
        sizes = {
            kind: sum(value.numel() for value in build_planner(config).unet.parameters())
            for kind, config in CONFIGS.items()
        }
    millions = {kind: round(size / 1e6) for kind, size in sizes.items()}
    assert millions == {"latent": 3, "regression": 3, "pixel-small": 17, "paper": 373}
    paper = CONFIGS["paper"]
    assert isinstance(paper, PixelPlannerConfig)
    assert (paper.size, paper.frames, paper.train_timesteps) == (128, 7, 100)
    assert (paper.objective, paper.min_snr_gamma, paper.text_dropout) == ("v_prediction", 5.0, 0.1)


def test_a_broken_network_says_so() -> None:
    planner = build_planner(TINY["pixel-small"]).eval()
    with torch.no_grad():
        next(planner.unet.parameters()).fill_(float("nan"))
    assert not planner.imagine(FRAME, "open").finite


def test_the_schedule_ends_in_noise_alone_and_weighs_that_step() -> None:
    diffusion = VDiffusion(100, 5.0)
    kept = diffusion.scheduler.alphas_cumprod
    assert float(kept[-1]) == 0.0
    weights = diffusion.weights(torch.arange(100))
    assert float(weights[-1]) == 1.0  # min(SNR + 1, 5) / (SNR + 1) where SNR = 0
    snr = kept / (1 - kept)
    torch.testing.assert_close(weights, (snr + 1).clamp_max(5) / (snr + 1), rtol=1e-3, atol=1e-5)
    clip = torch.randn(8, 6, 4, 4, generator=torch.Generator().manual_seed(0))
    noisy, times, v = diffusion.noised(clip, torch.Generator().manual_seed(1))
    root, rest = kept[times].sqrt(), (1 - kept[times]).sqrt()
    back = root[:, None, None, None] * noisy - rest[:, None, None, None] * v
    torch.testing.assert_close(back, clip, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("steps", [50, 20, 10, 1])
def test_ddim_finds_a_clip_that_the_network_knows(steps: int) -> None:
    diffusion = VDiffusion(100)
    kept = diffusion.scheduler.alphas_cumprod
    truth = torch.full((2, 3, 4, 4), 0.4)
    seen: list[int] = []

    def velocity(x: torch.Tensor, times: torch.Tensor) -> torch.Tensor:
        seen.append(int(times[0]))
        share = kept[times][:, None, None, None]
        noise_share = (1 - share).clamp_min(1e-8)
        v: torch.Tensor = (share.sqrt() * x - truth) / noise_share.sqrt()
        return v

    found = diffusion.sample(velocity, torch.randn(2, 3, 4, 4), steps)
    torch.testing.assert_close(found, truth, atol=1e-3, rtol=1e-3)
    assert len(seen) == steps
    assert seen[0] == 99  # trailing: it begins at noise alone
    assert seen[-1] == 100 // steps - 1


def test_steps_that_ddim_cannot_place_are_refused() -> None:
    planner = build_planner(TINY["paper"])
    allowed = r"7 steps.*Allowed: \[1, 2, 4, 5, 10, 20, 25, 50, 100\]"
    with pytest.raises(SpecMismatch, match=allowed):
        set_sampling_steps(SimpleNamespace(name="agent", video_planner=planner), 7)
    first, skill = torch.zeros(1, 3, 16, 16), torch.tensor([0])
    with pytest.raises(SpecMismatch, match=allowed):
        planner.sample(first, skill, torch.Generator(), 7)
    set_sampling_steps(SimpleNamespace(name="agent", video_planner=planner), 20)
    assert planner.config.num_steps == 20


def test_guidance_moves_a_plan_away_from_the_untold_one() -> None:
    config = PixelPlannerConfig(SKILLS, size=16, frames=2, widths=(8, 16), text_dropout=0.5)
    planner = build_planner(config).eval()
    plain = planner.imagine(FRAME, "open", seed=0).frames.astype(int)
    planner.config = replace(config, guidance=3.0)
    guided = planner.imagine(FRAME, "open", seed=0).frames.astype(int)
    assert (plain != guided).any()


@pytest.mark.parametrize("kind", ["pixel-small", "paper"])
def test_a_skill_that_is_kept_from_the_network_does_not_matter(kind: str) -> None:
    planner = build_planner(TINY[kind]).eval()
    assert isinstance(planner, PixelVideoPlanner)
    noisy, first = torch.randn(2, 6, 16, 16), torch.zeros(2, 3, 16, 16)
    times, skill = torch.full((2,), 0.5), torch.tensor([0, 1])
    noisy[1] = noisy[0]
    with torch.no_grad():
        told = planner.predict(noisy, times, first, skill, torch.tensor([True, True]))
        untold = planner.predict(noisy, times, first, skill, torch.tensor([False, False]))
    assert not torch.allclose(told[0], told[1], atol=1e-5)
    torch.testing.assert_close(untold[0], untold[1])


def test_plans_are_timed_and_the_planner_stays_as_it_was() -> None:
    planner = build_planner(TINY["pixel-small"]).eval()
    own = planner.config
    assert plan_seconds(planner, 3, repeats=1) > 0
    assert planner.config == own
    with pytest.raises(SpecMismatch, match="at least 1"):
        plan_seconds(planner, 0)
    with pytest.raises(SpecMismatch, match="Unknown kind"):
        kinds_seconds(["largest"])
    rows = kinds_seconds(["regression"], (1, 5), 1, measure_below_s=0.0)
    assert [row.repeats for row in rows] == [0, 0]
    assert rows[1].seconds == pytest.approx(5 * rows[0].seconds)
    assert "one step, multiplied" in plan_table(rows)
