"""`mosel run`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from mosel_gym.benchmark.evaluate import EvalConfig, evaluate
from mosel_gym.benchmark.results import EpisodeResult
from mosel_gym.benchmark.tables import models_text
from mosel_gym.cli.options import exit_code, told_stop


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
    seeds = range(seed, seed + episodes)
    done = evaluate(config, out, seeds, workers, kind="run")
    for result in done.results:
        for attempt in (*result.earlier, result):
            if attempt.status == "ok":
                print(_told(attempt, out / "episodes"))
    print(f"{models_text(done.models)}\nReport: {out / 'report.html'}")
    return told_stop(done.stopped) or exit_code(done.results)


def _told(attempt: EpisodeResult, folder: Path) -> str:
    """One attempt at a seed: the plan and why, what became of it, and what the analyzer says."""
    word = "reached" if attempt.success else "not reached"
    which = f", refined plan {attempt.refinement}" if attempt.refinement else ""
    lines = [
        f"seed {attempt.seed}{which}: goal {word} after {attempt.steps} steps",
        f"  agent: {attempt.agent}",
        f"  plan by {attempt.planner}: {'; '.join(attempt.plan)}",
        f"    {attempt.reasoning}",
    ]
    if attempt.hints:
        lines.append("  a person's hints were given")
    if attempt.unjudged:
        by = f" by {attempt.analyzer}" if attempt.analyzer else ""
        lines.append(f"  no verdict{by}: {attempt.unjudged}")
    else:
        judged = "a success" if attempt.judged_success else "a failure"
        lines += [f"  judged {judged} by {attempt.analyzer}:", f"    {attempt.rationale}"]
    if attempt.refinement_ended:
        lines.append(f"  not refined further: {attempt.refinement_ended}")
    if attempt.video:
        lines.append(f"  {folder / attempt.video}")
    return "\n".join(lines)
