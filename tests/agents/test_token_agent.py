"""Agents with the token policy: composed, saved, loaded and refined, as with the diffusion one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from mosel_gym.agents.analysis.privileged import PrivilegedAnalyzer
from mosel_gym.agents.baselines import HipAgent, PalmEAgent, UniPiAgent
from mosel_gym.agents.config import MoselConfig
from mosel_gym.agents.executor import ExecutorConfig
from mosel_gym.agents.mosel import MoselAgent
from mosel_gym.agents.planning.offline import OfflinePlanner
from mosel_gym.agents.presets import preset
from mosel_gym.errors import SpecMismatch
from mosel_gym.models.action_tokens import ActionTokensConfig
from mosel_gym.models.codec import CodecConfig
from mosel_gym.models.token_policy import TokenPolicy, TokenPolicyConfig
from mosel_gym.models.video_planner import LatentVideoPlanner, VideoPlannerConfig
from mosel_gym.training.finetune_policy import PolicyFinetuneConfig
from mosel_gym.training.loop import LoopConfig

SMALL = TokenPolicyConfig(
    size=32,
    features=16,
    width=32,
    depth=1,
    heads=2,
    tokens=ActionTokensConfig(width=16, heads=2, encoder_depth=1, decoder_depth=1),
)
CONFIG = MoselConfig(
    executor=ExecutorConfig(skill_budget=20, max_steps_per_frame=10),
    policy=PolicyFinetuneConfig(loop=LoopConfig(steps=2, batch_size=4, lr=1e-3)),
    min_accepted=2,
)


def small_policy(**changes) -> TokenPolicy:
    torch.manual_seed(0)
    return TokenPolicy(replace(SMALL, **changes)).eval()


def small_video(texts: tuple[str, ...]) -> LatentVideoPlanner:
    torch.manual_seed(0)
    codec = CodecConfig(size=16, channels=4, widths=(8, 16))
    return LatentVideoPlanner(VideoPlannerConfig(texts, codec, frames=3, widths=(32, 32))).eval()


@pytest.fixture
def agent(buttons) -> MoselAgent:
    video = small_video(buttons.SKILLS)
    return MoselAgent(OfflinePlanner(), video, small_policy(), PrivilegedAnalyzer(), CONFIG)


def actions_of(agent, buttons, steps: int = 25) -> np.ndarray:
    agent.reset(buttons.make_task(), seed=3)
    buttons.run_episode(agent, buttons.ButtonWorld(), steps=steps)
    actions: np.ndarray = agent.episode.actions
    return actions


def test_saved_and_loaded_it_acts_the_same(agent, buttons, tmp_path):
    folder = agent.save(tmp_path / "agent")
    again = MoselAgent.from_pretrained(folder)
    assert isinstance(again.inverse_dynamics, TokenPolicy)
    assert again.inverse_dynamics.config == SMALL
    assert again.name == agent.name
    twice = MoselAgent.from_pretrained(again.save(tmp_path / "twice"))
    np.testing.assert_array_equal(actions_of(again, buttons), actions_of(twice, buttons))


def test_hip_reads_its_folder_and_baselines_take_it(agent, buttons, tmp_path):
    hip = HipAgent.from_pretrained(agent.save(tmp_path / "agent"))
    assert "token-policy" in hip.name
    assert actions_of(hip, buttons).shape == (25, 7)
    again = HipAgent.from_pretrained(hip.save(tmp_path / "hip"))
    np.testing.assert_array_equal(actions_of(again, buttons), actions_of(hip, buttons))
    video = small_video((buttons.GOAL,))
    unipi = UniPiAgent(video, small_policy(goal_horizon=120), CONFIG)
    assert unipi.acting_config.executor.max_steps_per_frame == 150
    told = small_policy(skill_id=True, skills=buttons.SKILLS)
    assert actions_of(PalmEAgent(OfflinePlanner(), told, CONFIG), buttons).shape == (25, 7)
    with pytest.raises(SpecMismatch, match="no skills"):
        UniPiAgent(video, told, CONFIG)
    with pytest.raises(SpecMismatch, match="skill-id"):
        PalmEAgent(OfflinePlanner(), small_policy(), CONFIG)


def test_it_is_refined(agent, buttons, tmp_path):
    reaching = buttons.ReachingPolicy(miss=-4.0, misses_in=(buttons.BLUE,))
    collector = buttons.make_agent(policy=reaching, buffer=tmp_path / "buffer")
    for seed, plan in enumerate(([buttons.RED, buttons.BLUE], [buttons.GREEN])):
        collector.reset(buttons.make_task(), plan=plan)
        buttons.run_episode(collector, buttons.ButtonWorld(seed=seed), steps=150)
        collector.reflect(collector.episode)
    before = {k: v.clone() for k, v in agent.inverse_dynamics.state_dict().items()}
    report = agent.improve(collector.buffer, "policy")
    assert (report.target, report.steps) == ("policy", 2)
    changed = [
        name
        for name, value in agent.inverse_dynamics.state_dict().items()
        if not torch.equal(before[name], value)
    ]
    assert "head.1.weight" in changed
    assert not any(name.startswith("tokens.") for name in changed)


def test_another_robot_or_camera_is_named(buttons):
    video = small_video(buttons.SKILLS)
    cameras = preset("robotwin").cameras
    for wrong, said in (
        ({"robot": "dual-panda-ee"}, "dual-panda-ee"),
        ({"cameras": cameras}, "head_camera"),
    ):
        with pytest.raises(SpecMismatch, match=said):
            HipAgent(OfflinePlanner(), video, small_policy(**wrong), CONFIG)
    with pytest.raises(SpecMismatch, match=r"Presets that fit: \['robotwin'\]"):
        preset("libero").for_agent(small_policy(robot="dual-panda-ee", cameras=cameras))
