"""`mosel data export-lerobot`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import tyro

from mosel_gym.integrations.lerobot_dataset import export_dataset
from mosel_gym.integrations.lerobot_frames import Text


def main(
    paths: Annotated[tuple[Path, ...], tyro.conf.Positional],
    out: Path,
    text: Text = "goal",
    videos: bool = False,
    repo_id: str = "mosel/episodes",
) -> int:
    """Write episodes as a LeRobotDataset; needs LeRobot.

    Args:
        paths: Episode files, or folders with such files.
        out: Folder of the new dataset.
        text: What LeRobot's `task` says: the goal, or the skill of each step.
        videos: Store pictures as mp4: smaller, but not exact.
        repo_id: The dataset's name, for a later upload.
    """
    try:
        count = export_dataset(paths, out, text=text, videos=videos, repo_id=repo_id)
    except FileExistsError as error:
        print(f"mosel data export-lerobot: {error}", file=sys.stderr)
        return 2
    print(f"{count} episodes written to {out}")
    return 0
