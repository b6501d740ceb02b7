"""The two commands, and what LeRobot itself reads; `test_lerobot_peer.py` judges the facts."""

# LeRobot is not installed where this is checked.
# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import lerobot
import tyro
from lerobot.datasets.lerobot_dataset import LeRobotDataset

from mosel_gym.cli import data_export_lerobot, data_import_lerobot
from mosel_gym.integrations.lerobot_dataset import export_dataset, import_dataset


def main(episodes: Path, folder: Path) -> dict[str, Any]:
    """Export, look, import; then once more as if the dataset were somebody else's.

    Args:
        episodes: Folder with episode files.
        folder: Gets `dataset`, `back`, `foreign`, `back-foreign` and `by-skill`.
    """
    dataset, back = folder / "dataset", folder / "back"
    arguments = [str(episodes), "--out", str(dataset)]
    codes = [tyro.cli(data_export_lerobot.main, args=arguments)]
    codes.append(tyro.cli(data_export_lerobot.main, args=arguments))  # the folder is there now
    codes.append(tyro.cli(data_import_lerobot.main, args=[str(dataset), "--out", str(back)]))
    read = LeRobotDataset("somebody/else", root=dataset)
    first = read[0]
    foreign = folder / "foreign"
    shutil.copytree(dataset, foreign, ignore=shutil.ignore_patterns("mosel"))
    import_dataset(foreign, folder / "back-foreign")
    incomplete = shutil.copytree(dataset, folder / "cut", ignore=shutil.ignore_patterns("data"))
    try:
        said = str(import_dataset(incomplete, folder / "back-cut"))
    except FileNotFoundError as error:
        said = str(error)
    export_dataset([episodes], folder / "by-skill", text="skill")
    by_skill = LeRobotDataset("somebody/else", root=folder / "by-skill")
    return {
        "lerobot": lerobot.__version__,
        "codes": codes,
        "incomplete": said,
        "fps": read.fps,
        "robot": read.meta.robot_type,
        "episodes": read.num_episodes,
        "frames": len(read),
        "features": {name: read.features[name]["dtype"] for name in read.features},
        "image_shape": list(first["observation.images.image"].shape),
        "image_corner": (first["observation.images.image"][:, 0, 0] * 255).round().tolist(),
        "tasks": [read[index]["task"] for index in range(len(read))],
        "skills": [read[index]["skill"] for index in range(len(read))],
        "tasks_by_skill": [by_skill[index]["task"] for index in range(len(by_skill))],
    }
