"""openpi's messages as bytes: what goes in comes out, and nothing else gets in."""

from __future__ import annotations

from typing import Any

import msgpack  # type: ignore[import-untyped]
import numpy as np
import pytest

from mosel_gym.errors import SpecMismatch
from mosel_gym.integrations.openpi_wire import pack, unpack


@pytest.mark.parametrize(
    "value",
    [
        np.arange(24, dtype=np.uint8).reshape(2, 4, 3),
        np.array([[1 / 3, -0.0, np.inf]], np.float32),
        np.arange(3, dtype=">f8"),
        np.array(2.5),
        np.zeros((0, 7), np.int64),
        np.array([True, False]),
        np.arange(12).reshape(3, 4).T,
    ],
)
def test_arrays_come_back_bit_by_bit(value):
    back = unpack(pack({"a": {"b": value}}))["a"]["b"]
    assert (back.dtype, back.shape, back.tobytes()) == (value.dtype, value.shape, value.tobytes())
    assert not back.flags.writeable, "it is the message's own memory"


def test_numbers_and_texts_keep_their_types():
    whole = {
        "f": np.float32(0.1),
        "b": np.bool_(True),
        "i": np.int64(-3),
        "n": 3,
        "t": "cup",
        "l": [1, None],
    }
    back = unpack(pack(whole))
    assert back == whole
    assert [type(back[name]) for name in "fbi"] == [np.float32, np.bool_, np.int64]


def test_the_bytes_are_openpis():
    """Its own keys, as bytes, and numpy's name of the type; vla-eval's are texts."""
    plain = msgpack.unpackb(pack({"x": np.zeros((1, 2), np.float32)}))
    assert plain == {
        "x": {b"__ndarray__": True, b"data": b"\0" * 8, b"dtype": "<f4", b"shape": [1, 2]}
    }
    assert msgpack.unpackb(pack(np.float32(1))) == {
        b"__npgeneric__": True,
        b"data": 1.0,
        b"dtype": "<f4",
    }


@pytest.mark.parametrize(
    "value", [object(), np.array([None]), np.array(["a"]), np.complex64(1j), {1, 2}]
)
def test_what_cannot_be_sent_is_named(value):
    with pytest.raises(SpecMismatch, match="A message cannot hold"):
        pack({"x": value})


def array(**changes: Any) -> bytes:
    whole = {"data": b"\0" * 8, "dtype": "<f4", "shape": [2], **changes}
    keyed = {key.encode(): value for key, value in whole.items() if value is not None}
    return bytes(msgpack.packb({"x": {b"__ndarray__": True, **keyed}}))


DTYPES = ["|O", "O", "<U5", "|S3", "<M8[ns]", "<c8", "|V8", "<f4,<f4", "f3", "float32", "", 4, None]
SHAPES = [[3], [-2], [-1, -2], [2**40, 2**40], [True, 2], [2.0], "2", None, [1] * 40, [[2]]]


@pytest.mark.parametrize("dtype", DTYPES)
def test_only_plain_numbers_are_let_in(dtype):
    with pytest.raises(SpecMismatch, match="dtype must be that of booleans, integers or floats"):
        unpack(array(dtype=dtype))


@pytest.mark.parametrize("shape", SHAPES)
def test_the_shape_is_that_of_the_data(shape):
    with pytest.raises(SpecMismatch, match="shape must be|takes .* bytes of data, got 8"):
        unpack(array(shape=shape))


@pytest.mark.parametrize("data", [None, "text", 3, b""])
def test_the_data_are_bytes_of_that_length(data):
    with pytest.raises(SpecMismatch, match="takes 8 bytes of data, got"):
        unpack(array(data=data))


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\xc1",
        b"\x91" * 100_000,  # lists in lists in lists
        b"\xdd\xff\xff\xff\xff",  # four thousand million entries, of which none is there
        b"\x81\xa1x",
        b"\x81\xa1x\xa2\xff\xfe",  # no UTF-8
        b"\x81\x93\x01\x02\x03\x01",  # a list as a key
        b"\x81\x01\x01",  # a number as a key
        msgpack.packb(1) + b"\x01",  # something behind it
        msgpack.packb(msgpack.ExtType(5, b"abc")),
        msgpack.packb({b"__npgeneric__": True, b"data": "x", b"dtype": "<f4"}),
        msgpack.packb({b"__npgeneric__": True, b"data": 300, b"dtype": "|u1"}),
        msgpack.packb({b"__npgeneric__": True, b"data": 1, b"dtype": "|O"}),
        msgpack.packb({b"__npgeneric__": True, b"data": float("nan"), b"dtype": "<i4"}),
    ],
)
def test_damaged_messages_are_told_in_a_sentence(message):
    with pytest.raises(SpecMismatch) as told:
        unpack(message)
    assert len(str(told.value)) < 500


@pytest.mark.parametrize(
    ("message", "says"),
    [
        # msgpack makes room for what a list claims: 64 claims of 2 million items are 1 GB.
        (b"\xdd\x00\x20\x00\x00" * 64 + b"\0" * 2**21, "exceeds max_array_len"),
        (b"\xdf\x00\x20\x00\x00" + b"\xa0\xc0" * 2**21, "exceeds max_map_len"),
        (msgpack.packb([[[]] * 1000] * 10), "at most 1024 lists and maps"),
        (msgpack.packb([[{}] * 1000] * 10), "at most 1024 lists and maps"),
    ],
)
def test_a_small_message_cannot_take_much_memory(message, says):
    with pytest.raises(SpecMismatch, match=says):
        unpack(message)


def test_a_servers_complaint_becomes_an_error_of_ours():
    with pytest.raises(SpecMismatch, match="got a text frame: SpecMismatch: no camera"):
        unpack("SpecMismatch: no camera")
