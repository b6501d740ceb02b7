"""Reinforcement learning from scratch on one skill, and its learning curve as a picture.

No demonstration, no plan: the model tries, and the simulator rewards it. It sees the simulator's
state, which is why a small budget suffices; with --observation pictures (and PPO) it does not.

Run: python examples/rl_baseline.py --steps 20000
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import tyro

from mosel_gym.benchmark.rl_curve import read_curve
from mosel_gym.benchmark.rl_given import Given
from mosel_gym.benchmark.rl_plot import draw, line_of_curve
from mosel_gym.benchmark.rl_scratch import CURVE_NAME, ScratchConfig, train_scratch


def main(
    task: str = "MOSEL-Libero90-Task1",
    algorithm: Literal["SAC", "PPO"] = "SAC",
    observation: Literal["state", "pictures"] = "state",
    reward: Literal["success", "subgoals"] = "subgoals",
    steps: int = 20_000,
    eval_every: int = 5_000,
    eval_episodes: int = 10,
    max_steps: int = 200,
    out: Path = Path("runs/examples/rl"),
) -> None:
    """Learn a skill and draw the curve.

    Args:
        task: Environment id of a skill; `mosel list` shows them.
        algorithm: Of stable-baselines3.
        observation: "state" is privileged.
        reward: 1 for success, or 1/n for each of n sub-goals.
        steps: Interactions.
        eval_every: Interactions between two measurements on held-out seeds.
        eval_episodes: Episodes of a measurement.
        max_steps: Step limit of an episode.
        out: Gets the agent, curve.jsonl and curve.png. Run again, it goes on.
    """
    config = ScratchConfig(
        task=task,
        algorithm=algorithm,
        observation=observation,
        reward=reward,
        steps=steps,
        eval_every=eval_every,
        eval_episodes=eval_episodes,
        max_steps=max_steps,
    )
    agent = train_scratch(config, out)
    points = read_curve(out / CURVE_NAME)
    given = Given.of(agent.card)
    line = line_of_curve(agent.name, given.line(), points, by_steps=True)
    picture = draw([line], out / "curve.png", task, unit="steps")
    for made, success in zip(line.interactions, line.success, strict=True):
        print(f"after {made:7.0f} steps: success {success:.0%}")
    print(f"{agent.name} was given:\n{given.text()}\n{picture}")


if __name__ == "__main__":
    tyro.cli(main)
