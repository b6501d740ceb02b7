"""Where generated files live, and how to publish them when several processes build at once."""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path


def cache_dir() -> Path:
    """The folder for generated assets: `assets` in `$MOSEL_CACHE`, else in `~/.cache/mosel-gym`."""
    root = os.environ.get("MOSEL_CACHE")
    base = Path(root) if root else Path.home() / ".cache" / "mosel-gym"
    return base.expanduser().absolute() / "assets"


def write_file(path: Path, data: bytes) -> None:
    """Write one file so that nobody ever sees half of it; missing folders are made.

    Raises:
        OSError: Nothing can be written there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        temporary.write_bytes(data)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_folder(
    folder: Path, contents: Mapping[str, bytes], valid: Callable[[Path], bool]
) -> None:
    """Write a folder so that nobody ever sees half of it.

    The files go into a temporary folder beside `folder`, which is then renamed. Where another
    process was faster, its result stands and ours is thrown away.

    Args:
        folder: The folder to make; an old one there is replaced.
        contents: Relative path to bytes, for every file.
        valid: Says whether a folder holds what it should.

    Raises:
        OSError: Nothing can be written there.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    workspace = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}")
    fresh, stale = workspace / "new", workspace / "old"
    try:
        for name, data in contents.items():
            (fresh / name).parent.mkdir(parents=True, exist_ok=True)
            (fresh / name).write_bytes(data)
        if folder.exists() and not valid(folder):
            with contextlib.suppress(FileNotFoundError):  # another process has moved it away
                folder.rename(stale)
        try:
            fresh.rename(folder)
        except OSError:
            if not valid(folder):
                raise
    finally:
        shutil.rmtree(workspace, ignore_errors=True)
