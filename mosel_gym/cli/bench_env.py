"""`mosel bench env`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from mosel_gym.benchmark.speed import SpeedConfig, bench_env, speed_table


def main(
    config: Annotated[SpeedConfig, tyro.conf.arg(name="")],
    out: Path = Path("runs/bench/env.json"),
) -> None:
    """Steps and resets per second on the ten long tasks, against LIBERO in the same run; memory.

    Args:
        config: How long to measure.
        out: JSON file with every round's rates and the hardware.
    """
    print(f"\n{speed_table(bench_env(config, out))}\n{out}")
