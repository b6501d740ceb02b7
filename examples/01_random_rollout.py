"""An environment without any agent: random actions, recorded as HDF5 and mp4.

Run: python examples/01_random_rollout.py --steps 100
"""

from __future__ import annotations

from pathlib import Path

import gymnasium as gym
import tyro

import mosel_gym  # noqa: F401  # registers the environments
from mosel_gym.wrappers import RecordEpisode


def main(
    task: str = "MOSEL-LiberoLong-Task6",
    steps: int = 100,
    seed: int = 0,
    out: Path = Path("runs/examples/random"),
) -> None:
    """Take random actions.

    Args:
        task: Environment id; `mosel list` shows them.
        steps: Number of steps.
        seed: Of the layout and the actions.
        out: Where the recording goes.
    """
    env = RecordEpisode(gym.make(task, render_every=2), out)
    observation, info = env.reset(seed=seed)
    env.action_space.seed(seed)
    print(f"goal: {info['task']}")
    for name, value in observation.items():
        print(f"  {name}: {value.dtype} {value.shape}")
    for _ in range(steps):
        observation, reward, terminated, truncated, info = env.step(env.action_space.sample())
        if terminated or truncated:
            break
    for subgoal, reached in info["subgoals"].items():
        print(f"  {'reached' if reached else 'not reached'}: {subgoal}")
    env.close()
    print(f"recorded: {env.paths[-1]}")


if __name__ == "__main__":
    tyro.cli(main)
