"""`mosel eval`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from mosel_gym.benchmark.evaluate import EvalConfig, evaluate, evaluate_reliance
from mosel_gym.cli.options import exit_code


def main(
    config: Annotated[EvalConfig, tyro.conf.arg(name="")],
    out: Path = Path("runs/eval"),
    episodes: int = 20,
    seed: int = 5000,
    workers: int = 2,
    goal_reliance: bool = False,
) -> int:
    """Measure an agent: success with Wilson intervals, verdicts against the truth, report.html.

    Args:
        config: Agent, task and how it is run.
        out: Folder; finished episodes are not run again.
        episodes: Number of seeds.
        seed: The first seed.
        workers: Processes, one core each.
        goal_reliance: Try each skill with no goal, another skill's, the expert's and the imagined
            goal pictures instead.
    """
    if goal_reliance:
        text, errors = evaluate_reliance(config, out, episodes, seed, workers)
        print(text)
        return 1 if errors else 0
    text, results = evaluate(config, out, range(seed, seed + episodes), workers)
    print(f"{text}\n\nReport: {out / 'report.html'}")
    return exit_code(results)
