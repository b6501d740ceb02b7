"""Reading LIBERO's init states: an array comes out, code never runs."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from mosel_gym.envs.libero.init_states import read_init_states
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
    with pytest.raises(AssetError, match="short"):
        read_init_states(archive(tmp_path / "short", data))


def test_missing_and_foreign_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(AssetError, match="nowhere"):
        read_init_states(tmp_path / "nowhere")
    with pytest.raises(AssetError, match="other"):
        read_init_states(archive(tmp_path / "other", b"", member="readme"))
