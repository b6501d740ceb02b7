"""`mosel data import-lerobot`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import tyro

from mosel_gym.integrations.lerobot_dataset import import_dataset


def main(
    folder: Annotated[Path, tyro.conf.Positional],
    out: Path,
    orientation: Literal["upright", "opengl", "rotated"] | None = None,
) -> int:
    """Write the episodes of a LeRobotDataset as episode files; needs LeRobot.

    Args:
        folder: The dataset, on disk.
        out: Folder for the episodes; those that are there already are kept as they are.
        orientation: Which way up its pictures are; left out = as in LeRobot's LIBERO datasets and
            in our own exports.
    """
    written = import_dataset(folder, out, orientation=orientation)
    print(f"{len(written)} episodes in {out}")
    return 0
