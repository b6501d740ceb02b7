"""`mosel report`."""

from __future__ import annotations

from pathlib import Path

import tyro

from mosel_gym.benchmark.report import write_report


def main(folder: tyro.conf.Positional[Path]) -> None:
    """Write report.html again from a summary.json.

    Args:
        folder: Where the summary is, such as runs/demo.
    """
    print(write_report(folder))
