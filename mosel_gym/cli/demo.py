"""`mosel demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from mosel_gym.benchmark.demo import DemoConfig, demo
from mosel_gym.benchmark.results import EpisodeResult
from mosel_gym.cli.options import exit_code


def main(
    config: Annotated[DemoConfig, tyro.conf.arg(name="")],
    out: Path = Path("runs/demo"),
    workers: int = 2,
    fresh: bool = False,
) -> int:
    """Act, reflect, improve the weakest module, act again, beside a control.

    Args:
        config: Sizes and seeds.
        out: Folder for summary.json, report.html and the mp4s. Run again, it goes on from there.
        workers: Processes, one core each.
        fresh: Remove what an earlier demo left in that folder.
    """
    summary = demo(config, out, workers, fresh=fresh)
    print(f"\n{summary['text']}\n\nReport: {out / 'report.html'}")
    rows = [row for arm in summary["arms"].values() for row in arm["episodes"]]
    return exit_code([EpisodeResult.from_plain(row) for row in rows])
