"""Clips of episode files in a cache folder: made once, then mapped into memory."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mosel_gym.data.atomic import atomic_path
from mosel_gym.data.clip import Clip
from mosel_gym.data.clip_store import stored_clips
from mosel_gym.data.locking import locked
from mosel_gym.errors import DamagedFile

_LOG = logging.getLogger(__name__)
_VERSION = 2
"""Of what a clip holds; a new number makes every cache anew."""
_SOURCES = "sources.json"


def cached_clips(
    cache: str | Path,
    asked: Sequence[Path],
    files: Sequence[Path],
    settings: Mapping[str, Any],
    read: Callable[[], Iterable[Clip]],
) -> list[Clip]:
    """The clips of some episode files, from the cache if it still fits the files.

    One cache folder serves many data sets and settings: each has a folder of its own in it, named
    by the fingerprint of both (path, size and time of every file). Files that have changed, or new
    ones, make another fingerprint; what the same paths had before is then removed. A folder that is
    damaged or was never finished is made again.

    Args:
        cache: The cache folder.
        asked: The paths as the user gave them.
        files: The episode files below them.
        settings: What else decides the clips: picture size, cameras and so on.
        read: Reads the files; called only where the cache does not fit.

    Returns:
        Clips whose pictures are views of a mapped file, see `stored_clips`.
    """
    root = Path(cache)
    root.mkdir(parents=True, exist_ok=True)
    fingerprint = {
        "version": _VERSION,
        "asked": [str(path.resolve()) for path in asked],
        "settings": {name: _plain(value) for name, value in sorted(settings.items())},
        "files": {str(path.resolve()): _stamp(path) for path in files},
    }
    folder = root / _digest(fingerprint)
    with locked(root):  # of several processes one builds, and the others wait
        stale = [] if folder.exists() else _stale(root, fingerprint)
        clips = _opened(folder, read)
        with atomic_path(folder / _SOURCES) as draft:
            draft.write_text(json.dumps(fingerprint, indent=1), encoding="utf-8")
        for old in stale:
            shutil.rmtree(old, ignore_errors=True)
    return clips


def _opened(folder: Path, read: Callable[[], Iterable[Clip]]) -> list[Clip]:
    try:
        return stored_clips(folder, read)
    except DamagedFile as error:
        if not (folder / "index.json").exists():
            raise  # an episode file is damaged, not the cache
        _LOG.warning("the cache is damaged and is made again: %s", error)
        shutil.rmtree(folder)
        return stored_clips(folder, read)


def _stale(root: Path, fingerprint: Mapping[str, Any]) -> list[Path]:
    """Folders of the same paths and settings, but of other files; says what has changed."""
    found = []
    for path in sorted(root.glob(f"*/{_SOURCES}")):
        try:
            old = json.loads(path.read_text(encoding="utf-8"))
            same = all(old[name] == fingerprint[name] for name in ("asked", "settings"))
            before = dict(old["files"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if same:
            _LOG.warning("the cache %s is made again: %s", root, _changes(before, fingerprint))
            found.append(path.parent)
    return found


def _changes(before: Mapping[str, Any], fingerprint: Mapping[str, Any]) -> str:
    now = fingerprint["files"]
    groups = {
        "new": [name for name in now if name not in before],
        "gone": [name for name in before if name not in now],
        "changed": [name for name in now if name in before and now[name] != before[name]],
    }
    told = [f"{len(names)} {what} (such as {names[0]})" for what, names in groups.items() if names]
    return ", ".join(told) + " files" if told else "it is of an older mosel-gym"


def _stamp(path: Path) -> list[int]:
    """Size and time of a file; of one that is not there, that: reading it tells the user."""
    try:
        found = path.stat()
    except OSError:
        return []
    return [found.st_size, found.st_mtime_ns]


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _digest(fingerprint: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(fingerprint, sort_keys=True).encode()).hexdigest()[:16]
