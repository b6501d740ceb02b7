"""Episode files to and from LeRobotDataset folders (its format 3.0)."""

# LeRobot is not installed where this is checked.
# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mosel_gym.data.libero_hdf5 import demo_names, read_episode, write_episode
from mosel_gym.errors import MissingLibrary, NotEnoughData, SpecMismatch
from mosel_gym.integrations.lerobot_frames import (
    SKILL,
    Text,
    episode_from,
    features_of,
    frames_of,
    robot_in,
    side_file,
    write_side_file,
)
from mosel_gym.integrations.lerobot_layout import (
    ACTION,
    FPS,
    IMAGES,
    STATE,
    TASK,
    pictures_from_floats,
)
from mosel_gym.types import Episode

_REPO_ID = "mosel/episodes"
"""LeRobot wants an owner and a name even for a folder; nothing is looked up or sent."""
_NOWHERE = "on..disk/only"
"""No legal name: LeRobot would fetch what a folder lacks from whoever owns the name."""


def export_dataset(
    paths: Sequence[str | Path],
    folder: str | Path,
    *,
    text: Text = "goal",
    videos: bool = False,
    repo_id: str = _REPO_ID,
) -> int:
    """Write episode files as one LeRobotDataset, at 20 frames a second.

    Columns are named as in LeRobot's LIBERO datasets, and LIBERO's pictures turned as they are
    there: `observation.images.image` and `image2`, `observation.state`, `action`, beside a column
    `skill` with the text of the skill of every step.

    Args:
        paths: Episode files (ours or LIBERO's published ones), or folders with such files.
        folder: The new dataset; it appears complete or not at all.
        text: What stands in LeRobot's `task`: the goal, or the skill of the step.
        videos: Store mp4, small but not exact, in place of PNG, which is exact.
        repo_id: Its name, for a later upload.

    Returns:
        How many episodes were written.

    Raises:
        FileExistsError: The folder exists.
        NotEnoughData: There are no episode files.
        SpecMismatch: Episodes of two robots, of several picture sizes, or without pictures.
        MissingLibrary: LeRobot is not installed.
    """
    dataset_class = _lerobot_dataset()
    target = Path(folder)
    if target.exists():
        raise FileExistsError(f"{target} exists; name a new folder for the dataset.")
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    dataset, columns, count = None, {}, 0
    try:
        for episode in _episodes(paths):
            features = features_of(episode, videos=videos)
            if dataset is None:
                columns = features
                dataset = dataset_class.create(
                    repo_id=repo_id,
                    fps=FPS,
                    features=features,
                    root=draft,
                    robot_type=robot_in(episode).name,
                    use_videos=videos,
                )
            if features != columns:
                raise SpecMismatch(
                    f"The episode of {episode.goal!r} has the columns {_shapes(features)}, the "
                    f"first one {_shapes(columns)}. Export them into datasets of their own."
                )
            for frame in frames_of(episode, text):
                dataset.add_frame(frame)
            dataset.save_episode()
            write_side_file(draft, count, episode)
            count += 1
        if dataset is None:
            raise NotEnoughData(f"There are no episode files in {[str(path) for path in paths]}.")
        dataset.finalize()
        draft.rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return count


def import_dataset(
    folder: str | Path,
    out: str | Path,
    *,
    orientation: str | None = None,
) -> list[Path]:
    """Write the episodes of a LeRobotDataset as episode files.

    Args:
        folder: The dataset, on disk.
        out: Folder for `episode_000000.hdf5` and so on; files that are there already are kept.
        orientation: Which way up its pictures are ("upright", "opengl" or "rotated"); None = as in
            LeRobot's LIBERO datasets and in our exports.

    Returns:
        All of the files, in order.

    Raises:
        FileNotFoundError: The folder is no LeRobotDataset, or lacks some of it.
        SpecMismatch: It lacks a column, or its robot is none of ours.
        DamagedFile: A file that the export wrote beside it cannot be read.
        MissingLibrary: LeRobot is not installed.
    """
    dataset_class = _lerobot_dataset()
    source = Path(folder)
    if not (source / "meta" / "info.json").is_file():  # LeRobot would go and look for it online
        raise FileNotFoundError(f"{source} is no LeRobotDataset: it has no meta/info.json.")
    dataset = _on_disk(dataset_class, source)
    missing = sorted({STATE, ACTION} - set(dataset.features))
    if missing:
        raise SpecMismatch(f"{source} lacks {missing}; its columns: {sorted(dataset.features)}.")
    written = []
    for index, columns in _columns_by_episode(dataset):
        path = Path(out) / f"episode_{index:06d}.hdf5"
        if not path.exists():
            side = side_file(source, index)
            episode = episode_from(columns, side if side.exists() else None, orientation)
            write_episode(path, episode)
        written.append(path)
    return written


def _on_disk(dataset_class: Any, source: Path) -> Any:
    """The dataset as it lies there; nothing is fetched."""
    from huggingface_hub.errors import HFValidationError

    try:
        # PyAV brings its own FFmpeg; LeRobot's default for mp4 needs one of the system's.
        return dataset_class(_NOWHERE, root=source, video_backend="pyav")
    except HFValidationError as error:
        raise FileNotFoundError(
            f"{source} is not complete: LeRobot does not find all that meta/info.json tells of. "
            "Copy or download it again."
        ) from error


def _lerobot_dataset() -> Any:
    try:
        from lerobot.datasets.lerobot_dataset import (
            LeRobotDataset,
        )
    except ImportError as error:
        raise MissingLibrary(
            f"LeRobot's datasets cannot be imported ({error}). `pip install 'lerobot[dataset]'` in "
            "an environment of its own, and mosel-gym beside it: docs/integrations.md has the "
            "commands."
        ) from error
    return LeRobotDataset


def _episodes(paths: Sequence[str | Path]) -> Iterator[Episode]:
    for path in map(Path, paths):
        found = sorted(path.rglob("*.hdf5")) if path.is_dir() else [path]
        for file in found:
            if not file.name.startswith("."):  # a draft that was never finished
                for demo in demo_names(file):
                    yield read_episode(file, demo)


def _columns_by_episode(dataset: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows of every episode as arrays; one episode in memory at a time."""
    keys = [key for key in dataset.features if key.startswith(IMAGES)]
    rows: list[dict[str, Any]] = []
    current = 0
    for position in range(len(dataset)):
        item = dataset[position]
        index = int(item["episode_index"])
        if rows and index != current:
            yield current, _stacked(rows)
            rows = []
        current = index
        row = {key: pictures_from_floats(item[key].numpy(), key) for key in keys}
        row |= {key: item[key].numpy() for key in (STATE, ACTION)}
        rows.append(row | {key: item[key] for key in (TASK, SKILL) if key in item})
    if rows:
        yield current, _stacked(rows)


def _stacked(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        key: [row[key] for row in rows]
        if key in (TASK, SKILL)
        else np.stack([r[key] for r in rows])
        for key in rows[0]
    }


def _shapes(features: dict[str, dict[str, Any]]) -> dict[str, tuple[int, ...]]:
    return {key: tuple(feature["shape"]) for key, feature in features.items()}
