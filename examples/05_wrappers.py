"""Disturbed pictures, the arm's way home between skills, and a recording with words in it."""

from __future__ import annotations

import argparse

import gymnasium as gym
import numpy as np

import mosel_gym  # noqa: F401  # registers the ids
from mosel_gym.wrappers import RecordEpisode, SkillTransition, VisualDisturbance


def main() -> None:
    """Swing the arm about, let the wrapper take it home, and tell the recorder what it was."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", default="MOSEL-LiberoLong-Task6")
    parser.add_argument("--out", default="runs/example-05")
    parser.add_argument("--steps", type=int, default=60)
    arguments = parser.parse_args()

    env = gym.make(arguments.task, max_steps=arguments.steps)
    disturbed = VisualDisturbance(env)
    transition = SkillTransition(disturbed)
    recorded = RecordEpisode(transition, arguments.out)
    _, info = recorded.reset(seed=0)
    print("disturbance:", {name: round(value, 2) for name, value in info["disturbance"].items()})

    plan = mosel_gym.task_of(info["task_id"]).plan
    recorded.tell(plan=plan, skill=plan[0])
    rng = np.random.default_rng(0)
    for step in range(arguments.steps):
        if step == arguments.steps // 2:
            transition.request()
            recorded.tell(skill=plan[-1], transition=True)
        action = np.append(rng.uniform(-0.4, 0.4, 6), -1.0).astype(np.float32)
        *_, info = recorded.step(action)
        if step % 10 == 9:
            print(f"step {step + 1}: in transition: {info['in_transition']}")
    recorded.close()
    print("written:", *recorded.paths)


if __name__ == "__main__":
    main()
