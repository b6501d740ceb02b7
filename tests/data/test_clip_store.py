"""Clips on disk are the same clips, and are made once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from mosel_gym.data.balance import MOST_COPIES, balanced
from mosel_gym.data.clip_store import stored_clips
from mosel_gym.data.windows import Clip
from mosel_gym.errors import DamagedFile


def clip(skill: str, steps: int, seed: int = 0) -> Clip:
    rng = np.random.default_rng(seed)
    return Clip(
        skill=skill,
        scene=rng.integers(0, 256, (steps + 1, 8, 8, 3), np.uint8),
        hands=rng.integers(0, 256, (steps + 1, 8, 8, 0), np.uint8),
        proprio=rng.normal(size=(steps + 1, 8)).astype(np.float32),
        actions=rng.normal(size=(steps, 7)).astype(np.float32),
        fresh=rng.random(steps + 1) < 0.5,
        success=True,
    )


def test_stored_clips_are_the_same_and_made_once(tmp_path: Path) -> None:
    imagined = np.full((3, 8, 8, 3), 7, np.uint8)
    made = [clip("a", 5), replace(clip("b", 3, 1), imagined=imagined, success=None)]
    asked = []

    def make() -> Iterator[Clip]:
        asked.append(1)
        yield from made

    for _ in range(2):
        found = stored_clips(tmp_path / "clips", make)
        assert len(found) == 2
        for one, other in zip(found, made, strict=True):
            for entry in fields(Clip):
                value, wanted = getattr(one, entry.name), getattr(other, entry.name)
                assert np.array_equal(value, wanted), entry.name
                assert getattr(value, "dtype", None) == getattr(wanted, "dtype", None)
    assert asked == [1]
    assert not found[0].scene.flags.owndata, "pictures stay in the file"
    assert stored_clips(tmp_path / "none", lambda: []) == []


def test_a_killed_filling_begins_anew_and_a_damaged_store_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "clips"

    def killed() -> Iterator[Clip]:
        yield clip("a", 5)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stored_clips(folder, killed)
    assert len(stored_clips(folder, lambda: [clip("a", 5)])) == 1
    data = folder / "clips.bin"
    data.write_bytes(data.read_bytes()[:-8])
    with pytest.raises(DamagedFile, match="Delete it"):
        stored_clips(folder, list)


def test_rare_skills_are_repeated_until_all_weigh_the_same() -> None:
    clips = [clip("often", 10) for _ in range(6)] + [clip("rare", 20), clip("once", 2)]
    found = balanced(clips, "skills")
    steps = {name: 0 for name in ("often", "rare", "once")}
    for each in found:
        steps[each.skill] += len(each.actions)
    assert steps == {"often": 60, "rare": 60, "once": 2 * MOST_COPIES}
    assert balanced(clips, "none") == clips
    assert balanced([], "skills") == []
