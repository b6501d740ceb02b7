"""The checkpoint that ships with the package: loads, stays small, and does its task for real."""

from __future__ import annotations

from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

import mosel_gym
from mosel_gym.agents import MoselAgent
from mosel_gym.envs.libero.env import LiberoEnv

ID = "MOSEL-LiberoLong-Task6"
CHECKPOINTS = Path(mosel_gym.__file__).parent / "checkpoints"


def test_all_embedded_weights_are_small_and_safetensors() -> None:
    files = [file for file in CHECKPOINTS.rglob("*") if file.is_file()]
    weights = [file for file in files if file.suffix == ".safetensors"]
    assert {file.suffix for file in files} <= {".safetensors", ".json", ".py", ".pyc"}
    assert weights
    assert sum(file.stat().st_size for file in files) <= 60e6


def test_the_card_tells_how_it_was_made() -> None:
    agent = MoselAgent.from_pretrained("libero-long")
    assert "50 demonstrations of each skill" in agent.card["information"]
    assert "made" in agent.card


def test_it_knows_every_skill_of_the_ten_long_tasks() -> None:
    agent = MoselAgent.from_pretrained("libero-long")
    known = set(agent.video_planner.config.skills)  # type: ignore[attr-defined]
    for number in range(1, 11):
        assert set(mosel_gym.task_of(f"MOSEL-LiberoLong-Task{number}").plan) <= known


def _episode(agent: MoselAgent, seed: int, max_steps: int) -> dict[str, object]:
    env = gym.make(ID, render_every=4, max_steps=max_steps)
    observation, info = env.reset(seed=seed)
    agent.reset(info["task"])
    terminated = truncated = False
    while not (terminated or truncated):
        observation, _, terminated, truncated, info = env.step(agent.act(observation, info))
    agent.finish(observation, info)
    env.close()
    return info


def test_a_short_episode_plans_imagines_acts_and_reflects() -> None:
    agent = MoselAgent.from_pretrained("libero-long")
    info = _episode(agent, seed=5000, max_steps=40)
    episode, reflection = agent.episode, agent.reflect()
    assert episode.num_steps == 40
    assert episode.plan is not None
    assert set(episode.plan.skills) == set(mosel_gym.task_of(ID).plan)
    assert episode.segments[0].imagined is not None
    assert episode.segments[0].imagined.shape[0] == 7
    assert np.ptp(episode.observations["proprio"][:, :3], axis=0).max() > 0.05, "the arm moved"
    assert info["success"] is False
    assert reflection.success is False
    assert reflection.privileged is False
    assert reflection.rationale


@pytest.mark.slow
def test_it_solves_most_layouts_of_a_task_that_it_never_saw_whole() -> None:
    agent = MoselAgent.from_pretrained("libero-long")
    solved = [_episode(agent, seed, 600)["success"] for seed in range(5000, 5010)]
    assert sum(map(bool, solved)) >= 5


def test_a_skill_is_imagined_from_the_current_picture() -> None:
    agent = MoselAgent.from_pretrained("libero-long")
    env = gym.make(ID).unwrapped
    assert isinstance(env, LiberoEnv)
    frame = env.reset(seed=1)[0]["agentview"]
    mug, pudding = (agent.video_planner.imagine(frame, skill) for skill in env.task.plan)
    env.close()
    assert mug.frames.shape == (7, 64, 64, 3)
    assert mug.frames.dtype == np.uint8
    difference = np.abs(mug.frames[-1].astype(int) - pudding.frames[-1].astype(int))
    assert difference.max() > 60, "two skills lead to different pictures"
