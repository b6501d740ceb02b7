"""`mosel eval`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import tyro

from mosel_gym.benchmark.comparing import paired_text, rates_text
from mosel_gym.benchmark.evaluate import (
    EvalConfig,
    check_rows,
    evaluate,
)
from mosel_gym.benchmark.evaluate_reliance import evaluate_reliance
from mosel_gym.benchmark.rows import RESULTS, merge_rows, read_rows
from mosel_gym.benchmark.specs import env_ids
from mosel_gym.cli.options import exit_code, told_stop
from mosel_gym.errors import MoselError


def main(
    config: Annotated[EvalConfig, tyro.conf.arg(name="")],
    tasks: tuple[str, ...] = (),
    out: Path = Path("runs/eval"),
    rows: Path = RESULTS / "eval.jsonl",
    episodes: int = 20,
    seed: int = 5000,
    workers: int | None = None,
    goal_reliance: bool = False,
    write_card: bool = False,
    replace_rows: Annotated[bool, tyro.conf.arg(name="replace")] = False,
) -> int:
    """Measure an agent: success with Wilson intervals, verdicts against the truth, report.html.

    Every episode also becomes a line in --rows; agents that have lines there on the same seeds are
    compared with this one.

    Args:
        config: Agent, task and how it is run.
        tasks: Several, in place of --task: ids, numbers of LIBERO-Long tasks, or a suite's name.
        out: Folder; finished episodes are not run again. Several tasks get a folder each in it.
        rows: File of JSON lines, one an episode; an episode that is run again is replaced.
        episodes: Number of seeds.
        seed: The first seed.
        workers: Processes, one core each; by default 2, or 1 if a foundation model is asked.
        goal_reliance: Try each skill with no goal, another skill's, the expert's and the imagined
            goal pictures instead; says whether the limits are reached, and what cannot be measured.
        write_card: With --goal-reliance: the agent carries the result, as a file in its folder.
        replace_rows: Remove rows in --rows that another agent, or an earlier version of this one,
            has under the same label; otherwise that is an error.
    """
    if goal_reliance:
        text, errors = evaluate_reliance(
            config, out, episodes, seed, workers or 2, tasks=tasks, write_card=write_card
        )
        print(text)
        return 1 if errors else 0
    if write_card:
        raise MoselError("--write-card stores goal reliance: give --goal-reliance as well.")
    code, mine = 0, []
    wanted = env_ids(tasks or (config.task,))
    seeds = range(seed, seed + episodes)
    for task in wanted:  # before anything is run
        check_rows(replace(config, task=task), rows, seeds, replaced=replace_rows)
    for task in wanted:
        folder = out / task if tasks else out
        done = evaluate(replace(config, task=task), folder, seeds, workers)
        merge_rows(rows, done.rows)
        mine += done.rows
        heading = f"{task}\n" if tasks else ""
        print(f"{heading}{done.text}\n\nReport: {folder / 'report.html'}\n")
        code = max(code, told_stop(done.stopped) or exit_code(done.results))
        if done.stopped:
            break
    others = [row for row in read_rows(rows) if row.env_id in wanted]
    print(f"{rates_text(mine)}\n\nBeside the other rows of {rows}. {paired_text(others, mine)}")
    return code
