"""Agents with real networks, tiny and untrained, and with models for planner and analyzer."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mosel_gym.agents import LanguageModelPlanner, MoselAgent, VideoLanguageAnalyzer
from mosel_gym.agents.base import TaskPlanner, VideoAnalyzer
from mosel_gym.agents.config import MoselConfig
from mosel_gym.agents.executor import ExecutorConfig
from mosel_gym.agents.presets import preset
from mosel_gym.models.codec import CodecConfig
from mosel_gym.models.inverse_dynamics import GoalPolicy, GoalPolicyConfig
from mosel_gym.models.video_planner import LatentVideoPlanner, VideoPlannerConfig
from mosel_gym.transition import TransitionConfig
from mosel_gym.types import Task
from tests.agents.scripted_chat import ScriptedChat

HOME = np.array([0.0, 0.3, 0.0, -2.0, 0.0, 2.3, 0.8, 1.0] * 2, np.float32)


def tiny_agent(
    task: Task,
    planner: ScriptedChat | TaskPlanner,
    analyzer: ScriptedChat | VideoAnalyzer,
    **arguments: Any,
) -> MoselAgent:
    """An agent for a task; each skill has 3 steps, each transition at most 1."""
    wanted = preset("robotwin" if task.suite == "robotwin" else "libero")
    torch.manual_seed(0)
    codec = CodecConfig(size=16, channels=4, widths=(8, 16))
    scene = wanted.cameras.scene
    video = LatentVideoPlanner(
        VideoPlannerConfig(task.skill_texts, codec, frames=3, widths=(32, 32), scene_camera=scene)
    )
    policy = GoalPolicy(
        GoalPolicyConfig(
            size=16, robot=wanted.robot, cameras=wanted.cameras, features=16, width=32, depth=1
        )
    )
    for network in (video, policy):
        network.eval()
    config = MoselConfig(
        executor=ExecutorConfig(skill_budget=3, scene_camera=scene),
        transition=TransitionConfig(rise_steps=0, max_steps=1),
        robot=wanted.robot,
        min_accepted=1,
    )
    return MoselAgent(
        LanguageModelPlanner(planner) if isinstance(planner, ScriptedChat) else planner,
        video,
        policy,
        VideoLanguageAnalyzer(analyzer) if isinstance(analyzer, ScriptedChat) else analyzer,
        config,
        **arguments,
    )


def observation(task: Task, shade: int) -> dict[str, NDArray[Any]]:
    """What the task's cameras see: one grey."""
    picture = np.full((16, 16, 3), shade, np.uint8)
    if task.suite == "robotwin":
        return {"head_camera": picture, "proprio": HOME.copy()}
    pose = np.array([0.4, 0.0, 1.0, 3.1, 0.0, 0.0, 0.04, -0.04], np.float32)
    return {"agentview": picture, "wrist": picture.copy(), "proprio": pose}


def run_episode(agent: MoselAgent, task: Task, steps: int = 24) -> None:
    """One episode, as a harness would."""
    agent.reset(task)
    for step in range(steps):
        agent.act(observation(task, step))
    agent.finish(observation(task, steps))


def weights(agent: MoselAgent) -> dict[str, torch.Tensor]:
    """All parameters and buffers of both networks."""
    networks = {"video": agent.video_planner, "policy": agent.inverse_dynamics}
    return {
        f"{name}.{key}": value.clone()
        for name, network in networks.items()
        if isinstance(network, torch.nn.Module)
        for key, value in network.state_dict().items()
    }
