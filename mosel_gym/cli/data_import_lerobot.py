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
    repo_id: str = "mosel/episodes",
) -> int:
    """Write the episodes of a LeRobotDataset as episode files; needs LeRobot.

    Args:
        folder: The dataset, on disk.
        out: Folder for the episodes; those that are there already are kept as they are.
        orientation: Which way up its pictures are; left out = as in LeRobot's LIBERO datasets and
            in our own exports.
        repo_id: The dataset's name.
    """
    written = import_dataset(folder, out, orientation=orientation, repo_id=repo_id)
    print(f"{len(written)} episodes in {out}")
    return 0
