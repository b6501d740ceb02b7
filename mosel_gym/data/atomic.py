"""Files that are there completely or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Give out a temporary path beside `path`, and move it there once the block has succeeded.

    A killed process leaves at most a file whose name starts with a dot; readers skip those. An
    exception inside the block removes the temporary file and leaves an older `path` as it was.

    Args:
        path: The final file. Missing parent folders are made.

    Yields:
        Where to write; it keeps the suffix of `path`, since encoders go by it.
    """
    final = Path(path)
    final.parent.mkdir(parents=True, exist_ok=True)
    draft = final.with_name(f".{final.stem}.{os.getpid()}-{secrets.token_hex(4)}{final.suffix}")
    try:
        yield draft
        _flush_to_disk(draft)
        os.replace(draft, final)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def claimed_path(candidates: Iterable[Path]) -> Iterator[Path]:
    """Give out the first path that neither exists nor is claimed by another process.

    The claim is a small hidden file, held until the block ends. If its process is killed, it stays
    and that one name is passed over from then on; nothing else depends on it.

    Args:
        candidates: Paths to try, in order; may be endless. Missing parent folders are made.

    Raises:
        FileExistsError: All candidates are taken.
    """
    for path in candidates:
        path.parent.mkdir(parents=True, exist_ok=True)
        claim = path.with_name(f".{path.name}.claim")
        try:
            claim.touch(exist_ok=False)
        except FileExistsError:
            continue
        try:
            # Checked after claiming: its last owner may have finished in the meantime.
            if path.exists():
                continue
            yield path
            return
        finally:
            claim.unlink(missing_ok=True)
    raise FileExistsError("all of the candidate names are taken")


def link_or_copy(source: str | Path, path: str | Path) -> None:
    """Give a file a second name, or copy it where the file system cannot do that.

    Files of this package are replaced as a whole, so that neither name changes under the other.

    Raises:
        FileNotFoundError: There is no `source`.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, path)
    except FileNotFoundError:
        raise
    except OSError:
        with atomic_path(path) as draft:
            shutil.copyfile(source, draft)


def _flush_to_disk(path: Path) -> None:
    """Without this, a power cut after the rename can leave an empty file under the final name."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
