"""Training of the policy: what a window holds, that it learns, and that the goal decides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mosel_gym.data.windows import Clip
from mosel_gym.errors import NotEnoughData, SpecMismatch
from mosel_gym.models.inverse_dynamics import GoalPolicy, GoalPolicyConfig
from mosel_gym.training.loop import LoopConfig
from mosel_gym.training.policy import PolicyTrainConfig, new_policy, train_policy
from mosel_gym.training.policy_data import NO_AUGMENTATION, Augmentation, PolicyWindows

MakeClips = Callable[..., list[Clip]]
MODEL = GoalPolicyConfig(size=16, features=32, width=64, depth=2, chunk=4, goal_horizon=16)
CONFIG = PolicyTrainConfig(
    model=MODEL,
    loop=LoopConfig(steps=220, batch_size=32, lr=3e-3, bf16=False, ema_decay=0.98),
    augmentation=replace(NO_AUGMENTATION, goal_dropout=0.15),
)


def test_a_window_holds_actions_goal_and_distance(make_clips: MakeClips) -> None:
    clips = make_clips()
    policy = new_policy(clips, CONFIG)
    windows = PolicyWindows(clips, policy, past_end=6)
    assert len(windows) == 4 * (24 + 6)
    batch = windows.sample(np.random.default_rng(0), 200, NO_AUGMENTATION)
    actions = policy.action_scaling.decode(batch.actions.view(200, 4, 7))
    assert actions[..., 6].unique().tolist() == [-1]  # the gripper stays open past the end, too
    still = actions[:, 0, 0] == 0
    assert still.any()
    assert batch.progress[still].abs().max() == 0  # past the end, the goal is reached
    assert torch.equal(batch.scene[still], batch.goal[still])
    assert batch.progress[~still].min() > 0
    assert batch.progress.max() <= 1


def test_only_drawn_pictures_are_used(make_clips: MakeClips) -> None:
    clips = [replace_stale(clip) for clip in make_clips(every=8)]
    policy = new_policy(clips, CONFIG)
    batch = PolicyWindows(clips, policy).sample(np.random.default_rng(0), 200, NO_AUGMENTATION)
    for pixels in (batch.scene, batch.goal, batch.hands):
        assert pixels.abs().max() < 1  # no row of the 255 that marks stale pictures


def test_patches_change_pictures_and_nothing_else(make_clips: MakeClips) -> None:
    clips = make_clips()
    windows = PolicyWindows(clips, new_policy(clips, CONFIG))
    patched = replace(NO_AUGMENTATION, patches=1.0, patch_px=(4, 8))
    plain, varied = (
        windows.sample(np.random.default_rng(0), 64, how) for how in (NO_AUGMENTATION, patched)
    )
    assert torch.equal(plain.actions, varied.actions)
    scene = plain.scene != varied.scene
    assert scene.any()
    assert torch.equal(varied.scene[scene], varied.goal[scene])


def test_hands_views_are_withheld_as_often_as_asked(make_clips: MakeClips) -> None:
    clips = make_clips()
    windows = PolicyWindows(clips, new_policy(clips, CONFIG))
    how = replace(NO_AUGMENTATION, hand_dropout=0.25)
    plain, varied = (
        windows.sample(np.random.default_rng(0), 400, each) for each in (NO_AUGMENTATION, how)
    )
    withheld = (varied.hands == 0).flatten(1).all(dim=1)
    assert float(withheld.float().mean()) == pytest.approx(0.25, abs=0.08)
    assert torch.equal(plain.hands[~withheld], varied.hands[~withheld])
    assert torch.equal(plain.scene, varied.scene)


def replace_stale(clip: Clip) -> Clip:
    scene, hands = clip.scene.copy(), clip.hands.copy()
    scene[~clip.fresh], hands[~clip.fresh] = 255, 255
    return replace(clip, scene=scene, hands=hands)


def test_whole_chunks_leave_the_padding_out(make_clips: MakeClips) -> None:
    clips = make_clips()
    policy = new_policy(clips, CONFIG)
    windows = PolicyWindows(clips, policy, whole_chunks=True)
    batch = windows.sample(np.random.default_rng(0), 200, NO_AUGMENTATION)
    actions = policy.action_scaling.decode(batch.actions.view(200, 4, 7))
    assert actions[..., 0].abs().min() > 0.5
    with pytest.raises(NotEnoughData, match="chunk of 4"):
        PolicyWindows(make_clips(steps=3), policy, whole_chunks=True)


def test_balance_by_clips_gives_short_clips_their_share(make_clips: MakeClips) -> None:
    long, short = make_clips(1, steps=90)[0], make_clips(2, steps=8)[1]
    policy = new_policy([long, short], CONFIG)
    share = {}
    for balance in ("frames", "clips"):
        windows = PolicyWindows([long, short], policy, past_end=0, balance=balance)
        batch = windows.sample(np.random.default_rng(0), 400, NO_AUGMENTATION)
        right = policy.action_scaling.decode(batch.actions.view(400, 4, 7))[:, 0, 0] > 0
        share[balance] = float(right.float().mean())
    assert share["frames"] == pytest.approx(8 / 98, abs=0.04)
    assert share["clips"] == pytest.approx(0.5, abs=0.1)


def numbered(clip: Clip) -> Clip:
    """Every real picture shows its row, times 10; three imagined ones show odd numbers."""
    rows = np.arange(len(clip.scene), dtype=np.uint8)[:, None, None, None]
    imagined = np.array([101, 103, 105], np.uint8)[:, None, None, None]
    return replace(
        clip,
        scene=np.broadcast_to(10 * rows, clip.scene.shape),
        imagined=np.broadcast_to(imagined, (3, *clip.scene.shape[1:])),
    )


def number_shown(pixels: torch.Tensor) -> list[int]:
    return [round(float(value)) for value in (pixels[:, 0, 0, 0] + 1) * 127.5]


@pytest.mark.parametrize("imagined", [0.0, 1.0])
def test_imagined_frames_are_goals_where_asked(make_clips: MakeClips, imagined: float) -> None:
    clips = [numbered(clip) for clip in make_clips()]
    windows = PolicyWindows(clips, new_policy(clips, CONFIG), past_end=6)
    augmentation = replace(NO_AUGMENTATION, goal_imagined=imagined)
    batch = windows.sample(np.random.default_rng(0), 200, augmentation)
    starts = [number // 10 for number in number_shown(batch.scene)]
    shown = number_shown(batch.goal)
    if imagined:
        assert set(shown) == {101, 103, 105}
        row_of = {101: 8, 103: 16, 105: 24}  # evenly spaced, the last one at the end row
        goals = [row_of[number] for number in shown]
    else:
        assert all(number % 10 == 0 for number in shown)
        goals = [number // 10 for number in shown]
    away = [goal - start for start, goal in zip(starts, goals, strict=True)]
    assert min(away) == 0  # only past the end
    expected = torch.tensor([min(steps / MODEL.goal_horizon, 1.0) for steps in away])
    torch.testing.assert_close(batch.progress, expected)


def test_the_goal_of_a_rollout_is_the_imagined_frame_that_it_followed(
    make_clips: MakeClips,
) -> None:
    followed = np.repeat(np.array([-1, 2, 0], np.int16), 8)  # 24 actions
    clips = [replace(numbered(clip), followed=followed) for clip in make_clips()]
    windows = PolicyWindows(clips, new_policy(clips, CONFIG), past_end=2)
    augmentation = replace(NO_AUGMENTATION, goal_imagined=1.0)
    batch = windows.sample(np.random.default_rng(0), 200, augmentation)
    for start, goal, told in zip(
        number_shown(batch.scene), number_shown(batch.goal), batch.has_progress, strict=True
    ):
        followed_frame = 0 if start == 240 else int(followed[start // 10])
        if followed_frame < 0:
            assert goal % 10 == 0  # its own future, as there is nothing else
        else:
            assert goal == (101, 103, 105)[followed_frame]
        assert bool(told) == (followed_frame < 0)


def test_clips_without_imagined_frames_keep_their_real_goals(make_clips: MakeClips) -> None:
    clips = [replace(numbered(clip), imagined=None) for clip in make_clips()]
    windows = PolicyWindows(clips, new_policy(clips, CONFIG))
    augmentation = replace(NO_AUGMENTATION, goal_imagined=1.0)
    batch = windows.sample(np.random.default_rng(0), 50, augmentation)
    assert all(number % 10 == 0 for number in number_shown(batch.goal))


def test_augmentation_keeps_shapes_and_ranges(make_clips: MakeClips) -> None:
    clips = make_clips()
    windows = PolicyWindows(clips, new_policy(clips, CONFIG))
    batch = windows.sample(np.random.default_rng(0), 64, Augmentation())
    assert batch.goal.shape == batch.scene.shape == batch.hands.shape == (64, 3, 16, 16)
    assert 0 < (~batch.has_goal).float().mean() < 0.5
    assert torch.isfinite(batch.goal).all()


def test_the_goal_decides_and_arrival_is_noticed(make_clips: MakeClips, tmp_path: Path) -> None:
    clips = make_clips(2)
    policy, report = train_policy(clips, CONFIG, tmp_path, progress=False)
    assert report.loss < 0.5
    for clip, sign in zip(clips, (-1, 1), strict=True):
        start = {"agentview": clip.scene[0], "wrist": clip.hands[0], "proprio": clip.proprio[0]}
        chunk = policy.act(start, clip.scene[16], None)  # both start from the same picture
        assert np.sign(chunk.actions[:, 0]).tolist() == [sign] * 4
        end = {
            "agentview": clip.scene[-1],
            "wrist": clip.hands[-1],
            "proprio": clip.proprio[-1],
        }
        there = policy.act(end, clip.scene[-1], None)
        assert np.abs(there.actions[:, 0]).max() < 0.6
        assert there.steps_to_goal < 4 < chunk.steps_to_goal
    again = GoalPolicy.load(tmp_path / "policy.safetensors")
    assert again.config == MODEL


def test_a_policy_without_goals_learns_what_is_left_of_the_skill(
    make_clips: MakeClips, tmp_path: Path
) -> None:
    clips = make_clips(steps=24)
    model = replace(CONFIG.model, skill_id=True, skill_progress=True)
    never_shown = replace(NO_AUGMENTATION, goal_dropout=1.0)
    loop = replace(CONFIG.loop, steps=70)
    config = replace(CONFIG, model=model, augmentation=never_shown, loop=loop)
    policy, _ = train_policy(clips, config, tmp_path, progress=False)
    assert policy.skills.texts == ("slide left", "slide right")
    batch = PolicyWindows(clips, policy).sample(np.random.default_rng(0), 64, never_shown)
    assert not batch.has_goal.any()
    assert batch.has_progress.all()
    policy.eval()

    def act(row: int, skill: str) -> tuple[float, float]:
        clip = clips[0] if skill == "slide left" else clips[1]
        seen = {
            "agentview": clip.scene[row],
            "wrist": clip.hands[row],
            "proprio": clip.proprio[row],
        }
        chunk = policy.act(seen, None, skill)
        return float(chunk.actions[:4, 0].mean()), chunk.steps_to_goal

    left, far = act(0, "slide left")  # the first pictures are the same: the skill decides
    right, _ = act(0, "slide right")
    assert left < -0.3
    assert right > 0.3
    _, near = act(24, "slide left")
    assert near < 4 < 8 < far


def test_progress_without_a_goal_is_an_option(make_clips: MakeClips) -> None:
    clips = make_clips()
    plain = new_policy(clips, CONFIG)
    assert plain.skills.texts == ()
    half = Augmentation(goal_dropout=0.5)
    batch = PolicyWindows(clips, plain).sample(np.random.default_rng(0), 64, half)
    assert torch.equal(batch.has_progress, batch.has_goal)
    seen = {"agentview": clips[0].scene[24], "wrist": clips[0].hands[24]}
    chunk = plain.act(seen | {"proprio": clips[0].proprio[24]}, None, None)
    assert chunk.steps_to_goal == plain.config.goal_horizon


def test_unusable_clips_are_refused(make_clips: MakeClips, tmp_path: Path) -> None:
    with pytest.raises(NotEnoughData, match="at least one clip"):
        train_policy([], CONFIG, tmp_path)
    policy = new_policy(make_clips(), CONFIG)
    blind = [replace(clip, fresh=np.zeros_like(clip.fresh)) for clip in make_clips()]
    with pytest.raises(NotEnoughData, match="none of the 4"):
        PolicyWindows(blind, policy)
    large = GoalPolicy(replace(MODEL, size=32))
    with pytest.raises(SpecMismatch, match="size=32"):
        PolicyWindows(make_clips(), large)


@pytest.mark.parametrize("share", [-0.1, 1.5, 20.0])
def test_a_share_of_samples_outside_of_zero_to_one_is_refused(share: float) -> None:
    with pytest.raises(SpecMismatch, match=f"hand_dropout is {share}.*give 0"):
        Augmentation(hand_dropout=share)
