"""`mosel improve-rounds`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import tyro

from mosel_gym.benchmark.rounds import improve_rounds
from mosel_gym.benchmark.rounds_config import RoundsConfig
from mosel_gym.benchmark.rounds_evaluate import eval_commands, evaluate_rounds
from mosel_gym.benchmark.rounds_report import write_rounds
from mosel_gym.cli.options import told_stop
from mosel_gym.errors import BudgetReached


def main(
    config: Annotated[RoundsConfig, tyro.conf.arg(name="")],
    out: Path = Path("runs/rounds"),
    workers: int | None = None,
    evaluate: int = 0,
    evaluate_all: bool = False,
) -> int:
    """Let an agent act, judge itself and improve, round after round, with a control beside it.

    Stop it at any time: the same command goes on where it was. A round that the agent's own
    analyzer finds worse on held-out seeds is rolled back; one without enough to learn from is
    skipped, and the report says why.

    Args:
        config: Agent, tasks, sizes and the recipe of a round.
        out: Folder of everything; `agent` and `control` in it are the last ones that were kept.
        workers: Processes, one core each; by default 2, or 1 if a foundation model is asked.
        evaluate: Then run so many held-out episodes of each task with the agents before and after,
            and the control.
        evaluate_all: Evaluate after every kept round, not only the last.
    """
    try:
        rounds = improve_rounds(config, out, workers)
        more = eval_commands(config, out, rounds)
        if evaluate:
            more = evaluate_rounds(config, out, rounds, evaluate, workers, every=evaluate_all)
    except BudgetReached as stopped:
        print("What was finished is kept; the same command goes on.", file=sys.stderr)
        return told_stop(stopped)
    print(write_rounds(config, out, rounds, more))
    print(f"\nReport: {out / 'report.html'}")
    return 0
