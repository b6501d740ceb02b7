"""A folder of agents with tiny untrained networks and a judge that likes everything."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from mosel_gym.agents import OfflinePlanner, PixelAnalyzer
from mosel_gym.agents.baselines.unipi import UniPiAgent
from mosel_gym.agents.config import MoselConfig
from mosel_gym.agents.presets import preset
from mosel_gym.data.libero_hdf5 import write_episode
from mosel_gym.models.codec import CodecConfig
from mosel_gym.models.inverse_dynamics import GoalPolicy
from mosel_gym.models.judge import SubgoalJudge, SubgoalJudgeConfig
from mosel_gym.models.video_planner import LatentVideoPlanner, VideoPlannerConfig
from mosel_gym.registry import task_of
from mosel_gym.types import Episode, SkillSegment, Task, TaskPlan
from tests.agents.tiny_agents import HOME, tiny_agent
from tests.benchmark.judged_episodes import made_episode

LIBERO, ROBOTWIN = "MOSEL-LiberoLong-Task6", "MOSEL-RoboTwin-BeatBlock"
_STEPS = 24


def write_agents(folder: Path) -> Path:
    """`<task id>/mosel` for one task of each suite, and UniPi for LIBERO's."""
    for env_id in (LIBERO, ROBOTWIN):
        task = task_of(env_id)
        agent = tiny_agent(task, OfflinePlanner(), PixelAnalyzer(_content_judge(task)))
        agent.config = _small_batches(agent.config)
        agent.save(folder / env_id / "mosel")
    task = task_of(LIBERO)
    agent = tiny_agent(task, OfflinePlanner(), PixelAnalyzer(_content_judge(task)))
    whole = LatentVideoPlanner(
        VideoPlannerConfig(
            (task.goal,), CodecConfig(size=16, channels=4, widths=(8, 16)), 3, widths=(32, 32)
        )
    )
    assert isinstance(agent.inverse_dynamics, GoalPolicy)
    UniPiAgent(whole, agent.inverse_dynamics, agent.config).save(folder / LIBERO / "unipi")
    return folder


def write_demos(folder: Path) -> Path:
    """Two demonstrations for each of the two tasks."""
    for seed in range(2):
        write_episode(folder / LIBERO / f"seed-{seed}.hdf5", made_episode(seed, True, True))
        write_episode(folder / ROBOTWIN / f"seed-{seed}.hdf5", _robotwin_episode(seed))
    return folder


def _small_batches(config: MoselConfig) -> MoselConfig:
    """Training is not what these tests are about."""
    video = replace(config.video, loop=replace(config.video.loop, batch_size=4))
    policy = replace(config.policy, loop=replace(config.policy.loop, batch_size=4), draws=1)
    return replace(config, video=video, policy=policy)


def _content_judge(task: Task) -> SubgoalJudge:
    cameras = preset("robotwin" if task.suite == "robotwin" else "libero").cameras
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        judge = SubgoalJudge(SubgoalJudgeConfig(task.skill_texts, size=32, cameras=cameras))
    with torch.no_grad():
        last = judge.head[-1]
        assert isinstance(last, torch.nn.Linear)
        last.bias.fill_(5.0)
    return judge


def _robotwin_episode(seed: int) -> Episode:
    task, rng = task_of(ROBOTWIN), np.random.default_rng(seed)
    return Episode(
        task_id=ROBOTWIN,
        goal=task.goal,
        seed=seed,
        observations={
            "head_camera": rng.integers(0, 256, (_STEPS + 1, 32, 32, 3), np.uint8),
            "proprio": np.tile(HOME, (_STEPS + 1, 1)),
        },
        actions=rng.uniform(-1, 1, (_STEPS, 14)).astype(np.float32),
        plan=TaskPlan(task.plan, "", "made"),
        segments=tuple(
            SkillSegment(skill, 12 * at, 12 * at + 12) for at, skill in enumerate(task.plan)
        ),
        success=True,
        skill_done={skill: np.ones(_STEPS + 1, bool) for skill in task.plan},
        provenance={"renderer": "mujoco", "assets": "procedural", "robot": "dual-panda-ee"},
    )
