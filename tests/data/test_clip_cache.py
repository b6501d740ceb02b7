"""Clips from the cache are the clips of the files, whatever happened to either."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from mosel_gym.data import Cameras, load_clips, write_episode
from mosel_gym.data.clip import Clip
from mosel_gym.errors import DamagedFile
from mosel_gym.types import Episode

EpisodeFactory = Callable[..., Episode]


@pytest.fixture
def files(make_episode: EpisodeFactory, tmp_path: Path) -> Path:
    for name in ("one", "two"):
        write_episode(tmp_path / "data" / f"{name}.hdf5", make_episode())
    return tmp_path / "data"


def check_same(found: list[Clip], wanted: list[Clip]) -> None:
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        for entry in fields(Clip):
            value, expected = getattr(one, entry.name), getattr(other, entry.name)
            np.testing.assert_array_equal(value, expected, err_msg=entry.name)
            assert getattr(value, "dtype", None) == getattr(expected, "dtype", None)


def folders(cache: Path) -> set[str]:
    return {path.parent.name for path in cache.glob("*/index.json")}


def test_the_cache_holds_the_same_clips_as_views_of_a_file(files: Path, tmp_path: Path) -> None:
    cache, plain = tmp_path / "cache", load_clips(files, 8)
    first = load_clips(files, 8, cache=cache)
    check_same(first, plain)
    assert not first[0].scene.flags.owndata
    shutil.move(files / "one.hdf5", tmp_path / "kept")
    shutil.copy2(tmp_path / "kept", files / "one.hdf5")  # same size and time, but
    (files / "one.hdf5").write_bytes(b"x" * (tmp_path / "kept").stat().st_size)
    shutil.copystat(tmp_path / "kept", files / "one.hdf5")  # not to be read as an episode
    check_same(load_clips(files, 8, cache=cache), plain)  # so nothing was read again
    mug = plain[0].skill
    check_same(load_clips(files, 8, [mug], cache=cache), [c for c in plain if c.skill == mug])


def test_other_settings_lie_beside_it(files: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    alone = Cameras(hands=())
    check_same(load_clips(files, 8, cache=cache), load_clips(files, 8))
    check_same(load_clips(files, 4, cache=cache), load_clips(files, 4))
    check_same(
        load_clips(files, 8, cameras=alone, cache=cache), load_clips(files, 8, cameras=alone)
    )
    check_same(load_clips(files, 8, whole=True, cache=cache), load_clips(files, 8, whole=True))
    check_same(load_clips(files, 8, truth=True, cache=cache), load_clips(files, 8, truth=True))
    assert len(folders(cache)) == 5


def test_changed_files_make_it_anew_and_say_so(
    files: Path,
    tmp_path: Path,
    make_episode: EpisodeFactory,
    caplog: pytest.LogCaptureFixture,
) -> None:
    cache = tmp_path / "cache"
    load_clips(files, 8, cache=cache)
    before = folders(cache)
    darker = make_episode()
    darker.observations["agentview"][:] = 3
    write_episode(files / "two.hdf5", darker)
    write_episode(files / "zoo.hdf5", make_episode())
    with caplog.at_level(logging.WARNING):
        found = load_clips(files, 8, cache=cache)
    check_same(found, load_clips(files, 8))
    assert len(found) == 6
    assert "1 new" in caplog.text
    assert "zoo.hdf5" in caplog.text
    assert "1 changed" in caplog.text
    assert len(folders(cache)) == 1, "what the files were before is gone"
    assert folders(cache) != before
    caplog.clear()
    os.utime(files / "one.hdf5", ns=(1, 1))
    load_clips(files, 8, cache=cache)
    assert "one.hdf5" in caplog.text


@pytest.mark.parametrize("harm", ["cut", "gone", "nonsense"])
def test_a_damaged_cache_is_made_again(
    files: Path, tmp_path: Path, harm: str, caplog: pytest.LogCaptureFixture
) -> None:
    cache = tmp_path / "cache"
    load_clips(files, 8, cache=cache)
    data, index = next(cache.glob("*/clips.bin")), next(cache.glob("*/index.json"))
    if harm == "cut":
        data.write_bytes(data.read_bytes()[:-7])
    elif harm == "gone":
        data.unlink()
    else:
        index.write_text(json.dumps(["?"]))
    check_same(load_clips(files, 8, cache=cache), load_clips(files, 8))
    assert "damaged" in caplog.text


def test_a_half_written_cache_is_made_again(files: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    load_clips(files, 8, cache=cache)
    next(cache.glob("*/index.json")).unlink()  # it is written last
    next(cache.glob("*/clips.bin")).write_bytes(b"part")
    check_same(load_clips(files, 8, cache=cache), load_clips(files, 8))


def test_a_damaged_episode_is_not_taken_for_a_damaged_cache(files: Path, tmp_path: Path) -> None:
    (files / "bad.hdf5").write_bytes(b"no")
    for _ in range(2):
        with pytest.raises(DamagedFile, match=r"bad\.hdf5"):
            load_clips(files, 8, cache=tmp_path / "cache")
