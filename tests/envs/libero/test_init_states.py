"""Reading LIBERO's init states: an array comes out, code never runs."""

from __future__ import annotations

import pickle
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from mosel_gym.envs.libero.init_states import MOST_BYTES, read_init_states
from mosel_gym.errors import AssetError


def archive(path: Path, data: bytes, member: str = "states/data.pkl") -> Path:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(member, data)
    return path


def test_an_array_is_read_and_cannot_be_changed(tmp_path: Path) -> None:
    stored = np.random.default_rng(0).normal(size=(3, 5))
    states = read_init_states(archive(tmp_path / "good", pickle.dumps(stored, protocol=2)))
    np.testing.assert_array_equal(states, stored)
    assert states.dtype == np.float64
    with pytest.raises(ValueError, match="read-only"):
        states[0] = 0.0


def test_code_is_refused_by_name_and_does_not_run(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    call = f"cos\nsystem\n(S'touch {ran}'\ntR.".encode()  # what pickle makes of os.system("...")
    with pytest.raises(AssetError, match=r"os\.system"):
        read_init_states(archive(tmp_path / "evil", call))
    assert not ran.exists()


@pytest.mark.parametrize("module", ["builtins", "__builtin__"])
def test_eval_is_refused_with_the_files_name(tmp_path: Path, module: str) -> None:
    ran = tmp_path / "ran"
    call = f"c{module}\neval\n(Vopen({str(ran)!r}, 'w')\ntR.".encode()
    with pytest.raises(AssetError, match=r"evil2: it wants to load \w+\.eval, which is refused"):
        read_init_states(archive(tmp_path / "evil2", call))
    assert not ran.exists()


@pytest.mark.parametrize(
    "states",
    [
        np.ones(9),
        np.ones((2, 3, 4)),
        np.ones((3, 8)),  # of another task
        np.ones((3, 9)) * np.nan,
        np.array([{"a": 1}], object),
        np.array(["x"]),
        {"a": 1},
        7,
    ],
)
def test_what_is_no_table_of_states_is_named(tmp_path: Path, states: object) -> None:
    with pytest.raises(AssetError, match="odd"):
        read_init_states(archive(tmp_path / "odd", pickle.dumps(states, protocol=2)), 9)


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x02cnumpy\nndarray\n\x8a\x05\x00\x00\x00\x20\x00\x85\x85R.",  # 4 GiB of float64
        b"\x80\x02]r\xff\xff\xff\x3f.",  # a memo of 2**30 entries
        b"\x80\x02X\xff\xff\xff\x7f",  # a string of 2 GiB
    ],
)
def test_a_small_file_cannot_ask_for_much_memory(tmp_path: Path, data: bytes) -> None:
    tracemalloc.start()
    with pytest.raises(AssetError, match="greedy"):
        read_init_states(archive(tmp_path / "greedy", data))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * 2**20


def test_a_small_archive_cannot_unpack_to_much(tmp_path: Path) -> None:
    path = tmp_path / "bomb"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("states/data.pkl", bytes(MOST_BYTES + 1))
    with pytest.raises(AssetError, match="bomb: it unpacks to"):
        read_init_states(path)


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.95])
def test_a_truncated_file_is_named(tmp_path: Path, kept: float) -> None:
    path = archive(tmp_path / "cut.pruned_init", pickle.dumps(np.ones((50, 40)), protocol=2))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole))])
    with pytest.raises(AssetError, match=r"cut\.pruned_init"):
        read_init_states(path)


@pytest.mark.parametrize("kept", [0, 100])
def test_a_truncated_array_in_a_whole_archive_is_named(tmp_path: Path, kept: int) -> None:
    data = pickle.dumps(np.ones((50, 40)), protocol=2)[:kept]
    with pytest.raises(AssetError, match=r"short: \S"):
        read_init_states(archive(tmp_path / "short", data))


def test_missing_and_foreign_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match="nowhere"):
        read_init_states(tmp_path / "nowhere")
    with pytest.raises(AssetError, match="other"):
        read_init_states(archive(tmp_path / "other", b"", member="readme"))
