"""The agent on two arms, with real networks that are tiny and untrained."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from mosel_gym.agents import MoselAgent, MoselConfig, OfflinePlanner, PixelAnalyzer
from mosel_gym.agents.checkpoint import load_agent
from mosel_gym.agents.executor import ExecutorConfig, SkillExecutor
from mosel_gym.agents.follower import FollowerConfig, PlanFollower
from mosel_gym.agents.presets import PRESETS, preset
from mosel_gym.cli import main
from mosel_gym.data.libero_hdf5 import read_episode, write_episode
from mosel_gym.errors import DamagedFile, SpecMismatch, UnknownId
from mosel_gym.models.checkpoint import save_module
from mosel_gym.models.codec import CodecConfig
from mosel_gym.models.inverse_dynamics import GoalPolicy, GoalPolicyConfig
from mosel_gym.models.judge import SubgoalJudge, SubgoalJudgeConfig
from mosel_gym.models.video_planner import LatentVideoPlanner, VideoPlannerConfig
from mosel_gym.specs import robot
from mosel_gym.training.judge import JudgeTrainConfig
from mosel_gym.training.policy import PolicyTrainConfig
from mosel_gym.training.policy_data import Augmentation
from mosel_gym.training.video import VideoTrainConfig
from mosel_gym.types import Skill, Task

PICK, PUSH = (
    "pick up the brush with left hand",
    "push the red block to the blue target region with the brush with right hand",
)
TASK = Task(
    "t",
    "robotwin",
    "Push the red block to the target blue region with the brush.",
    tuple(Skill(text, text) for text in (PICK, "hand over the brush", PUSH)),
    plan=(),
)
HOME = np.array([0.0, 0.3, 0.0, -2.0, 0.0, 2.3, 0.8, 1.0] * 2, np.float32)


def observation(proprio: NDArray[np.float32] = HOME, shade: int = 90) -> dict[str, NDArray[Any]]:
    picture = np.full((24, 32, 3), shade, np.uint8)
    picture[8:16, 4:12] = 250
    return {"head_camera": picture, "proprio": proprio.copy()}


def networks(name: str) -> tuple[LatentVideoPlanner, GoalPolicy, SubgoalJudge]:
    wanted = preset(name)
    torch.manual_seed(0)
    codec = CodecConfig(size=16, channels=4, widths=(8, 16))
    skills = TASK.skill_texts
    video = VideoPlannerConfig(
        skills, codec, frames=3, widths=(32, 32), scene_camera=wanted.cameras.scene
    )
    policy = GoalPolicyConfig(
        size=16, robot=wanted.robot, cameras=wanted.cameras, features=16, width=32, depth=1
    )
    judge = SubgoalJudgeConfig(skills, size=32, keypoints=4, features=8, cameras=wanted.cameras)
    made = LatentVideoPlanner(video), GoalPolicy(policy), SubgoalJudge(judge)
    for network in made:
        network.eval()
    return made


def make_agent(name: str = "robotwin", config: MoselConfig | None = None) -> MoselAgent:
    video, policy, judge = networks(name)
    config = config or preset(name).for_agent(policy)
    return MoselAgent(OfflinePlanner(), video, policy, PixelAnalyzer(judge), config)


@pytest.mark.parametrize("name", ["robotwin", "robotwin-joint"])
def test_an_episode_of_two_arms(name: str, tmp_path: Path) -> None:
    agent, info = make_agent(name), {"robot": preset(name).robot, "renderer": "mujoco-egl"}
    spec = robot(preset(name).robot)
    agent.reset(TASK)
    for step in range(30):
        action = agent.act(observation(shade=90 + step), info)
        assert action.shape == (spec.action_size,)
        assert action.dtype == np.float32
    agent.finish(observation(), info)
    episode, reflection = agent.episode, agent.reflect()
    assert episode.plan is not None
    assert episode.plan.skills == (PICK, PUSH)
    assert episode.provenance["robot"] == spec.name
    assert episode.segments[0].imagined is not None
    again = read_episode(write_episode(tmp_path / "e.hdf5", episode))
    assert again.observations["proprio"].shape == (31, 16)
    assert reflection.verdicts[0].skill == PICK
    report = MoselAgent.from_pretrained(agent.save(tmp_path / "agent"))
    assert report.config == agent.config
    assert report.robot == spec


def test_refused_before_any_network_runs() -> None:
    agent = make_agent()
    agent.reset(TASK)
    for told in ("panda", "dual-panda-joint"):
        with pytest.raises(SpecMismatch, match=rf"'{told}'.*'dual-panda-ee'"):
            agent.act(observation(), {"robot": told})
    with pytest.raises(SpecMismatch, match="16 finite"):
        agent.act(observation(np.zeros(8, np.float32)))
    assert agent.plan is None  # planning comes before imagining
    assert agent.act(observation(), {"robot": "dual-panda-ee"}).shape == (14,)


def test_parts_of_different_robots_are_refused() -> None:
    with pytest.raises(SpecMismatch, match=r"'dual-panda-ee'.*'panda'"):
        make_agent(config=MoselConfig())
    config = MoselConfig(robot="dual-panda-ee")
    with pytest.raises(SpecMismatch, match=r"'head_camera'.*'agentview'"):
        make_agent(config=config)
    with pytest.raises(UnknownId, match="Nearest"):
        make_agent(config=MoselConfig(robot="dual-panda"))


@pytest.mark.parametrize("name", ["robotwin", "robotwin-joint"])
def test_between_skills_both_arms_go_home_with_the_tool_in_hand(name: str) -> None:
    video, policy, _ = networks(name)
    config, spec = preset(name).for_agent(policy), robot(preset(name).robot)
    executor = SkillExecutor(
        video, policy, config=ExecutorConfig(skill_budget=3, scene_camera="head_camera")
    )
    follower = PlanFollower(
        executor, (PICK, PUSH), observation(), config.follower, config.transition, spec
    )
    away = HOME.copy()
    away[[1, 9]] += 0.2
    away[7] = 0.3  # the left hand holds something, the right one is open
    for _ in range(3):
        follower.act(observation())
    action = follower.act(observation(away))
    left, right = action.reshape(2, spec.block)
    assert (left[-1], right[-1]) == ((0, 0) if name == "robotwin" else (spec.close_grip, 1))
    assert np.abs(left[:-1]).max() > 0
    follower.act(observation())  # home already
    assert [segment.kind for segment in follower.segments()] == ["skill", "transition", "skill"]


def test_only_a_try_after_a_miss_draws_with_noise_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Never:
        threshold = 0.5

        def reached(self, *args: object) -> float:
            return 0.0

    video, policy, _ = networks("robotwin")
    scales: list[float | None] = []
    monkeypatch.setattr(policy, "sample_at", scales.append)
    executor = SkillExecutor(
        video,
        policy,
        Never(),
        ExecutorConfig(
            skill_budget=200,
            max_steps_per_frame=1,
            scene_camera="head_camera",
            retry_temperature=1.5,
        ),
    )
    config = FollowerConfig(more_tries=1)
    spec = robot(preset("robotwin").robot)
    follower = PlanFollower(executor, (PICK, PUSH), observation(), config, robot=spec)
    while follower.stage != "over":
        follower.act(observation())
    tries = [segment.skill for segment in follower.segments() if segment.kind == "skill"]
    assert len(scales) == 1 + len(tries)  # the first, before any skill, when it was made
    # The budget is for several tries of each skill; further rounds of tries come after the plan.
    first, second, later = tries.index(PICK), tries.index(PUSH), len(tries)
    expected = [None if i in (first, second) else 1.5 for i in range(later)]
    assert 0 < second < later - 2
    assert scales[1:] == expected


def test_presets_fill_what_was_left_alone() -> None:
    libero, robotwin = PRESETS["libero"], PRESETS["robotwin"]
    assert libero.for_video(VideoTrainConfig()) == VideoTrainConfig()
    assert libero.for_policy(PolicyTrainConfig()) == PolicyTrainConfig()
    assert libero.for_judge(JudgeTrainConfig()) == JudgeTrainConfig()
    assert libero.for_agent(GoalPolicy(GoalPolicyConfig(size=16))) == MoselConfig()
    two_arms = robotwin.for_policy(PolicyTrainConfig())
    assert two_arms.model.robot == "dual-panda-ee"
    assert two_arms.model.cameras == robotwin.cameras
    assert robotwin.for_policy(two_arms) == two_arms
    by_hand = libero.for_policy(two_arms)
    assert by_hand == two_arms, "what was set by hand stays"
    assert robotwin.for_video(VideoTrainConfig()).model.scene_camera == "head_camera"
    assert not robotwin.for_judge(JudgeTrainConfig()).released
    with pytest.raises(UnknownId, match="robotwin"):
        preset("robotwn")


def test_pack_and_its_preset(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = ("video", "policy", "judge")
    for file, network in zip(files, networks("robotwin"), strict=True):
        save_module(tmp_path / f"{file}.safetensors", network)
    words = ["pack", "--out", str(tmp_path / "agent")]
    for file in files:
        words += [f"--{file}", str(tmp_path / f"{file}.safetensors")]
    assert main(words) == 2
    assert "Presets that fit: ['robotwin']" in capsys.readouterr().err
    assert main([*words, "--preset", "robotwin"]) == 0
    config = MoselAgent.from_pretrained(tmp_path / "agent").config
    assert config.robot == "dual-panda-ee"
    assert config.executor.retry_temperature is None
    noisy = [*words, "--preset", "robotwin", "--retry-temperature", "1.5"]
    noisy += ["--stalled-below", "0.02", "--rise-steps", "4"]
    noisy[noisy.index("--out") + 1] = str(tmp_path / "noisy")
    assert main(noisy) == 0
    stored = MoselAgent.from_pretrained(tmp_path / "noisy").config
    assert stored.executor == replace(config.executor, retry_temperature=1.5, stalled_below=0.02)
    assert stored.transition == replace(config.transition, rise_steps=4)
    assert config.executor.skill_budget == 300
    assert config.transition.keep_grip
    assert main([*noisy[:-1], "99"]) == 2
    assert "rise_steps=99 must lie in 0..max_steps=50" in capsys.readouterr().err
    index = tmp_path / "agent" / "agent.json"
    content = json.loads(index.read_text())
    content["analyzer"]["config"] |= {"scene_camera": "agentview", "wrist_camera": "wrist"}
    index.write_text(json.dumps(content))
    with pytest.raises(DamagedFile, match=r"agent\.json.*agentview"):
        load_agent(tmp_path / "agent")


@pytest.mark.parametrize(("name", "shift_px"), [("libero", 4), ("robotwin", 1)])
def test_a_random_shift_does_not_hide_where_things_are(name: str, shift_px: int) -> None:
    wanted = preset(name)
    assert wanted.for_policy(PolicyTrainConfig()).augmentation.shift_px == shift_px
    by_hand = PolicyTrainConfig(augmentation=Augmentation(shift_px=2))
    assert wanted.for_policy(by_hand).augmentation.shift_px == 2
    policy = GoalPolicy(
        GoalPolicyConfig(
            size=16, robot=wanted.robot, cameras=wanted.cameras, features=16, width=32, depth=1
        )
    )
    assert wanted.for_agent(policy).policy.augmentation.shift_px == shift_px
