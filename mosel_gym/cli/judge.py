"""`mosel judge`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import tyro

from mosel_gym.benchmark.judge import JudgeConfig, judge
from mosel_gym.llm.config import ChatConfig


def main(
    episodes: Annotated[tuple[Path, ...], tyro.conf.Positional],
    config: Annotated[JudgeConfig, tyro.conf.arg(name="")],
    llm: ChatConfig,
    out: Path = Path("runs/judge"),
) -> int:
    """Compare the verdicts of video analyzers with the simulator's, on recorded episodes.

    Prints accuracy, precision, recall and F1 by task (Table 8 of the paper) and by analyzer, with
    cost and seconds (Table 9). Writes judged.jsonl, judge.json and judge.md.

    Args:
        episodes: HDF5 files, mp4 files, or folders of them, such as those of mosel run or collect.
        config: Which analyzers, and what to compare.
        llm: How foundation models are called: budget, cache, time-outs.
        out: Folder; what was judged there is not asked again.
    """
    outcome = judge(episodes, config, out, llm)
    print(f"{outcome.text}\n\n{out / 'judge.md'}")
    if outcome.errors:
        said = f"{len(outcome.errors)} questions failed. The first one:\n{outcome.errors[0]}"
        print(f"\n{said}", file=sys.stderr)
    return 1 if outcome.errors or outcome.stopped or outcome.damaged else 0
