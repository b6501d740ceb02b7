"""`mosel bench experts`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from mosel_gym.benchmark.experts import ExpertsConfig, bench_experts, experts_table
from mosel_gym.cli.options import told_errors


def main(
    config: Annotated[ExpertsConfig, tyro.conf.arg(name="")],
    out: Path = Path("runs/bench/experts.json"),
    workers: int = 2,
) -> int:
    """Success of the scripted experts on held-out seeds, as a table.

    Args:
        config: Which experts, how often.
        out: JSON file with every task's failed seeds and the hardware.
        workers: Processes, one core each.
    """
    found = bench_experts(config, out, workers)
    print(f"\n{experts_table(found)}\n{out}")
    return told_errors([row.error for row in found["rows"] if row.error])
