"""Clips whose pictures lie in a file and are read page by page, in place of filling the memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from mosel_gym.data.atomic import atomic_path
from mosel_gym.data.cameras import Cameras
from mosel_gym.data.clip import Clip
from mosel_gym.data.locking import locked
from mosel_gym.errors import DamagedFile

_INDEX, _DATA = "index.json", "clips.bin"
_ARRAYS = ("scene", "hands", "imagined", "proprio", "actions", "fresh", "followed")


def store_name(what: str, size: int, cameras: Cameras) -> str:
    """A folder's name that tells stores of different pictures apart."""
    return "-".join([what, str(size), cameras.scene, *cameras.hands])


def stored_clips(folder: str | Path, make: Callable[[], Iterable[Clip]]) -> list[Clip]:
    """The clips of a folder, which is filled first if it is not complete.

    Non-obvious behaviour:
        - Pictures are mapped from the file: they are read when they are looked at, and the system
          drops them again when it needs the memory. What is written to them stays in memory.
        - `make` is asked for one clip after the other and need not hold them all.
        - Of several processes one fills the folder, and the others wait for it.

    Args:
        folder: Belongs to these very clips; whoever changes what `make` gives takes another one.
        make: Gives the clips, called only where the folder is not complete.

    Raises:
        DamagedFile: The folder holds something else.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    index = folder / _INDEX
    if not index.exists():
        with locked(folder):
            if not index.exists():
                _fill(folder, make())
    try:
        entries = json.loads(index.read_text(encoding="utf-8"))
        if not entries:
            return []
        data = np.memmap(folder / _DATA, np.uint8, mode="c")
        return [_clip(data, entry) for entry in entries]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedFile(
            f"{folder} cannot be read as stored clips: {error}. Delete it; it is made again."
        ) from error


def _fill(folder: Path, clips: Iterable[Clip]) -> None:
    entries: list[dict[str, Any]] = []
    with atomic_path(folder / _DATA) as draft, draft.open("wb") as file:
        for clip in clips:
            arrays = {
                name: _append(file, value)
                for name in _ARRAYS
                if (value := getattr(clip, name)) is not None
            }
            entries.append({"skill": clip.skill, "success": clip.success, "arrays": arrays})
    with atomic_path(folder / _INDEX) as draft:  # last: it says that all is there
        draft.write_text(json.dumps(entries), encoding="utf-8")


def _append(file: IO[bytes], value: NDArray[Any]) -> dict[str, Any]:
    value = np.ascontiguousarray(value)
    place = file.tell()
    file.write(value.tobytes())
    return {"at": place, "shape": list(value.shape), "dtype": str(value.dtype)}


def _clip(data: NDArray[np.uint8], entry: dict[str, Any]) -> Clip:
    found = {name: _array(data, where) for name, where in entry["arrays"].items()}
    return Clip(
        skill=entry["skill"],
        success=entry["success"],
        scene=found["scene"],
        hands=found["hands"],
        imagined=found.get("imagined"),
        # Small, and float32 wants to be aligned: these are copied.
        proprio=found["proprio"].copy(),
        actions=found["actions"].copy(),
        fresh=found["fresh"].copy(),
        followed=found["followed"].copy() if "followed" in found else None,
    )


def _array(data: NDArray[np.uint8], where: dict[str, Any]) -> NDArray[Any]:
    kind, shape = np.dtype(where["dtype"]), tuple(where["shape"])
    size = int(np.prod(shape)) * kind.itemsize
    part = np.asarray(data[where["at"] : where["at"] + size])
    if part.size != size:
        raise ValueError(f"{_DATA} ends {size - part.size} bytes too early")
    array: NDArray[Any] = part.view(kind).reshape(shape)
    return array
