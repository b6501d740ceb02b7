"""`mosel collect`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from mosel_gym.benchmark.collect import CollectConfig, collect
from mosel_gym.benchmark.metrics import share
from mosel_gym.cli.options import told_errors


def main(
    out: Path, config: Annotated[CollectConfig, tyro.conf.arg(name="")], workers: int = 2
) -> int:
    """Collect demonstrations by the scripted expert: HDF5 in LIBERO's layout, and an mp4 each.

    Args:
        out: Folder. Run again after an interruption, it goes on from there.
        config: What to collect.
        workers: Processes, one core each.
    """
    rows = collect(config, out, workers)
    fine = [row for row in rows if not row.error]
    print(f"{len(fine)} episodes in {out}; task success {share(row.success for row in fine)}")
    for skill in dict.fromkeys(skill for row in fine for skill in row.skills_done):
        print(f"  {skill}: {share(row.skills_done.get(skill) for row in fine)}")
    return told_errors([row.error for row in rows if row.error])
