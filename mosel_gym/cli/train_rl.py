"""`mosel train rl`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

import mosel_gym.agents.baselines.rl  # noqa: F401  # first: it tells which package is missing
from mosel_gym.benchmark.rl_given import Given
from mosel_gym.benchmark.rl_scratch import CURVE_NAME, ScratchConfig, train_scratch


def main(out: Path, config: Annotated[ScratchConfig, tyro.conf.arg(name="")]) -> None:
    """Learn one skill from reward alone, with SAC or PPO of stable-baselines3.

    Args:
        out: Gets an agent that `mosel eval --agent` takes, and curve.jsonl: success against
            interactions. Run again after an interruption, it goes on from its last measurement.
        config: Task, algorithm and budget.
    """
    agent = train_scratch(config, out)
    print(f"{agent.name} was given:\n{Given.of(agent.card).text()}")
    print(f"Agent: {out}. Learning curve: {out / CURVE_NAME}")


if __name__ == "__main__":
    tyro.cli(main)
