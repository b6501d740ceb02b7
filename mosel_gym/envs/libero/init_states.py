"""Reads the initial states that LIBERO ships, without trusting the file."""

from __future__ import annotations

import io
import pickle
import zipfile
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mosel_gym.errors import AssetError

Array = NDArray[np.float64]

MOST_BYTES = 64 * 2**20
"""Of the unpacked array; LIBERO's largest file has 50 states of under 1 kB each."""


@cache
def read_init_states(path: Path, width: int | None = None) -> Array:
    """Stored states of one task, float64 `[n, 1 + nq + nv]`: time, qpos, qvel. Read-only.

    The file is a zip archive with a pickled numpy array, as `torch.save` once wrote it.

    Args:
        path: The file.
        width: 1 + nq + nv of the compiled task; None takes any.

    Raises:
        AssetError: The file cannot be read, wants to load something that no array needs, or holds
            something else than finite states of this width.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            member = next(n for n in archive.namelist() if n.endswith("data.pkl"))
            size = archive.getinfo(member).file_size
            if size > MOST_BYTES:
                raise ValueError(f"it unpacks to {size} bytes, more than {MOST_BYTES}")
            data = archive.read(member)
        states: Array = np.array(_ArrayUnpickler(io.BytesIO(data)).load(), np.float64)
    except StopIteration:
        raise AssetError(f"{path} is a zip archive without a data.pkl: no init states.") from None
    # A damaged pickle may fail at any of its instructions.
    except (
        OSError, zipfile.BadZipFile, zlib.error, EOFError, pickle.UnpicklingError, MemoryError,
        ValueError, TypeError, LookupError, AttributeError, NotImplementedError, RuntimeError,
    ) as error:  # fmt: skip
        fault = str(error) or type(error).__name__
        raise AssetError(f"Cannot read LIBERO's init states in {path}: {fault}.") from error
    if states.ndim != 2 or len(states) == 0 or width not in (None, states.shape[-1]):
        wanted = "1 + nq + nv" if width is None else width
        raise AssetError(
            f"{path} holds an array of shape {states.shape}; states have shape (n, {wanted}), n of "
            "at least 1. Is it the file of another task? Reinstall hf-libero if it came with it."
        )
    if not np.isfinite(states).all():
        raise AssetError(f"{path} holds states with NaN or infinity. Reinstall hf-libero.")
    states.flags.writeable = False
    return states


def _empty_array(*_: Any) -> NDArray[Any]:
    """The blank that numpy's pickles fill; its declared size is not believed."""
    return np.ndarray((0,), np.int8)


# Pickle's own Python version: the C one reserves memory for whatever index a file names.
class _ArrayUnpickler(pickle._Unpickler):
    """Unpickles one numpy array and refuses everything else: init files come from the net."""

    def find_class(self, module: str, name: str) -> Any:
        if name == "_reconstruct" and module in ("numpy.core.multiarray", "numpy._core.multiarray"):
            return _empty_array
        if (module, name) == ("numpy", "ndarray"):
            return None  # only named as what to reconstruct; not to be called with a size
        if (module, name) in (("numpy", "dtype"), ("_codecs", "encode")):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"it wants to load {module}.{name}, which is refused")
