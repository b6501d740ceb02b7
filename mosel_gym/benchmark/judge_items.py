"""What there is to judge below some paths: episode files, their demonstrations, and videos."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mosel_gym.benchmark.judge_video import VideoTold, own_video, read_video, told
from mosel_gym.data.libero_hdf5 import demo_names, read_episode
from mosel_gym.data.provenance_check import renderer_kind
from mosel_gym.data.windows import episode_files
from mosel_gym.errors import DamagedFile, MoselError
from mosel_gym.types import Episode

_PART = 1 << 20


@dataclass(frozen=True)
class Item:
    """One episode on disk."""

    path: Path
    demo: str
    """Name inside the HDF5 file; empty for a video."""
    key: str
    """The same for the same contents, wherever the file lies."""
    video: VideoTold | None = None

    def load(self) -> Episode:
        """Read it.

        Raises:
            DamagedFile: It cannot be read; names its path.
        """
        if self.video is not None:
            return read_video(self.path, self.video)
        return read_episode(self.path, self.demo)


@dataclass(frozen=True)
class Found:
    """What was found, and what was passed over."""

    items: list[Item]
    own_videos: int = 0
    """Recordings with verdicts in the picture."""
    damaged: tuple[str, ...] = ()
    """Files that cannot be read, with the reason."""


def find_items(paths: Sequence[Path], video: VideoTold) -> Found:
    """Every episode below some paths, each of the same contents once.

    Args:
        paths: HDF5 files, mp4 files, or folders that are searched for both.
        video: What holds of mp4 files that have no JSON file beside them.

    Raises:
        FileNotFoundError: A path does not exist.
        MoselError: Nothing was found, or a video does not say what was to be done.
    """
    items: dict[str, Item] = {}
    own, damaged = 0, []
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(f"no episode file or folder at {path}")
        for file in _files(path):
            if file.suffix != ".mp4":
                try:
                    found = _demos(file)
                except DamagedFile as error:
                    damaged.append(str(error))
                    continue
            elif path.is_dir() and own_video(file):
                own += 1
                continue
            else:
                what = told(file, video)
                found = [Item(file, "", f"{_digest(file)}:{_short(repr(what))}", what)]
            items.update((item.key, item) for item in found if item.key not in items)
    if not items:
        passed = f" {own} mp4 files show verdicts in the picture and were left out." if own else ""
        broken = f" {len(damaged)} files cannot be read, such as: {damaged[0]}" if damaged else ""
        where = ", ".join(map(str, paths)) or "no path"
        raise MoselError(
            f"There is nothing to judge in {where}.{passed}{broken} Give .hdf5 episodes (`mosel "
            "run`, `mosel collect`, `mosel eval --buffer` and RecordEpisode write them), other mp4 "
            "files, or folders of them."
        )
    return Found(list(items.values()), own, tuple(damaged))


def source_of(episode: Episode) -> str:
    """What drew the pictures and what of: episodes of different sources are not pooled."""
    if episode.provenance.get("source") == "video":
        return "video files"
    renderer = episode.provenance.get("renderer")
    kind = "renderer not recorded" if renderer is None else renderer_kind(renderer)
    return f"{kind}, assets {episode.provenance.get('assets', 'not recorded')}"


def hidden(episode: Episode) -> Episode:
    """The episode without anything that only the simulator knows."""
    return replace(episode, success=None, skill_done=None, states=None, fixtures=None)


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    yield from episode_files(path)
    yield from sorted(file for file in path.rglob("*.mp4") if not file.name.startswith("."))


def _demos(file: Path) -> list[Item]:
    digest = _digest(file)
    return [Item(file, demo, f"{digest}:{demo}") for demo in demo_names(file)]


def _digest(file: Path) -> str:
    """Of the size, the beginning and the end: whole files may be gigabytes."""
    size = file.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with file.open("rb") as stream:
        digest.update(stream.read(_PART))
        stream.seek(max(0, size - _PART))
        digest.update(stream.read(_PART))
    return digest.hexdigest()[:16]


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
