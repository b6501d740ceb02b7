"""The curves of a run in TensorBoard, where that is installed."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path

CURVES_FOLDER = "tb"


class Curves:
    """Event files beside the log, with the same numbers at the same steps."""

    def __init__(self, folder: Path, resumed_step: int) -> None:
        """Go on after `resumed_step`: what a killed run drew beyond it is not shown any more."""
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(folder / CURVES_FOLDER), purge_step=resumed_step + 1)

    @staticmethod
    def possible() -> bool:
        """Whether the package `tensorboard` is there (extra `train`)."""
        return importlib.util.find_spec("tensorboard") is not None

    def write(self, entry: Mapping[str, float | int]) -> None:
        """Add a point at `entry["step"]` to the curve of every other number.

        It is on disk at once: a kill must not leave a gap between the curve and the stored state.
        """
        step = int(entry["step"])
        for name, value in entry.items():
            if name != "step":
                self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def close(self) -> None:
        """Finish the event file."""
        self._writer.close()
