"""Baselines of real networks, tiny and untrained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from mosel_gym.agents import OfflinePlanner
from mosel_gym.agents.baselines import HipAgent, PalmEAgent, UniPiAgent
from mosel_gym.agents.baselines.composed import Baseline
from mosel_gym.agents.config import ActingConfig
from mosel_gym.agents.presets import preset
from mosel_gym.models.checkpoint import save_module
from mosel_gym.models.codec import CodecConfig
from mosel_gym.models.inverse_dynamics import GoalPolicy, GoalPolicyConfig
from mosel_gym.models.video_planner import LatentVideoPlanner, VideoPlannerConfig
from mosel_gym.types import Task

KINDS = ("hip", "unipi", "palm-e")


def small_video(task: Task, texts: tuple[str, ...]) -> LatentVideoPlanner:
    """Imagines 3 frames of 16 px for each of `texts`."""
    torch.manual_seed(0)
    codec = CodecConfig(size=16, channels=4, widths=(8, 16))
    scene = preset(suite(task)).cameras.scene
    config = VideoPlannerConfig(texts, codec, frames=3, widths=(32, 32), scene_camera=scene)
    return LatentVideoPlanner(config).eval()


def small_policy(task: Task, told: tuple[str, ...] = ()) -> GoalPolicy:
    """A policy for the task's robot; with `told` it is told which of these skills to do."""
    torch.manual_seed(0)
    wanted = preset(suite(task))
    config = GoalPolicyConfig(
        size=16,
        robot=wanted.robot,
        cameras=wanted.cameras,
        features=16,
        width=32,
        depth=1,
        skill_id=bool(told),
        skills=told,
    )
    return GoalPolicy(config).eval()


def small_baseline(
    kind: str, task: Task, budget: int = 6, *, hold_last_frame: bool = False
) -> Baseline:
    """One of `KINDS`; a skill has `budget` steps, and takes all of them with `hold_last_frame`."""
    wanted: ActingConfig = preset(suite(task)).for_agent(small_policy(task))
    executor = replace(wanted.executor, skill_budget=budget, hold_last_frame=hold_last_frame)
    config = replace(wanted, executor=executor)
    if kind == "hip":
        video = small_video(task, task.skill_texts)
        return HipAgent(OfflinePlanner(), video, small_policy(task), config)
    if kind == "unipi":
        return UniPiAgent(small_video(task, (task.goal,)), small_policy(task), config)
    return PalmEAgent(OfflinePlanner(), small_policy(task, task.skill_texts), config)


def save_parts_of(kind: str, task: Task, folder: Path) -> list[str]:
    """Files of the networks of a baseline, as `mosel train` leaves them; words for `mosel pack`."""
    told = task.skill_texts if kind == "palm-e" else ()
    save_module(folder / "policy.safetensors", small_policy(task, told))
    words = ["--policy", str(folder / "policy.safetensors")]
    if kind != "palm-e":
        texts = (task.goal,) if kind == "unipi" else task.skill_texts
        save_module(folder / "planner.safetensors", small_video(task, texts))
        words += ["--video", str(folder / "planner.safetensors")]
    return words


def suite(task: Task) -> str:
    """The name of the task's preset."""
    return "robotwin" if task.suite == "robotwin" else "libero"
