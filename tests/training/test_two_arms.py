"""All networks on two arms: real training on small synthetic clips, with no or two hand cameras."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mosel_gym.data.cameras import Cameras
from mosel_gym.data.windows import Clip, clips_of
from mosel_gym.errors import DamagedFile, SpecMismatch
from mosel_gym.models.checkpoint import save_module
from mosel_gym.models.inverse_dynamics import GoalPolicy, GoalPolicyConfig
from mosel_gym.models.judge import SubgoalJudge, SubgoalJudgeConfig
from mosel_gym.specs import robot
from mosel_gym.training.finetune_policy import PolicyFinetuneConfig, finetune_policy
from mosel_gym.training.judge import JudgeTrainConfig, score_judge, train_judge
from mosel_gym.training.judge_data import labelled_clips
from mosel_gym.training.loop import LoopConfig
from mosel_gym.training.policy import PolicyTrainConfig, train_policy
from mosel_gym.training.policy_data import NO_AUGMENTATION, PolicyWindows
from mosel_gym.types import Episode, SkillSegment

HEAD = Cameras("head_camera", ())
ALL = Cameras("head_camera", ("left_camera", "right_camera"))
LOOP = LoopConfig(steps=60, batch_size=16, lr=3e-3, bf16=False, ema_decay=0.9)
STEPS, SIZE = 20, 16
SKILLS = ("slide left", "slide right")


def sliding(direction: int, spec_name: str, seed: int) -> Episode:
    """A block slides; the arm on its side moves, and shuts its hand halfway."""
    spec, rng = robot(spec_name), np.random.default_rng(seed)
    frames = np.full((STEPS + 1, 24, 32, 3), 90, np.uint8)
    for step in range(STEPS + 1):
        left = 12 + round(direction * 10 * step / STEPS)
        frames[step, 8:16, left : left + 8] = (250, 240, 60)
    proprio = rng.normal(0, 0.01, (STEPS + 1, 16)).astype(np.float32)
    actions = np.zeros((STEPS, spec.action_size), np.float32)
    arm = 0 if direction < 0 else 1
    if spec.control == "joint":
        actions[:, arm * 8] = np.linspace(0, 0.5, STEPS)
        actions[:, list(spec.gripper_dims)] = 1
    else:
        actions[:, arm * 7] = 0.8
    actions[STEPS // 2 :, spec.gripper_dims[arm]] = spec.close_grip
    done = np.arange(STEPS + 1) > 0.7 * STEPS
    skill = SKILLS[arm]
    return Episode(
        task_id="t",
        goal=skill,
        seed=seed,
        observations={name: frames for name in ALL.names} | {"proprio": proprio},
        actions=actions,
        segments=(SkillSegment(skill, 0, STEPS),),
        success=True,
        skill_done={name: done if name == skill else np.zeros_like(done) for name in SKILLS},
        provenance={"robot": spec_name, "renderer": "mujoco-egl"},
    )


def clips_for(spec_name: str, cameras: Cameras) -> list[Clip]:
    episodes = [sliding((-1, 1)[seed % 2], spec_name, seed) for seed in range(4)]
    return [clip for episode in episodes for clip in clips_of(episode, SIZE, cameras=cameras)]


def small(spec_name: str, cameras: Cameras) -> GoalPolicyConfig:
    return GoalPolicyConfig(
        size=SIZE, robot=spec_name, cameras=cameras, features=16, width=48, depth=2, num_steps=4
    )


@pytest.mark.parametrize("cameras", [HEAD, ALL], ids=["head", "all"])
@pytest.mark.parametrize("name", ["dual-panda-ee", "dual-panda-joint"])
def test_a_policy_for_two_arms_learns_and_is_refined(
    name: str, cameras: Cameras, tmp_path: Path
) -> None:
    clips, spec = clips_for(name, cameras), robot(name)
    config = PolicyTrainConfig(model=small(name, cameras), loop=LOOP)
    first = replace(config, loop=replace(LOOP, steps=1))
    _, before = train_policy(clips, first, tmp_path / "first", progress=False)
    _, after = train_policy(clips, config, tmp_path, progress=False)
    assert after.loss < 0.7 * before.loss
    policy = GoalPolicy.load(tmp_path / "policy.safetensors")
    episode = sliding(-1, name, 9)
    observation = {key: rows[0] for key, rows in episode.observations.items()}
    chunk = policy.act(observation, episode.observations["head_camera"][-1], None)
    assert chunk.actions.shape == (16, spec.action_size)
    allowed = {-1.0, 0.0, 1.0} if name == "dual-panda-ee" else {0.0, 1.0}
    assert set(np.unique(chunk.actions[:, list(spec.gripper_dims)])) <= allowed
    recipe = PolicyFinetuneConfig(loop=LoopConfig(steps=2, batch_size=8, bf16=False))
    assert finetune_policy(policy, clips[:2], clips[2:], [], recipe, progress=False).steps == 2


def test_a_hand_that_holds_is_not_opened_past_the_end() -> None:
    for name in ("dual-panda-ee", "dual-panda-joint"):
        clips = clips_for(name, HEAD)
        policy = GoalPolicy(small(name, HEAD))  # its scaling is still the identity
        windows = PolicyWindows(clips[:1], policy, past_end=6)
        batch = windows.sample(np.random.default_rng(0), 200, NO_AUGMENTATION)
        ends = batch.actions.view(200, 16, -1)[:, -1].numpy()
        np.testing.assert_array_equal(
            ends[:, list(robot(name).gripper_dims)],
            np.tile(clips[0].actions[-1, list(robot(name).gripper_dims)], (200, 1)),
        )


@pytest.mark.parametrize("cameras", [HEAD, ALL], ids=["head", "all"])
def test_a_judge_for_what_stays_in_the_hand(cameras: Cameras, tmp_path: Path) -> None:
    model = SubgoalJudgeConfig(
        size=SIZE, widths=(8, 16, 16, 16, 16), features=32, keypoints=4, spacing=2, cameras=cameras
    )
    episodes = [sliding((-1, 1)[seed % 2], "dual-panda-ee", seed) for seed in range(4)]
    held = [c for e in episodes for c in labelled_clips(e, SIZE, cameras, released=False)]
    released = [c for e in episodes for c in labelled_clips(e, SIZE, cameras)]
    assert all(clip.reached[clip.skill][clip.end] for clip in held)
    assert not any(clip.reached[clip.skill][clip.end] for clip in released)
    config = JudgeTrainConfig(
        model=model, loop=replace(LOOP, steps=160), shift_px=0, released=False
    )
    judge, report = train_judge(held, config, tmp_path, progress=False)
    assert report.loss < 0.4
    assert judge.cameras == cameras
    score = score_judge(SubgoalJudge.load(tmp_path / "judge.safetensors"), held)
    assert score.recall == 1


def test_clips_of_another_robot_or_other_cameras_are_refused(tmp_path: Path) -> None:
    clips = clips_for("dual-panda-ee", HEAD)
    for model, said in (
        (replace(small("panda", HEAD), size=SIZE), r"'panda' with 7 and 8.*dual-panda-ee"),
        (small("dual-panda-joint", HEAD), "14 actions"),
        (small("dual-panda-ee", ALL), "0 hand cameras.*needs 16 px and 2"),
    ):
        with pytest.raises(SpecMismatch, match=said):
            train_policy(clips, PolicyTrainConfig(model=model, loop=LOOP), tmp_path, progress=False)
    policy = GoalPolicy(small("dual-panda-ee", HEAD))
    episode = sliding(1, "dual-panda-ee", 0)
    seen = {key: rows[0] for key, rows in episode.observations.items()}
    with pytest.raises(SpecMismatch, match="16 finite"):
        policy.act(seen | {"proprio": np.zeros(8, np.float32)}, None, None)


def test_configs_from_before_robots_had_names_are_still_read(tmp_path: Path) -> None:
    old = {"size": 16, "action_dim": 7, "gripper_dim": 6, "proprio_dim": 8, "rotation_at": 3}
    assert GoalPolicy.upgraded(old) == {"size": 16}
    with pytest.raises(ValueError, match="action_dim"):
        GoalPolicy.upgraded(old | {"action_dim": 4})
    path = save_module(tmp_path / "p.safetensors", GoalPolicy(small("dual-panda-ee", ALL)))
    assert GoalPolicy.load(path).config == small("dual-panda-ee", ALL)
    with pytest.raises(DamagedFile, match="GoalPolicy"):
        SubgoalJudge.load(path)
