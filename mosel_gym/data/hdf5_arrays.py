"""Arrays in HDF5 files, each with a checksum, so that damage never passes for data."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

FILE_VERSION = "v110"
"""Least version of HDF5 for readers (2016): from it on, the file's own structure has checksums."""

# A chunk of pictures is a band of rows over several steps: the same pixels of the next steps then
# lie within deflate's 32 KiB window. Against whole pictures, that halves the size and the time.
_CHUNK_STEPS = 16
_CHUNK_ROWS = 8


def put_array(group: h5py.Group, name: str, array: NDArray[Any]) -> None:
    """Store an array, compressed; pictures are `[T, H, W, C]`."""
    if not array.shape or not array.size:  # HDF5 has neither chunks nor filters for these
        group.create_dataset(name, data=array)
        return
    chunks: bool | tuple[int, ...] = True
    if array.ndim == 4:
        steps, height, width, channels = array.shape
        chunks = (min(steps, _CHUNK_STEPS), min(height, _CHUNK_ROWS), width, channels)
    group.create_dataset(
        name, data=array, chunks=chunks, compression="gzip", compression_opts=1, fletcher32=True
    )


def put_text(group: h5py.Group, name: str, text: str) -> None:
    """Store text as UTF-8 bytes; HDF5's own strings have no checksum."""
    put_array(group, name, np.frombuffer(text.encode(), np.uint8))


def get_text(group: h5py.Group, name: str) -> str:
    """The text that `put_text` stored."""
    return bytes(group[name][()]).decode()
