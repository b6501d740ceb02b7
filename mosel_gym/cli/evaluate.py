"""`mosel eval`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from mosel_gym.benchmark.evaluate import EvalConfig, evaluate, evaluate_reliance
from mosel_gym.cli.options import exit_code, told_stop


def main(
    config: Annotated[EvalConfig, tyro.conf.arg(name="")],
    out: Path = Path("runs/eval"),
    episodes: int = 20,
    seed: int = 5000,
    workers: int | None = None,
    goal_reliance: bool = False,
) -> int:
    """Measure an agent: success with Wilson intervals, verdicts against the truth, report.html.

    Args:
        config: Agent, task and how it is run.
        out: Folder; finished episodes are not run again.
        episodes: Number of seeds.
        seed: The first seed.
        workers: Processes, one core each; by default 2, or 1 if a foundation model is asked.
        goal_reliance: Try each skill with no goal, another skill's, the expert's and the imagined
            goal pictures instead.
    """
    if goal_reliance:
        text, errors = evaluate_reliance(config, out, episodes, seed, workers or 2)
        print(text)
        return 1 if errors else 0
    done = evaluate(config, out, range(seed, seed + episodes), workers)
    print(f"{done.text}\n\nReport: {out / 'report.html'}")
    return told_stop(done.stopped) or exit_code(done.results)
