"""`mosel bench strength`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from mosel_gym.benchmark.rows import RESULTS
from mosel_gym.benchmark.strength_more import strength_text
from mosel_gym.benchmark.strength_run import StrengthConfig, run_missing
from mosel_gym.cli.options import told_errors


def main(
    config: Annotated[StrengthConfig, tyro.conf.arg(name="")],
    rows: Path = RESULTS / "strength.jsonl",
    out: Path = Path("runs/strength"),
    workers: int = 2,
    render_only: bool | None = None,
) -> int:
    """What the agents must reach, and what they reach: before, control, after, beside the paper.

    From stored rows alone, with Wilson intervals and tests paired by seed. Labels of the rows are
    "base", "control, round k" and "after round k". What is missing is a gap, and never filled.

    Args:
        config: What is run, where it is.
        rows: File of JSON lines, one an episode.
        out: Folder of the episodes; finished ones are not run again.
        workers: Processes, one core each.
        render_only: Run nothing; None = only where --rows exists. False runs what is missing in it.
    """
    errors: list[str] = []
    if render_only is False or (render_only is None and not rows.exists()):
        errors = run_missing(config, rows, out, workers, say=print)
    print(strength_text(rows))
    return told_errors(errors)
