"""Clips: what training gets from episodes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mosel_gym.data import Cameras, area_resize, clips_of, load_clips, write_episode
from mosel_gym.data.windows import attempt_end, judged_row, segment_truth, whole_clip
from mosel_gym.errors import DamagedFile, NotEnoughData, SpecMismatch
from mosel_gym.types import Episode, Reflection, SkillSegment

EpisodeFactory = Callable[..., Episode]


def test_area_resize_is_the_exact_mean() -> None:
    frames = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), np.uint8)
    blocks = frames.reshape(3, 4, 2, 4, 2, 3).astype(float)
    expected = np.floor(blocks.mean(axis=(2, 4)) + 0.5).astype(np.uint8)
    np.testing.assert_array_equal(area_resize(frames, 4), expected)
    np.testing.assert_array_equal(area_resize(frames[0], 4), expected[0])
    assert area_resize(np.full((32, 32, 3), 255, np.uint8), 1).item(0) == 255


def test_area_resize_at_other_ratios() -> None:
    frames = np.random.default_rng(0).integers(0, 256, (2, 9, 12, 3), np.uint8)
    resized = area_resize(frames, 4)
    picture = Image.fromarray(frames[1]).resize((4, 4), Image.Resampling.BOX)
    np.testing.assert_array_equal(resized[1], np.asarray(picture))
    assert area_resize(frames[:0], 4).shape == (0, 4, 4, 3)


def test_clips_hold_the_end_row_and_no_transition(make_episode: EpisodeFactory) -> None:
    episode = make_episode()
    first, second = clips_of(episode, 8)
    assert (first.skill, second.skill) == (episode.segments[0].skill, episode.segments[2].skill)
    np.testing.assert_array_equal(second.actions, episode.actions[7:12])
    np.testing.assert_array_equal(second.proprio, episode.observations["proprio"][7:13])
    np.testing.assert_array_equal(second.hands, area_resize(episode.observations["wrist"][7:13], 8))
    assert second.fresh.tolist() == [False, True, False, False, False, True]
    assert first.scene.shape == (6, 8, 8, 3)
    assert first.success is None
    # At full size too, a clip must not keep the episode alive.
    assert clips_of(episode, 16)[0].scene.base is None


def test_clips_carry_the_imagined_frames(make_episode: EpisodeFactory) -> None:
    episode = make_episode()
    first, second = clips_of(episode, 4)
    stored = episode.segments[0].imagined
    assert stored is not None
    assert first.imagined is not None
    assert first.imagined.shape == (7, 4, 4, 3)
    np.testing.assert_array_equal(first.imagined, area_resize(stored, 4))
    assert first.followed is not None
    assert first.followed.tolist() == [-1, 0, 0, 3, 6]
    assert second.followed is None
    assert second.imagined is not None
    assert second.imagined.shape == (0, 4, 4, 3)
    bare = tuple(replace(segment, imagined=None) for segment in episode.segments)
    assert [clip.imagined for clip in clips_of(make_episode(segments=bare), 4)] == [None, None]


def test_clips_are_chosen_and_labelled(
    make_episode: EpisodeFactory, reflection: Reflection
) -> None:
    episode = make_episode()
    mug = episode.segments[0].skill
    assert [clip.skill for clip in clips_of(episode, 8, skills={mug})] == [mug]
    assert len(clips_of(episode, 8, segments=[2])) == 1
    judged = clips_of(episode, 8, reflection=reflection)
    assert [clip.success for clip in judged] == [True, False]
    assert [clip.success for clip in clips_of(episode, 8, truth=True)] == [True, False]
    blind = make_episode(skill_done=None)
    assert [clip.success for clip in clips_of(blind, 8, truth=True)] == [None, None]


def test_a_missing_camera_is_named(make_episode: EpisodeFactory) -> None:
    with pytest.raises(SpecMismatch, match="left_camera"):
        clips_of(make_episode(), cameras=Cameras(hands=("left_camera",)))


def test_load_clips_reads_folders(make_episode: EpisodeFactory, tmp_path: Path) -> None:
    write_episode(tmp_path / "a" / "one.hdf5", make_episode())
    write_episode(tmp_path / "two.hdf5", make_episode())
    (tmp_path / ".two.123-ab.hdf5").write_bytes(b"what a killed process left")
    clips = load_clips(tmp_path, 8)
    assert len(clips) == 4
    expected = clips_of(make_episode(), 8)[1]
    np.testing.assert_array_equal(clips[1].scene, expected.scene)
    (tmp_path / "bad.hdf5").write_bytes(b"no")
    with pytest.raises(DamagedFile, match=r"bad\.hdf5"):
        load_clips([tmp_path])


def test_a_whole_clip_has_every_row_and_the_goal(
    make_episode: EpisodeFactory, tmp_path: Path
) -> None:
    episode = make_episode()
    assert any(segment.kind == "transition" for segment in episode.segments)
    for name in ("one", "two"):
        write_episode(tmp_path / f"{name}.hdf5", episode)
    clips = load_clips(tmp_path, 8, whole=True)
    assert [clip.skill for clip in clips] == [episode.goal] * 2
    whole = clips[0]
    np.testing.assert_array_equal(whole.actions, episode.actions)
    np.testing.assert_array_equal(whole.proprio, episode.observations["proprio"])
    assert len(whole.scene) == len(whole.hands) == len(whole.fresh) == episode.num_steps + 1
    np.testing.assert_array_equal(whole.scene, area_resize(episode.observations["agentview"], 8))
    assert whole.success is None
    assert whole.imagined is None
    assert whole_clip(episode, 8, truth=True).success is episode.success
    assert len(load_clips(tmp_path, 8, skills=[episode.goal], whole=True)) == 2
    assert load_clips(tmp_path, 8, skills=["another goal"], whole=True) == []
    with pytest.raises(SpecMismatch, match="no goal text"):
        whole_clip(make_episode(goal=""), 8)


def test_data_that_cannot_be_trained_on_is_named(
    make_episode: EpisodeFactory, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotEnoughData, match=r"no episode file.*empty.*mosel collect"):
        load_clips(tmp_path / "empty", 8)
    with pytest.raises(NotEnoughData, match="no path"):
        load_clips([], 8)
    still = (SkillSegment("a", 3, 3), SkillSegment("b", 3, 9, kind="transition"))
    write_episode(tmp_path / "still" / "one.hdf5", make_episode(segments=still))
    with pytest.raises(NotEnoughData, match="None of the 1 episode files"):
        load_clips(tmp_path / "still", 8)
    spoilt = make_episode()
    spoilt.actions[8, 2] = np.nan
    write_episode(tmp_path / "nan" / "one.hdf5", make_episode())
    write_episode(tmp_path / "nan" / "two.hdf5", spoilt)
    with pytest.raises(DamagedFile, match=r"two\.hdf5: actions of .* nan in row 1, number 2"):
        load_clips(tmp_path / "nan", 8)


def test_a_file_without_a_camera_is_named_beside_one_that_has_it(
    make_episode: EpisodeFactory, tmp_path: Path
) -> None:
    episode = make_episode()
    write_episode(tmp_path / "a.hdf5", episode)
    bare = {name: rows for name, rows in episode.observations.items() if name != "wrist"}
    write_episode(tmp_path / "b.hdf5", replace(episode, observations=bare))
    with pytest.raises(SpecMismatch, match=r"b\.hdf5.*wrist.*a\.hdf5 has what is needed"):
        load_clips(tmp_path, 8)


def test_where_an_attempt_counts() -> None:
    """One arm: when it is out of the way. Two arms: when the skill ends, tools in hand."""
    parts = (
        SkillSegment("a", 0, 10),
        SkillSegment("b", 10, 15, kind="transition"),
        SkillSegment("b", 15, 20),
    )
    done = np.zeros(25, bool)
    done[10:13] = True
    fresh = np.arange(25) % 4 == 0
    for robot_name, ends, drawn, truth in (
        ("panda", (15, 24), (12, 24), False),
        ("dual-panda-ee", (10, 20), (12, 20), True),
    ):
        episode = Episode(
            "t",
            "g",
            0,
            {"proprio": np.zeros((25, 8))},
            np.zeros((24, 7), np.float32),
            segments=parts,
            fresh=fresh,
            skill_done={"a": done, "b": done},
            provenance={"robot": robot_name},
        )
        assert tuple(attempt_end(episode, at) for at in (0, 2)) == ends
        assert tuple(judged_row(episode, at) for at in (0, 2)) == drawn
        assert segment_truth(episode, 0) is truth
        assert judged_row(replace(episode, fresh=None), 0) == ends[0]
    late = replace(episode, fresh=np.arange(25) == 8)
    assert judged_row(late, 0) == 8
