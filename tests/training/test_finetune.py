"""Refinement: the contrastive objective, its control arm, and the video planner's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch

from mosel_gym.data.windows import Clip
from mosel_gym.errors import NotEnoughData, SpecMismatch
from mosel_gym.models.checkpoint import save_module
from mosel_gym.models.codec import CodecConfig
from mosel_gym.models.inverse_dynamics import GoalPolicy, GoalPolicyConfig
from mosel_gym.models.policy_batch import PolicyBatch, SampleLosses
from mosel_gym.models.video_planner import LatentVideoPlanner, VideoPlannerConfig
from mosel_gym.training.finetune_policy import PolicyFinetuneConfig, finetune_policy
from mosel_gym.training.finetune_video import VideoFinetuneConfig, finetune_video
from mosel_gym.training.loop import LoopConfig
from mosel_gym.training.margin import Margin
from mosel_gym.training.policy import PolicyTrainConfig, train_policy
from mosel_gym.training.policy_data import NO_AUGMENTATION, PolicyWindows
from mosel_gym.training.video import VideoTrainConfig, new_planner

MakeClips = Callable[..., list[Clip]]
MODEL = GoalPolicyConfig(size=16, features=32, width=48, depth=2, chunk=4, goal_horizon=16)
LOOP = LoopConfig(steps=60, batch_size=32, lr=2e-3, bf16=False, ema_decay=0.9)
CONFIG = PolicyFinetuneConfig(loop=LOOP, augmentation=NO_AUGMENTATION, demo_fraction=0.25)


def flow_error(policy: GoalPolicy, clips: list[Clip]) -> float:
    windows = PolicyWindows(clips, policy, whole_chunks=True)
    with torch.no_grad():
        batch = windows.sample(np.random.default_rng(0), 128, NO_AUGMENTATION)
        return float(policy.losses(batch, torch.Generator().manual_seed(0), 4).action.mean())


@pytest.fixture(scope="module")
def trained(make_clips: MakeClips, tmp_path_factory: pytest.TempPathFactory) -> GoalPolicy:
    config = PolicyTrainConfig(model=MODEL, loop=LOOP, augmentation=NO_AUGMENTATION)
    return train_policy(make_clips(4), config, tmp_path_factory.mktemp("base"), progress=False)[0]


@pytest.fixture
def base(trained: GoalPolicy, tmp_path: Path) -> GoalPolicy:
    return GoalPolicy.load(save_module(tmp_path / "base.safetensors", trained))


def test_failures_are_pushed_up_to_the_margin(base: GoalPolicy, make_clips: MakeClips) -> None:
    left, right = make_clips(4)[::2], make_clips(4)[1::2]
    before = flow_error(base, right)
    weights = {name: value.clone() for name, value in base.state_dict().items()}
    config = replace(CONFIG, margin=3 * before, failed_fraction=0.5, loop=replace(LOOP, steps=80))

    after = {}
    for alpha in (0.0, 2.0):
        base.load_state_dict(weights)
        report = finetune_policy(
            base, left, right, [], replace(config, alpha=alpha), progress=False
        )
        assert report.steps == 80
        assert report.loss_after < report.loss_before  # successes are imitated all the while
        after[alpha] = flow_error(base, right)
    assert after[0.0] < 3 * before < after[2.0]


def test_without_alpha_failures_change_nothing(base: GoalPolicy, make_clips: MakeClips) -> None:
    left, right = make_clips(4)[::2], make_clips(4)[1::2]
    config = replace(CONFIG, alpha=0.0, loop=replace(LOOP, steps=5))
    weights = {name: value.clone() for name, value in base.state_dict().items()}
    with_failures = finetune_policy(base, left, right, [], config, progress=False)
    after = {name: value.clone() for name, value in base.state_dict().items()}
    base.load_state_dict(weights)
    without = finetune_policy(base, left, [], [], config, progress=False)
    assert with_failures.loss_after == without.loss_after
    assert all(torch.equal(after[name], value) for name, value in base.state_dict().items())


def test_the_refined_weights_can_lie_part_of_the_way_back(
    base: GoalPolicy, make_clips: MakeClips
) -> None:
    old = {name: value.clone() for name, value in base.state_dict().items()}
    found = {}
    for share in (0.0, 0.25):
        base.load_state_dict(old)
        config = replace(CONFIG, old_share=share, loop=replace(LOOP, steps=5))
        finetune_policy(base, make_clips(4), [], [], config, progress=False)
        found[share] = {name: value.clone() for name, value in base.named_parameters()}
    for name, refined in found[0.0].items():
        expected = 0.75 * refined + 0.25 * old[name]
        torch.testing.assert_close(found[0.25][name], expected)
    assert any(not torch.equal(value, old[name]) for name, value in found[0.0].items())
    for wrong in (-0.1, 1.0):
        with pytest.raises(SpecMismatch, match="old_share is"):
            PolicyFinetuneConfig(old_share=wrong)


def test_the_control_arm_has_demonstrations_only(base: GoalPolicy, make_clips: MakeClips) -> None:
    statistics = base.action_scaling.scale.clone()
    report = finetune_policy(base, [], [], make_clips(4), CONFIG, progress=False)
    assert report.loss_after < report.loss_before
    assert report.seconds > 0
    assert torch.equal(base.action_scaling.scale, statistics)


@pytest.mark.parametrize("goal", ["none", "followed"])
def test_failed_samples_can_have_other_goals(
    base: GoalPolicy,
    make_clips: MakeClips,
    monkeypatch: pytest.MonkeyPatch,
    goal: Literal["none", "followed"],
) -> None:
    clips = [
        replace(
            clip,
            imagined=np.full((2, *clip.scene.shape[1:]), 255, np.uint8),
            followed=np.ones(len(clip.actions), np.int16),
        )
        for clip in make_clips(4)
    ]
    seen: list[tuple[float, float]] = []
    original = GoalPolicy.losses

    def losses(self: GoalPolicy, batch: PolicyBatch, *rest: Any) -> SampleLosses:
        seen.append((float(batch.goal.mean()), float(batch.has_goal.float().mean())))
        return original(self, batch, *rest)

    monkeypatch.setattr(GoalPolicy, "losses", losses)
    config = replace(CONFIG, failed_goal=goal, loop=replace(LOOP, steps=1), demo_fraction=0.0)
    finetune_policy(base, clips[:2], clips[2:], clips, config, progress=False)
    failed = [one for one in seen if one[1] == 0 or one[0] == 1]
    assert len(failed) == 1
    assert failed[0][1] == (goal == "followed")


def test_nothing_to_learn_from_is_an_error(base: GoalPolicy, make_clips: MakeClips) -> None:
    with pytest.raises(NotEnoughData, match="at least one"):
        finetune_policy(base, [], make_clips(2), [], CONFIG)


def test_the_margin_is_a_percentile_per_time() -> None:
    times = torch.linspace(0, 0.999, 4000)
    losses = 1 + times  # the later, the harder
    margin = Margin.from_losses(losses, times, count=4)
    assert margin.bins.tolist() == pytest.approx([1.2375, 1.4875, 1.7375, 1.9875], abs=0.01)
    hinge = margin.hinge(torch.tensor([[1.0, 9.0]]), torch.tensor([[0.1, 0.1]]))
    assert hinge[0].tolist() == pytest.approx([0.2375, 0.0], abs=0.01)
    assert Margin.from_losses(losses, times, fixed=0.3).bins.unique().tolist() == pytest.approx(
        [0.3]
    )
    few = Margin.from_losses(losses[:5], times[:5])
    assert torch.isfinite(few.bins).all()


def test_the_planner_is_refined_and_its_codec_left_alone(make_clips: MakeClips) -> None:
    clips = make_clips(4)
    model = VideoPlannerConfig(
        codec=CodecConfig(size=16, channels=4, widths=(8, 16)), widths=(16, 32), frames=3
    )
    planner = new_planner(clips, VideoTrainConfig(model=model))
    assert isinstance(planner, LatentVideoPlanner)
    codec = {name: value.clone() for name, value in planner.codec.state_dict().items()}
    report = finetune_video(
        planner, clips[:2], clips[2:], VideoFinetuneConfig(loop=LOOP), progress=False
    )
    assert report.loss_after < 0.8 * report.loss_before
    assert all(torch.equal(codec[k], v) for k, v in planner.codec.state_dict().items())
    with pytest.raises(NotEnoughData, match="at least one"):
        finetune_video(planner, [], [], VideoFinetuneConfig())
