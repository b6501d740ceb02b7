"""openpi's messages as bytes: msgpack, with numpy arrays as maps of bytes keys.

Reading takes nothing on trust: plain numbers only, and as many as the message really holds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np

from mosel_gym.errors import SpecMismatch
from mosel_gym.integrations.serving import missing

try:
    import msgpack  # type: ignore[import-untyped]
except ModuleNotFoundError as error:
    raise missing(error) from error

_T = TypeVar("_T")
_ARRAY, _SCALAR = b"__ndarray__", b"__npgeneric__"
_DATA, _DTYPE, _SHAPE = b"data", b"dtype", b"shape"
_DTYPES = re.compile(r"\|b1|\|[iu]1|[<>=]?([iu][1248]|f[248])")
"""Booleans, integers and floats. Never objects: those are pickles, and run code."""
_MAX_DIMS = 8
_MAX_ITEMS, _MAX_CONTAINERS = 2**14, 2**10
"""Of one list or map, and of lists and maps in a message. Empty ones take a byte on the wire and
64 in memory, and msgpack makes room for as many items as a list claims before it reads any."""


def pack(value: Any) -> bytes:
    """Maps, lists, texts, numbers and numpy arrays as one message.

    Raises:
        SpecMismatch: Something else is inside.
    """
    return bytes(msgpack.packb(value, default=_encoded))


def unpack(message: bytes | str) -> Any:
    """The inverse of `pack`; arrays are views of the message and cannot be written to.

    Raises:
        SpecMismatch: It is damaged, holds what is not allowed, or is a text: that is how a server
            tells of an error, which is then part of ours.
    """
    if isinstance(message, str):
        raise SpecMismatch(
            "A message must be a binary frame of msgpack, as `openpi_client.msgpack_numpy` packs "
            f"it; got a text frame: {message:.2000}"
        )
    count = _Count()
    try:
        return msgpack.unpackb(
            message,
            object_hook=lambda found: _decoded(count(found)),
            list_hook=count,
            ext_hook=_refused,
            max_array_len=_MAX_ITEMS,
            max_map_len=_MAX_ITEMS,
        )
    except SpecMismatch:
        raise
    except (ValueError, TypeError, KeyError, UnicodeError, msgpack.UnpackException) as error:
        raise SpecMismatch(
            f"A message of {len(message)} bytes cannot be read as msgpack: "
            f"{type(error).__name__} {error!s:.200}. Pack it with `openpi_client.msgpack_numpy`."
        ) from error


class _Count:
    """Counts the lists and maps of a message, and stops where they are too many."""

    def __init__(self) -> None:
        self._containers = 0

    def __call__(self, found: _T) -> _T:
        self._containers += 1
        if self._containers > _MAX_CONTAINERS:
            raise SpecMismatch(f"A message may hold at most {_MAX_CONTAINERS} lists and maps.")
        return found


def _encoded(value: Any) -> dict[bytes, Any]:
    if isinstance(value, np.ndarray | np.generic) and _DTYPES.fullmatch(value.dtype.str):
        dtype = value.dtype.str
        if isinstance(value, np.generic):
            return {_SCALAR: True, _DATA: value.item(), _DTYPE: dtype}
        return {_ARRAY: True, _DATA: value.tobytes(), _DTYPE: dtype, _SHAPE: value.shape}
    what = getattr(value, "dtype", type(value).__name__)
    raise SpecMismatch(
        f"A message cannot hold {what}; allowed are texts, numbers, lists, maps and numpy arrays "
        "of booleans, integers or floats."
    )


def _decoded(found: Mapping[Any, Any]) -> Any:
    if _ARRAY in found:
        return _array(found)
    if _SCALAR in found:
        value = found.get(_DATA)
        if not isinstance(value, bool | int | float):
            raise SpecMismatch(f"A number in the message is a {type(value).__name__}.")
        try:
            return _dtype(found).type(value)
        except OverflowError as error:
            raise SpecMismatch(f"A number in the message is too large: {error}.") from error
    return found


def _array(found: Mapping[Any, Any]) -> np.ndarray[Any, Any]:
    dtype, data, shape = _dtype(found), found.get(_DATA), found.get(_SHAPE)
    sizes = list(shape) if isinstance(shape, list | tuple) else None
    if sizes is None or len(sizes) > _MAX_DIMS or not all(type(n) is int and n >= 0 for n in sizes):
        raise SpecMismatch(
            f"An array's shape must be at most {_MAX_DIMS} sizes, got {shape!r:.100}."
        )
    expected = dtype.itemsize
    for size in sizes:  # Python's integers do not run over, as a product in numpy would
        expected *= size
    if not isinstance(data, bytes) or len(data) != expected:
        held = f"{len(data)} bytes" if isinstance(data, bytes) else f"a {type(data).__name__}"
        raise SpecMismatch(
            f"An array {dtype} {sizes!r:.100} takes {expected} bytes of data, got {held}."
        )
    return np.frombuffer(data, dtype).reshape(sizes)


def _dtype(found: Mapping[Any, Any]) -> np.dtype[Any]:
    name = found.get(_DTYPE)
    if not isinstance(name, str) or not _DTYPES.fullmatch(name):
        raise SpecMismatch(
            f"An array's dtype must be that of booleans, integers or floats, such as '|u1' or "
            f"'<f4', got {name!r:.80}. Objects, texts, dates and complex numbers are refused."
        )
    return np.dtype(name)


def _refused(code: int, data: bytes) -> Any:
    raise SpecMismatch(f"msgpack's extension type {code} is refused ({len(data)} bytes).")
