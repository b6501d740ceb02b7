"""Reads the initial states that LIBERO ships, without trusting the file."""

from __future__ import annotations

import pickle
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mosel_gym.errors import AssetError

Array = NDArray[np.float64]


@cache
def read_init_states(path: Path) -> Array:
    """Stored states of one task, float64 `[n, 1 + nq + nv]`: time, qpos, qvel. Read-only.

    The file is a zip archive with a pickled numpy array, as `torch.save` once wrote it.

    Raises:
        AssetError: The file cannot be read, or wants to load something that no array needs.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            member = next(n for n in archive.namelist() if n.endswith("data.pkl"))
            with archive.open(member) as stream:
                states: Array = np.asarray(_ArrayUnpickler(stream).load(), np.float64)
    except (OSError, zipfile.BadZipFile, StopIteration, EOFError, pickle.UnpicklingError) as error:
        raise AssetError(f"Cannot read LIBERO's init states in {path}: {error}.") from error
    states.flags.writeable = False
    return states


class _ArrayUnpickler(pickle.Unpickler):
    """Unpickles one numpy array and refuses everything else: init files come from the net."""

    _ALLOWED = {
        ("numpy.core.multiarray", "_reconstruct"),
        ("numpy._core.multiarray", "_reconstruct"),
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
        ("_codecs", "encode"),
    }

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._ALLOWED:
            raise AssetError(f"Init-state file wants to load {module}.{name}, which is refused.")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)
