"""The agent for RoboTwin that ships: found by name, and does a skill in the simulation."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

import mosel_gym
from mosel_gym.agents import MoselAgent
from mosel_gym.benchmark.rollout import run_episode

LONG = ("BeatBlock", "PushBlock", "SweepBlock")
CAMERAS = ("head_camera", "left_camera", "right_camera")


def test_it_knows_every_skill_of_the_three_tasks_and_the_handover() -> None:
    agent = MoselAgent.from_pretrained("robotwin")
    known = set(agent.video_planner.config.skills)  # type: ignore[attr-defined]
    for name in LONG:
        assert set(mosel_gym.task_of(f"MOSEL-RoboTwin-{name}").plan) <= known
    assert sum("hand over" in skill for skill in known) == 1
    assert "no long task" in agent.card["information"]


@pytest.mark.parametrize("number", [16, 20], ids=["picks up the brush", "sweeps"])
def test_it_does_a_skill(number: int) -> None:
    agent = MoselAgent.from_pretrained("robotwin")
    env = gym.make(
        f"MOSEL-RoboTwinSkill-{number}", cameras=CAMERAS, render_every=4, disable_env_checker=True
    )
    try:
        runs = [run_episode(env.unwrapped, agent, seed=seed) for seed in (5000, 5001, 5002)]
    finally:
        env.close()
    assert sum(bool(run.result.success) for run in runs) >= 2, [run.result.steps for run in runs]
    assert runs[0].episode is not None
    assert runs[0].episode.segments[0].imagined is not None


def test_policy_and_planner_answer_as_they_did() -> None:
    # Sums of rounded products differ in the last bits from one processor to the next.
    agent = MoselAgent.from_pretrained("robotwin")
    rows, columns = np.mgrid[:128, :128]
    frame = np.stack([rows * 2, columns * 3, rows * columns // 2], axis=-1).astype(np.uint8)
    skill = agent.video_planner.config.skills[0]  # type: ignore[attr-defined]
    frames = agent.video_planner.imagine(frame, skill, seed=5).frames  # type: ignore[call-arg]
    policy = agent.inverse_dynamics
    policy.reset(3)  # type: ignore[attr-defined]
    size = policy.robot.proprio_size  # type: ignore[attr-defined]
    grey = np.full_like(frame, 168)  # a goal at a distance that the policy can tell
    observation = dict.fromkeys(CAMERAS, grey) | {"proprio": np.zeros(size, np.float32)}
    chunk = policy.act(observation, frames[-1], None)
    first = [0.45459, 0.28991, 0.56372, -0.13083, -0.04927, 0.21991, 0.0]
    first += [0.15874, 0.32604, -0.88976, 0.00036, 0.10238, -0.06585, 0.0]
    np.testing.assert_allclose(chunk.actions[0], first, atol=2e-3)
    np.testing.assert_allclose(chunk.steps_to_goal, 1.1752, atol=0.05)
    np.testing.assert_allclose(frames.mean(), 167.7730, atol=0.05)
