"""stable-baselines3's `evaluate_policy` with the shipped agent as its model.

Run: python examples/08_sb3.py --episodes 2
"""

from __future__ import annotations

import gymnasium as gym
import tyro
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor

from mosel_gym.agents.pretrained import load_any
from mosel_gym.integrations.sb3 import AgentModel


def main(
    task: str = "MOSEL-LiberoLong-Task6",
    agent: str = "libero-long",
    episodes: int = 2,
    max_steps: int = 600,
) -> None:
    """Evaluate an agent in somebody else's harness."""
    env = Monitor(gym.make(task, max_steps=max_steps))
    model = AgentModel(load_any(agent), task, seed=0)  # type: ignore[arg-type]
    rewards, lengths = evaluate_policy(
        model,  # type: ignore[arg-type]
        env,
        n_eval_episodes=episodes,
        return_episode_rewards=True,
    )
    print(f"rewards {rewards}, lengths {lengths}")
    env.close()


if __name__ == "__main__":
    tyro.cli(main)
