"""`mosel train vla-rl`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

import mosel_gym.agents.baselines.rl  # noqa: F401  # first: it tells which package is missing
from mosel_gym.benchmark.rl_given import Given
from mosel_gym.benchmark.vla_rl import CURVE_NAME, VlaRlConfig, train_vla_rl


def main(start: Path, out: Path, config: Annotated[VlaRlConfig, tyro.conf.arg(name="")]) -> None:
    """Fine-tune a cloned policy on one task by PPO on ground-truth reward: VLA-RL's stand-in.

    Args:
        start: An agent of `mosel train vla`.
        out: Gets an agent that `mosel eval --agent` takes, and curve.jsonl: success against
            interactions. Run again after an interruption, it goes on after its last update.
        config: Task, budget and settings.
    """
    agent = train_vla_rl(start, config, out)
    print(f"{agent.name} was given:\n{Given.of(agent.card).text()}")
    print(f"Agent: {out}. Learning curve: {out / CURVE_NAME}")


if __name__ == "__main__":
    tyro.cli(main)
