"""The MOSEL agent on a long-horizon task: plan, imagine, act, reflect.

Run: python examples/02_mosel_agent.py --seed 3
"""

from __future__ import annotations

from pathlib import Path

import gymnasium as gym
import tyro

from mosel_gym.agents import MoselAgent
from mosel_gym.data.recorder import write_video


def main(
    agent: str = "libero-long",
    task: str = "MOSEL-LiberoLong-Task6",
    seed: int = 0,
    max_steps: int = 600,
    out: Path = Path("runs/examples/agent.mp4"),
) -> None:
    """Run one episode and write a video of it.

    Args:
        agent: Name of an embedded checkpoint, or a folder.
        task: Environment id.
        seed: Of the layout.
        max_steps: Step limit.
        out: The mp4, with plan, skill, verdicts and imagined frames drawn in.
    """
    mosel = MoselAgent.from_pretrained(agent)
    # Pictures on every fourth step: the agent looks only when it needs its next chunk of actions.
    env = gym.make(task, render_every=4, success_hold=40, max_steps=max_steps)
    observation, info = env.reset(seed=seed)
    mosel.reset(info["task"])
    terminated = truncated = False
    while not (terminated or truncated):
        action = mosel.act(observation, info)
        observation, _, terminated, truncated, info = env.step(action)
    mosel.finish(observation, info)
    env.close()

    reflection = mosel.reflect()
    print(f"plan: {'; '.join(mosel.episode.plan.skills if mosel.episode.plan else ())}")
    print(f"success: {info['success']}; the agent thinks: {reflection.success}")
    print(reflection.rationale)
    print(write_video(out, mosel.episode, reflection))


if __name__ == "__main__":
    tyro.cli(main)
