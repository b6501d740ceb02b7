"""A damaged cache of generated files: mended, or told; a user's damaged folder: told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mosel_gym.envs.libero.assets import build_pack, default_pack, resolve_pack
from mosel_gym.envs.libero.assets.facts import arenas
from mosel_gym.envs.libero.assets.pack import MARKER
from mosel_gym.errors import AssetError


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MOSEL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize("kept", [0, 40])
def test_a_cached_file_cut_short_is_written_again(kept: int) -> None:
    pack = default_pack()
    xml = pack / arenas()["kitchen"].xml
    whole = xml.read_bytes()
    xml.write_bytes(whole[:kept])
    assert default_pack() == pack
    assert xml.read_bytes() == whole


@pytest.mark.parametrize("marker", [b"", b"{", json.dumps({"hash": "old"}).encode()])
def test_a_damaged_marker_is_written_again(marker: bytes) -> None:
    pack = default_pack()
    whole = (pack / MARKER).read_bytes()
    (pack / MARKER).write_bytes(marker)
    assert (default_pack() / MARKER).read_bytes() == whole


def test_a_folder_without_marker_is_told_and_kept() -> None:
    pack = default_pack()
    (pack / MARKER).unlink()
    with pytest.raises(AssetError, match=str(pack)):
        default_pack()
    assert (pack / arenas()["kitchen"].xml).exists()


def test_a_damaged_arena_of_a_users_folder_is_named(tmp_path: Path) -> None:
    folder = build_pack(tmp_path / "mine")
    xml = folder / arenas()["study"].xml
    xml.write_bytes(xml.read_bytes()[:-20])
    with pytest.raises(AssetError, match=rf"{xml.name} is no readable XML"):
        resolve_pack(str(folder))
    xml.unlink()
    with pytest.raises(AssetError, match="lacks study"):
        resolve_pack(str(folder))
