"""Training of every kind of video planner on sliding blocks: it learns, resumes, and is refined."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from mosel_gym.agents.baselines import UniPiAgent
from mosel_gym.agents.config import ActingConfig
from mosel_gym.data.windows import Clip
from mosel_gym.errors import SpecMismatch, UnknownId
from mosel_gym.models.inverse_dynamics import GoalPolicy, GoalPolicyConfig
from mosel_gym.models.pixel_planner import PixelPlannerConfig, PixelVideoPlanner
from mosel_gym.models.text_vectors import TextConfig
from mosel_gym.models.video_planner import VideoPlannerConfig
from mosel_gym.models.video_planners import load_planner
from mosel_gym.training.finetune_video import VideoFinetuneConfig, finetune_video
from mosel_gym.training.loop import LoopConfig
from mosel_gym.training.video import VideoTrainConfig, new_planner, train_video
from mosel_gym.training.video_recipe import PixelOptions, loop_config, model_config, picture_size

MakeClips = Callable[..., list[Clip]]
TINY = PixelOptions(size=16, widths=(8, 16), layers=1, attention=1)
FEW = LoopConfig(steps=4, batch_size=2, bf16=False, checkpoint_every_s=0.0)


def recipe(kind: str, loop: LoopConfig, **pixel: object) -> VideoTrainConfig:
    return VideoTrainConfig(
        model=VideoPlannerConfig(frames=2),
        kind=kind,  # type: ignore[arg-type]
        pixel=replace(TINY, **pixel),  # type: ignore[arg-type]
        loop=loop,
    )


def last_frame_errors(planner: PixelVideoPlanner, clips: list[Clip]) -> list[tuple[float, float]]:
    """Of the imagined last frame, and of the first frame in its place."""

    def error(one: np.ndarray, two: np.ndarray) -> float:
        return float(np.mean((one.astype(float) - two.astype(float)) ** 2))

    found = []
    for clip in clips:
        plan = planner.imagine(clip.scene[0], clip.skill, seed=0)
        still, truth = clip.scene[0], clip.scene[-1]
        found.append((error(plan.frames[-1], truth), error(still, truth)))
    return found


def test_pixels_are_learned_with_flow_matching(make_clips: MakeClips, tmp_path: Path) -> None:
    loop = LoopConfig(steps=50, batch_size=4, lr=5e-3, bf16=False, ema_decay=0.9)
    planner, _ = train_video(
        make_clips(2), recipe("pixel-small", loop, widths=(16, 16)), tmp_path, progress=False
    )
    assert isinstance(planner, PixelVideoPlanner)
    for steps in (2, 8):
        planner.config = replace(planner.config, num_steps=steps)
        for imagined, still in last_frame_errors(planner, make_clips(2)):
            assert imagined < 0.6 * still


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "widths", "steps"), [("pixel-small", (16, 32), 500), ("paper", (16, 16), 200)]
)
def test_pixels_are_learned_with_v_prediction(
    kind: str, widths: tuple[int, ...], steps: int, make_clips: MakeClips, tmp_path: Path
) -> None:
    loop = LoopConfig(steps=steps, batch_size=8, lr=4e-3, bf16=False, ema_decay=0.95)
    wanted = recipe(kind, loop, widths=widths, objective="v_prediction", num_steps=10)
    planner, _ = train_video(make_clips(2), wanted, tmp_path, progress=False)
    assert isinstance(planner, PixelVideoPlanner)
    for number in (10, 20, 50):
        planner.config = replace(planner.config, num_steps=number)
        for imagined, still in last_frame_errors(planner, make_clips(2)):
            assert imagined < still


@pytest.mark.parametrize("kind", ["pixel-small", "paper"])
def test_a_killed_run_ends_with_the_same_weights(
    kind: str, make_clips: MakeClips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = make_clips(2)
    whole, _ = train_video(clips, recipe(kind, FEW), tmp_path / "whole", progress=False)
    losses, calls = PixelVideoPlanner.losses, [0]

    def dies(self: PixelVideoPlanner, *rest: Tensor) -> Tensor:
        calls[0] += 1
        if calls[0] == 3:
            raise RuntimeError("killed")
        return losses(self, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(PixelVideoPlanner, "losses", dies)
    with pytest.raises(RuntimeError, match="killed"):
        train_video(clips, recipe(kind, FEW), tmp_path / "killed", progress=False)
    resumed, report = train_video(clips, recipe(kind, FEW), tmp_path / "killed", progress=False)
    assert report.steps == 4
    assert calls[0] == 5  # two before it was killed, the third that killed it, and two after
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(value, resumed.state_dict()[name], rtol=0, atol=0)


def test_a_planner_in_pixels_is_refined(make_clips: MakeClips) -> None:
    clips = make_clips(4)
    planner = new_planner(clips, recipe("pixel-small", FEW))
    before = {name: value.clone() for name, value in planner.state_dict().items()}
    config = VideoFinetuneConfig(loop=replace(FEW, steps=15, batch_size=4, lr=3e-3, ema_decay=0.8))
    report = finetune_video(planner, clips[:2], clips[2:], config, progress=False)
    assert report.loss_after < report.loss_before
    assert any((before[name] != value).any() for name, value in planner.state_dict().items())


def test_an_agent_keeps_a_planner_of_any_kind(make_clips: MakeClips, tmp_path: Path) -> None:
    clips = make_clips(2)
    planner = new_planner(clips, recipe("paper", FEW, num_steps=2)).eval()
    policy = GoalPolicy(GoalPolicyConfig(size=16, features=16, width=32, depth=1)).eval()
    agent = UniPiAgent(planner, policy, ActingConfig())
    agent.save(tmp_path)
    again = UniPiAgent.from_pretrained(tmp_path).video_planner
    assert isinstance(again, PixelVideoPlanner)
    assert (again.kind, again.config) == ("paper", planner.config)
    frame, skill = clips[0].scene[0], clips[0].skill
    plans = [one.imagine(frame, skill, seed=0).frames.astype(int) for one in (planner, again)]
    assert np.abs(plans[0] - plans[1]).mean() < 2  # half precision


def test_kinds_bring_their_own_numbers_and_the_users_stay() -> None:
    paper = VideoTrainConfig(kind="paper", loop=replace(VideoTrainConfig().loop, steps=7))
    loop, model = loop_config(paper), model_config(paper)
    assert (loop.steps, loop.lr, loop.ema_decay, loop.final_lr) == (7, 1e-4, 0.9999, 1.0)
    assert isinstance(model, PixelPlannerConfig)
    assert (model.network, model.size, picture_size(paper)) == ("unet3d", 128, 128)
    assert picture_size(VideoTrainConfig()) == 64
    assert loop_config(VideoTrainConfig()) == VideoTrainConfig().loop
    assert model_config(VideoTrainConfig(kind="regression")) == VideoPlannerConfig(
        objective="regression"
    )


def test_an_objective_brings_its_number_of_steps() -> None:
    for kind, objective, steps in (
        ("pixel-small", "v_prediction", 50),
        ("paper", "flow", 4),
        ("paper", None, 50),
        ("pixel-small", None, 4),
    ):
        options = PixelOptions(objective=objective)  # type: ignore[arg-type]
        model = model_config(VideoTrainConfig(kind=kind, pixel=options))  # type: ignore[arg-type]
        assert model.num_steps == steps


def test_options_of_another_kind_are_refused() -> None:
    with pytest.raises(SpecMismatch, match=r"--pixel\.size was set.*works in latents"):
        model_config(VideoTrainConfig(pixel=PixelOptions(size=32)))
    wide = VideoPlannerConfig(widths=(8,))
    with pytest.raises(SpecMismatch, match=r"--model\.widths was set.*works in pixels"):
        model_config(VideoTrainConfig(kind="paper", model=wide))
    embedded = VideoPlannerConfig(text=TextConfig("clip", 16, 5))
    with pytest.raises(SpecMismatch, match="--text clip:FOLDER"):
        model_config(VideoTrainConfig(model=embedded))
    with pytest.raises(UnknownId, match="Allowed: .*pixel-small"):
        model_config(VideoTrainConfig(kind="large"))  # type: ignore[arg-type]


def test_a_planner_of_another_kind_is_not_gone_on_with(
    make_clips: MakeClips, tmp_path: Path
) -> None:
    clips, one = make_clips(2), replace(FEW, steps=1)
    train_video(clips, recipe("pixel-small", one), tmp_path, progress=False)
    small = load_planner(tmp_path / "planner.safetensors")
    with pytest.raises(
        SpecMismatch, match="of the kind 'pixel-small', and one of the kind 'paper'"
    ):
        train_video(clips, recipe("paper", one), tmp_path, progress=False)
    with pytest.raises(SpecMismatch, match="Set `--kind pixel-small`"):
        train_video(clips, recipe("paper", one), tmp_path / "b", progress=False, start=small)
