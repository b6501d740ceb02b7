"""Training of the token policy: both stages learn, resume, and are refined by Appendix I."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mosel_gym.data.cameras import Cameras
from mosel_gym.data.windows import Clip
from mosel_gym.errors import MoselError, NotEnoughData, SpecMismatch
from mosel_gym.models.action_tokens import ActionTokensConfig
from mosel_gym.models.checkpoint import save_module
from mosel_gym.models.token_policy import TokenPolicy, TokenPolicyConfig
from mosel_gym.specs import ROBOTS
from mosel_gym.training.finetune_policy import PolicyFinetuneConfig, finetune_policy
from mosel_gym.training.loop import LoopConfig
from mosel_gym.training.policy import PolicyTrainConfig, new_policy
from mosel_gym.training.policy_data import NO_AUGMENTATION, PolicyWindows
from mosel_gym.training.policy_error import action_errors
from mosel_gym.training.token_policy import (
    TokenPolicyTrainConfig,
    measure_tokens,
    new_token_policy,
    train_token_policy,
    train_tokens,
)

MakeClips = Callable[..., list[Clip]]
TOKENS = ActionTokensConfig(width=32, heads=2, encoder_depth=1, decoder_depth=1, levels=(5, 5, 5))
MODEL = TokenPolicyConfig(
    size=16, features=32, width=48, depth=1, heads=2, chunk=8, goal_horizon=16, tokens=TOKENS
)
LOOP = LoopConfig(steps=80, batch_size=32, lr=3e-3, bf16=False, ema_decay=0.9, tensorboard=False)
CONFIG = TokenPolicyTrainConfig(
    model=MODEL,
    tokens_loop=replace(LOOP, steps=60),
    loop=LOOP,
    augmentation=replace(NO_AUGMENTATION, goal_dropout=0.15),
)
SHORT = replace(
    CONFIG, tokens_loop=replace(LOOP, steps=3, batch_size=4), loop=replace(LOOP, steps=3)
)
REFINE = PolicyFinetuneConfig(loop=LOOP, augmentation=NO_AUGMENTATION, demo_fraction=0.25)


@pytest.fixture(scope="module")
def trained(
    make_clips: MakeClips, tmp_path_factory: pytest.TempPathFactory
) -> tuple[TokenPolicy, Path]:
    folder = tmp_path_factory.mktemp("trained")
    policy, report, reached = train_token_policy(make_clips(4), CONFIG, folder, progress=False)
    assert report.steps == 80
    assert reached.codes == 125
    assert 2 <= reached.used < 125
    return policy, folder


def wavy(clips: list[Clip]) -> list[Clip]:
    """The same clips with actions that swing, each at a pace of its own."""
    moved = []
    for number, clip in enumerate(clips):
        time = np.arange(len(clip.actions), dtype=np.float32)
        actions = clip.actions.copy()
        actions[:, 1], actions[:, 2] = np.sin((0.2 + 0.1 * number) * time), np.cos(0.3 * time)
        moved.append(replace(clip, actions=actions))
    return moved


def test_reconstruction_improves_and_the_tokens_are_frozen_again(make_clips: MakeClips) -> None:
    clips = wavy(make_clips(4))
    policy = new_token_policy(clips, CONFIG)
    windows = PolicyWindows(clips, policy)
    before = measure_tokens(policy, windows, 256)
    train_tokens(policy, windows, replace(LOOP, steps=100), progress=False)
    after = measure_tokens(policy, windows, 256)
    assert after.error < 0.5 * before.error
    assert after.used > before.used
    assert not any(parameter.requires_grad for parameter in policy.tokens.parameters())


def test_the_goal_decides_and_arrival_is_noticed(
    trained: tuple[TokenPolicy, Path], make_clips: MakeClips
) -> None:
    policy, folder = trained
    for clip, sign in zip(make_clips(2), (-1, 1), strict=True):
        start = {"agentview": clip.scene[0], "wrist": clip.hands[0], "proprio": clip.proprio[0]}
        chunk = policy.act(start, clip.scene[16], None)  # both start from the same picture
        assert np.sign(chunk.actions[:, 0]).tolist() == [sign] * 8
        assert chunk.actions[:, 6].tolist() == [-1] * 8
        end = {"agentview": clip.scene[-1], "wrist": clip.hands[-1], "proprio": clip.proprio[-1]}
        there = policy.act(end, clip.scene[-1], None)
        assert there.steps_to_goal < chunk.steps_to_goal
    again = TokenPolicy.load(folder / "policy.safetensors")
    assert again.config == MODEL


def test_cross_entropy_overfits_a_few_clips(
    trained: tuple[TokenPolicy, Path], make_clips: MakeClips
) -> None:
    policy, _ = trained
    clips = make_clips(4)
    fresh = new_token_policy(clips, CONFIG)
    fresh.tokens.load_state_dict(policy.tokens.state_dict())
    assert entropy(policy, clips) < 0.5 < 3 < entropy(fresh.eval(), clips)


def entropy(policy: TokenPolicy, clips: list[Clip]) -> float:
    windows = PolicyWindows(clips, policy, whole_chunks=True)
    with torch.no_grad():
        batch = windows.sample(np.random.default_rng(0), 128, NO_AUGMENTATION)
        losses = policy.losses(batch, torch.Generator(), 4)
    assert losses.action.shape == losses.times.shape == (128, 1)
    assert losses.progress.shape == (128,)
    return float(losses.action.mean())


@pytest.mark.parametrize("stage", [0, 1])
def test_a_killed_run_ends_with_the_same_weights(
    stage: int, make_clips: MakeClips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = wavy(make_clips(2))
    whole, _, _ = train_token_policy(clips, SHORT, tmp_path / "whole", progress=False)
    saving = replace(
        SHORT,
        tokens_loop=replace(SHORT.tokens_loop, checkpoint_every_s=0.0),
        loop=replace(SHORT.loop, checkpoint_every_s=0.0),
    )
    drawn = ("sample_actions", "sample")[stage]
    original, calls = getattr(PolicyWindows, drawn), []

    def killed(*arguments: object) -> object:
        calls.append(1)
        if len(calls) == 3:
            raise RuntimeError("killed")
        return original(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(PolicyWindows, drawn, killed)
        with pytest.raises(RuntimeError, match="killed"):
            train_token_policy(clips, saving, tmp_path / "again", progress=False)
    again, report, _ = train_token_policy(clips, saving, tmp_path / "again", progress=False)
    assert report.steps == 3
    for name, value in whole.state_dict().items():
        assert torch.equal(again.state_dict()[name], value), name
    other = replace(saving, model=replace(MODEL, depth=2))
    with pytest.raises(MoselError, match="other settings"):
        train_token_policy(clips, other, tmp_path / "again", progress=False)


def test_a_policy_to_start_from_keeps_its_tokens(
    trained: tuple[TokenPolicy, Path], make_clips: MakeClips, tmp_path: Path
) -> None:
    start = TokenPolicy.load(trained[1] / "policy.safetensors")
    before = {name: value.clone() for name, value in start.state_dict().items()}
    train_token_policy(make_clips(2), SHORT, tmp_path, progress=False, start=start)
    assert not (tmp_path / "tokens").exists()  # no stage 0
    for name, value in start.state_dict().items():
        same = name.startswith(("tokens.", "action_scaling", "proprio_scaling", "home"))
        assert torch.equal(before[name], value) == same or name == "no_goal", name


def test_imagined_goals_are_learned_from_too(make_clips: MakeClips, tmp_path: Path) -> None:
    clips = [replace(clip, imagined=clip.scene[[8, 16, 24]]) for clip in make_clips(2)]
    config = replace(SHORT, augmentation=replace(NO_AUGMENTATION, goal_imagined=1.0))
    policy, report, _ = train_token_policy(clips, config, tmp_path, progress=False)
    assert report.steps == 3
    assert np.isfinite(action_errors(policy, clips, windows=16).by_length[8])


@pytest.mark.parametrize("robot", ["dual-panda-ee", "dual-panda-joint"])
def test_two_arms_learn_and_are_refined(robot: str, make_clips: MakeClips, tmp_path: Path) -> None:
    spec, rng = ROBOTS[robot], np.random.default_rng(0)
    clips = [
        replace(
            clip,
            hands=clip.hands[..., :0],
            actions=rng.uniform(0, 1, (24, spec.action_size)).astype(np.float32),
            proprio=rng.normal(size=(25, 16)).astype(np.float32),
        )
        for clip in make_clips(4)
    ]
    model = replace(MODEL, robot=robot, cameras=Cameras("head_camera", ()))
    policy, _, _ = train_token_policy(clips, replace(SHORT, model=model), tmp_path, progress=False)
    seen = {"head_camera": clips[0].scene[0], "proprio": clips[0].proprio[0]}
    assert policy.act(seen, clips[0].scene[-1], None).actions.shape == (8, spec.action_size)
    recipe = replace(REFINE, loop=SHORT.loop)
    assert finetune_policy(policy, clips[:2], clips[2:], [], recipe, progress=False).steps == 3
    with pytest.raises(SpecMismatch, match=f"{spec.action_size} actions"):
        train_token_policy(clips, SHORT, tmp_path / "other", progress=False)


@pytest.fixture
def base(trained: tuple[TokenPolicy, Path], tmp_path: Path) -> TokenPolicy:
    return TokenPolicy.load(save_module(tmp_path / "base.safetensors", trained[0]))


def test_failures_are_pushed_up_to_the_margin(base: TokenPolicy, make_clips: MakeClips) -> None:
    left, right = make_clips(4)[::2], make_clips(4)[1::2]
    before = entropy(base, right)
    weights = {name: value.clone() for name, value in base.state_dict().items()}
    config = replace(REFINE, margin=3.0, failed_fraction=0.5, loop=replace(LOOP, steps=25))
    after = {}
    for alpha in (0.0, 2.0):
        base.load_state_dict(weights)
        recipe = replace(config, alpha=alpha)
        finetune_policy(base, left, right, [], recipe, progress=False)
        after[alpha] = entropy(base, right)
    assert after[2.0] > 2 * max(after[0.0], before)
    tokens = {name: value for name, value in weights.items() if name.startswith("tokens.")}
    assert tokens
    assert all(torch.equal(base.state_dict()[name], value) for name, value in tokens.items())


def test_the_control_arm_has_demonstrations_only(base: TokenPolicy, make_clips: MakeClips) -> None:
    report = finetune_policy(
        base, [], [], make_clips(4), replace(REFINE, loop=replace(LOOP, steps=10)), progress=False
    )
    assert (report.steps, report.loss_after < report.loss_before) == (10, True)
    with pytest.raises(NotEnoughData, match="at least one"):
        finetune_policy(base, [], make_clips(2), [], REFINE)


def test_both_kinds_are_asked_the_same(
    trained: tuple[TokenPolicy, Path], make_clips: MakeClips
) -> None:
    clips = make_clips(4)
    mine = action_errors(trained[0], clips, windows=64, lengths=(4, 8, 16))
    fresh = action_errors(new_token_policy(clips, CONFIG), clips, windows=64, lengths=(4,))
    assert set(mine.by_length) == {4, 8}
    assert mine.by_length[4] < 0.5 * fresh.by_length[4]
    assert mine.grippers == 1
    assert "64 windows, seed 0" in str(mine)
    recipe = PolicyTrainConfig()
    other = new_policy(
        clips, replace(recipe, model=replace(recipe.model, size=16, width=32, goal_horizon=16))
    )
    rng = np.random.default_rng
    batches = [
        PolicyWindows(clips, policy).sample(rng(0), 32, NO_AUGMENTATION)
        for policy in (trained[0], other)
    ]
    assert torch.equal(batches[0].scene, batches[1].scene)
    assert torch.equal(batches[0].goal, batches[1].goal)
    assert torch.equal(batches[0].actions, batches[1].actions[:, : batches[0].actions.shape[1]])


def test_no_clips_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NotEnoughData, match="at least one clip"):
        train_token_policy([], CONFIG, tmp_path)
