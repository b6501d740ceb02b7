"""`mosel data import`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import tyro

from mosel_gym.data.published_check import import_published


def main(
    paths: Annotated[tuple[Path, ...], tyro.conf.Positional],
    out: Path | None = None,
    check: bool = False,
) -> int:
    """Check LIBERO's published HDF5 files, and turn them into episodes that training reads.

    Args:
        paths: `*_demo.hdf5` files, or folders with them.
        out: Folder for the episodes, one file per demonstration; those that are there already are
            kept as they are.
        check: Only check; `--out` is then not needed.
    """
    if out is None and not check:
        print("mosel data import: give --out FOLDER, or --check", file=sys.stderr)
        return 2
    bad = 0
    for report in import_published(paths, None if check else out):
        state = "ok " if not report.faults else "BAD"
        print(f"{state} {report.path}: {report.demos} demonstrations, {report.written} written")
        for fault in report.faults:
            print(f"      {fault}")
        bad += bool(report.faults)
    return 2 if bad else 0
