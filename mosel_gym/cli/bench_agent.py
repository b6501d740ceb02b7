"""`mosel bench agent`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from mosel_gym.benchmark.agent_speed import AgentSpeedConfig, bench_agent
from mosel_gym.benchmark.agent_speed_table import agent_table


def main(
    config: Annotated[AgentSpeedConfig, tyro.conf.arg(name="")],
    out: Path = Path("runs/bench/agent.json"),
) -> None:
    """Time an agent: `act` inside a chunk and at its border, plans, an episode, an improvement.

    On one torch thread. What is expected on two CPU cores stands beside what was measured. The
    round of improvement is small, and extrapolated to the paper's size by a formula that is shown.

    Args:
        config: Agent, task and sizes.
        out: JSON file with every measured time, the hardware and the load.
    """
    print(f"\n{agent_table(bench_agent(config, out))}\n\n{out}")
