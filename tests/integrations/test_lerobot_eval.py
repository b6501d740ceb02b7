"""Whole episodes through LeRobot's own commands; minutes each."""

from __future__ import annotations

import json
from pathlib import Path

import gymnasium as gym
import pytest

from mosel_gym.agents import MoselAgent
from tests.integrations import lerobot_python

TASK = "MOSEL-LiberoLong-Task6"
SEED = 3
pytestmark = pytest.mark.slow


@pytest.mark.parametrize("peer", ["lerobot", "lerobot06"])
def test_lerobot_eval_finds_the_plugins_and_counts_as_we_do(peer: str, tmp_path: Path) -> None:
    programs = lerobot_python.needed(peer)
    out = tmp_path / "out"
    lerobot_python.run(
        programs / "lerobot-eval",
        "--policy.type=mosel",
        "--policy.agent=libero-long",
        "--policy.device=cpu",
        "--env.type=mosel",
        f"--env.task={TASK}",
        "--eval.n_episodes=1",
        "--eval.batch_size=1",
        f"--seed={SEED}",
        f"--output_dir={out}",
    )
    told = json.loads((out / "eval_info.json").read_text())
    env, agent = gym.make(TASK), MoselAgent.from_pretrained("libero-long")
    observation, info = env.reset(seed=SEED)
    agent.reset(info["task"])
    ended = False
    while not ended:
        observation, _, terminated, truncated, info = env.step(agent.act(observation))
        ended = terminated or truncated
    env.close()
    (task,) = told["per_task"]
    assert task["metrics"]["successes"] == [info["is_success"]]
    assert task["metrics"]["sum_rewards"] == [float(info["is_success"])]
    (video,) = task["metrics"]["video_paths"]
    assert Path(video).stat().st_size > 10_000


def test_robotwin_and_several_tasks(tmp_path: Path) -> None:
    programs = lerobot_python.needed("lerobot06")
    code = """
import numpy as np
from lerobot.envs.factory import make_env
from mosel_gym.integrations.lerobot_env_config import MoselEnv

def main():
    tasks = "MOSEL-RoboTwin-BeatBlock, MOSEL-RoboTwin-PushBlock"
    envs = make_env(MoselEnv(task=tasks, max_steps=3), n_envs=2, use_async_envs=True)["mosel"]
    assert list(envs) == [0, 1]
    seen, _ = envs[1].reset(seed=[1, 2], options={"lerobot_new_rollout": True})
    assert seen["pixels"]["head_camera"].shape == (2, 128, 128, 3)
    assert seen["agent_pos"].shape == (2, 16)
    assert len(set(envs[1].call("task_description"))) == 1
    assert envs[0].call("task") == ("MOSEL-RoboTwin-BeatBlock",) * 2
    envs[1].step(np.zeros((2, 14), np.float32))
    for env in envs.values():
        env.close()
    print("fine")

if __name__ == "__main__":  # the processes of the vector import this file
    main()
"""
    script = tmp_path / "several.py"
    script.write_text(code)
    assert lerobot_python.run(programs / "python", script).splitlines()[-1] == "fine"
