"""The state of an unfinished training run on disk, and its log."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import torch

from mosel_gym.data.atomic import atomic_path
from mosel_gym.errors import DamagedFile, MoselError
from mosel_gym.training.curves import Curves

STATE_NAME = "state.pt"
LOG_NAME = "log.jsonl"


def write_state(folder: Path, identity: str, content: dict[str, Any]) -> None:
    """Store `content` (tensors, numbers, dicts) atomically as the state of the run `identity`."""
    with atomic_path(folder / STATE_NAME) as draft:
        torch.save({**content, "identity": identity}, draft)


def read_state(folder: Path, identity: str, device: str) -> dict[str, Any] | None:
    """The stored state, or None if `folder` holds none.

    Raises:
        DamagedFile: It cannot be read.
        MoselError: It belongs to a run with other settings or other data.
    """
    path = folder / STATE_NAME
    if not path.exists():
        return None
    try:
        content: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
        stored = content["identity"]
    except (OSError, RuntimeError, EOFError, KeyError, TypeError, pickle.UnpicklingError) as error:
        raise DamagedFile(
            f"{path} cannot be read as a training state: {error}. Delete it to start again."
        ) from error
    if stored != identity:
        raise MoselError(
            f"{path} belongs to a training run with other settings or data ({stored}), not to this "
            f"one ({identity}); choose another output folder, or delete this one."
        )
    return content


class Log:
    """One JSON line every few steps; lines after a resumed step are dropped and written again."""

    def __init__(
        self, folder: Path | None, resumed_step: int, *, tensorboard: bool = False
    ) -> None:
        """Open the log of `folder`; None keeps no log.

        Args:
            folder: Where `log.jsonl` lies.
            resumed_step: Keep the lines up to there.
            tensorboard: Write the same numbers for TensorBoard, if it is installed.
        """
        self._path = None if folder is None else folder / LOG_NAME
        self._curves: Curves | None = None
        if folder is None or self._path is None:
            return
        kept = []
        if self._path.exists():
            for line in self._path.read_text().splitlines():
                try:
                    entry = json.loads(line)
                except json.JSONDecodeError:  # a kill in the middle of a line
                    continue
                if entry["step"] <= resumed_step:
                    kept.append(line + "\n")
        with atomic_path(self._path) as draft:
            draft.write_text("".join(kept))
        if tensorboard and Curves.possible():
            self._curves = Curves(folder, resumed_step)

    def write(self, entry: dict[str, float | int]) -> None:
        """Append one line."""
        if self._path is not None:
            with self._path.open("a") as file:
                file.write(json.dumps(entry) + "\n")
        if self._curves is not None:
            self._curves.write(entry)

    def close(self) -> None:
        """Finish what was opened."""
        if self._curves is not None:
            self._curves.close()
