"""The reflection buffer: nothing finished is ever lost, nothing half is ever read."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mosel_gym.data import ReflectionBuffer
from mosel_gym.errors import DamagedFile, SpecMismatch
from mosel_gym.types import Episode, Reflection

EpisodeFactory = Callable[..., Episode]


def test_what_goes_in_comes_out(
    make_episode: EpisodeFactory, reflection: Reflection, tmp_path: Path
) -> None:
    buffer = ReflectionBuffer(tmp_path)
    path = buffer.add(make_episode(), reflection)
    again = ReflectionBuffer(tmp_path)
    assert again.episodes() == [path]
    assert again.reflections() == [reflection]
    assert again.load(path).goal == make_episode().goal
    accepted, rejected = again.segments()
    assert (accepted.episode_path, accepted.index, accepted.success) == (path, 0, True)
    assert (rejected.index, rejected.start, rejected.stop, rejected.success) == (2, 7, 12, False)
    assert rejected.reason == "the pudding was pushed away"
    assert rejected.confidence == pytest.approx(0.7)


def test_one_file_may_lie_in_two_buffers_under_two_judges(
    make_episode: EpisodeFactory,
    reflection: Reflection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    episode = make_episode()
    path = ReflectionBuffer(tmp_path / "first").add(episode, reflection)
    kinder = replace(
        reflection, verdicts=tuple(replace(v, success=True) for v in reflection.verdicts)
    )
    second = ReflectionBuffer(tmp_path / "second")
    linked = second.add(episode, kinder, file=path)
    assert linked.samefile(path)
    assert second.load(linked).goal == episode.goal
    assert len(second.segments(success=True)) == 2
    assert len(ReflectionBuffer(tmp_path / "first").segments(success=True)) == 1

    def cannot(source: object, target: object) -> None:
        raise OSError("no links across devices")

    monkeypatch.setattr(os, "link", cannot)
    copied = second.add(episode, kinder, round=1, file=path)
    assert not copied.samefile(path)
    assert copied.read_bytes() == path.read_bytes()
    with pytest.raises(FileNotFoundError):
        second.add(episode, kinder, file=tmp_path / "gone.hdf5")


def test_segments_are_selected(
    make_episode: EpisodeFactory, reflection: Reflection, tmp_path: Path
) -> None:
    buffer = ReflectionBuffer(tmp_path)
    for number in range(3):
        buffer.add(make_episode(seed=number), reflection, round=number)
    mug = reflection.verdicts[0].skill
    assert len(buffer.segments(skill=mug)) == 3
    assert len(buffer.segments(skill=mug, success=False)) == 0
    assert len(buffer.segments(success=False, round=1)) == 1
    assert [s.success for s in buffer.segments(kind="transition")] == [None] * 3
    assert len(buffer.segments(kind=None)) == 9
    assert buffer.counts() == {
        "episodes": 3,
        "segments": 6,
        "accepted": 3,
        "rejected": 3,
        "unjudged": 0,
    }
    assert buffer.counts(round=2)["episodes"] == len(buffer.episodes(round=2)) == 1
    clips = buffer.clips(8, success=False, round=2)
    assert [(clip.skill, clip.success, len(clip.actions)) for clip in clips] == [
        (reflection.failed_skill, False, 5)
    ]


def test_the_same_task_seed_and_round_replaces(
    make_episode: EpisodeFactory, reflection: Reflection, tmp_path: Path
) -> None:
    buffer = ReflectionBuffer(tmp_path)
    old = buffer.add(make_episode(success=False), reflection)
    new = buffer.add(make_episode(success=True), reflection)
    assert buffer.episodes() == [new]
    assert not old.exists()
    assert len(buffer.segments()) == 2
    buffer.add(make_episode(), reflection, round=1)
    for _ in range(2):  # with no seed, nobody can tell that they are the same
        buffer.add(make_episode(seed=None), reflection)
    assert len(buffer) == 4


def test_a_damaged_episode_leaves_the_rest_readable(
    make_episode: EpisodeFactory, reflection: Reflection, tmp_path: Path
) -> None:
    buffer = ReflectionBuffer(tmp_path)
    bad, gone, good = (buffer.add(make_episode(seed=s), reflection) for s in range(3))
    bad.write_bytes(bad.read_bytes()[:1000])
    gone.unlink()
    for path in (bad, gone):
        with pytest.raises(DamagedFile, match=path.name):
            buffer.load(path)
    assert buffer.load(good).seed == 2
    assert len(buffer.segments()) == 6


def test_a_damaged_index_is_named(tmp_path: Path) -> None:
    (tmp_path / "index.sqlite").write_bytes(b"not an index " * 100)
    with pytest.raises(DamagedFile, match=r"index\.sqlite"):
        ReflectionBuffer(tmp_path)


def test_a_reflection_of_another_episode_is_refused(
    make_episode: EpisodeFactory, reflection: Reflection, tmp_path: Path
) -> None:
    buffer = ReflectionBuffer(tmp_path)
    with pytest.raises(SpecMismatch, match="segments"):
        buffer.add(make_episode(segments=()), reflection)
    assert len(buffer) == 0


def _add_many(directory: Path, episode: Episode, reflection: Reflection, start: int) -> None:
    buffer = ReflectionBuffer(directory)
    for number in range(start, start + 5):
        buffer.add(Episode(**{**vars(episode), "seed": number}), reflection)


def _add_and_die(directory: Path, episode: Episode, reflection: Reflection) -> None:
    buffer = ReflectionBuffer(directory)
    buffer.add(episode, reflection)
    with buffer._transaction() as connection:  # the moment between episode file and index
        connection.execute("DELETE FROM episodes")
        os.kill(os.getpid(), signal.SIGKILL)


def test_two_processes_write_at_once(
    make_episode: EpisodeFactory, reflection: Reflection, tmp_path: Path
) -> None:
    spawn = multiprocessing.get_context("spawn")
    arguments = (tmp_path, make_episode(), reflection)
    processes = [spawn.Process(target=_add_many, args=(*arguments, 100 * k)) for k in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    buffer = ReflectionBuffer(tmp_path)
    seeds = sorted(buffer.load(path).seed or 0 for path in buffer.episodes())
    assert seeds == [*range(5), *range(100, 105)]
    assert buffer.counts()["accepted"] == 10


def test_a_killed_process_loses_nothing_finished(
    make_episode: EpisodeFactory, reflection: Reflection, tmp_path: Path
) -> None:
    spawn = multiprocessing.get_context("spawn")
    process = spawn.Process(target=_add_and_die, args=(tmp_path, make_episode(), reflection))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    (tmp_path / "episodes" / "never-indexed.hdf5").write_bytes(b"half")
    (tmp_path / "episodes" / ".draft.hdf5").write_bytes(b"")
    buffer = ReflectionBuffer(tmp_path)
    assert [buffer.load(path).seed for path in buffer.episodes()] == [3]
    buffer.add(make_episode(seed=4), reflection)
    assert len(buffer) == 2
