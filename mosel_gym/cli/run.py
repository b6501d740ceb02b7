"""`mosel run`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from mosel_gym.benchmark.evaluate import EvalConfig, evaluate
from mosel_gym.cli.options import exit_code


def main(
    config: Annotated[EvalConfig, tyro.conf.arg(name="")],
    out: Path = Path("runs/run"),
    episodes: int = 1,
    seed: int = 0,
    workers: int = 1,
) -> int:
    """Run an agent on a task; writes an mp4, an HDF5 file and the verdicts of each episode.

    Args:
        config: Agent, task and how it is run.
        out: Folder; finished seeds are not run again.
        episodes: Number of episodes.
        seed: The first seed.
        workers: Processes, one core each; 1 runs here.
    """
    _, results = evaluate(config, out, range(seed, seed + episodes), workers, kind="run")
    for result in results:
        if result.status == "error":
            continue
        word = "reached" if result.success else "not reached"
        print(f"seed {result.seed}: goal {word} after {result.steps} steps. {result.rationale}")
        print(f"  {out / 'episodes' / str(result.video)}")
    return exit_code(results)
