"""Episodes survive the way to disk and back, ours and LIBERO's."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from mosel_gym.data import demo_names, read_episode, write_episode
from mosel_gym.errors import DamagedFile, SpecMismatch, UnknownId
from mosel_gym.types import Episode

EpisodeFactory = Callable[..., Episode]


def assert_same(one: Episode, other: Episode) -> None:
    for name in (field.name for field in fields(Episode)):
        a, b = getattr(one, name), getattr(other, name)
        if isinstance(a, dict):
            assert list(a) == list(b), name
            for key in a:
                np.testing.assert_array_equal(a[key], b[key], strict=True)
        elif isinstance(a, np.ndarray):
            np.testing.assert_array_equal(a, b, strict=True)
        elif name == "segments":
            assert [(s.skill, s.start, s.stop, s.kind) for s in a] == [
                (s.skill, s.start, s.stop, s.kind) for s in b
            ]
            for left, right in zip(a, b, strict=True):
                np.testing.assert_array_equal(left.imagined, right.imagined)
        else:
            assert a == b, name


def test_every_field_survives(make_episode: EpisodeFactory, tmp_path: Path) -> None:
    episode = make_episode()
    assert_same(episode, read_episode(write_episode(tmp_path / "new" / "e.hdf5", episode)))


def test_absent_fields_stay_absent(make_episode: EpisodeFactory, tmp_path: Path) -> None:
    absent = dict.fromkeys(("seed", "plan", "success", "fresh", "states", "skill_done"))
    episode = make_episode(**absent, segments=(), provenance={})
    assert_same(episode, read_episode(write_episode(tmp_path / "e.hdf5", episode)))


def test_other_robots_observations_survive(make_episode: EpisodeFactory, tmp_path: Path) -> None:
    observations = {
        "head_camera": np.zeros((13, 6, 10, 3), np.uint8),
        "proprio": np.ones((13, 16), np.float32),
        "step": np.arange(13),
    }
    episode = make_episode(observations=observations)
    assert_same(episode, read_episode(write_episode(tmp_path / "e.hdf5", episode)))


def test_an_episode_with_no_step(make_episode: EpisodeFactory, tmp_path: Path) -> None:
    full = make_episode()
    episode = make_episode(
        observations={name: rows[:1] for name, rows in full.observations.items()},
        actions=full.actions[:0],
        segments=(),
        fresh=None,
        states=None,
        skill_done=None,
    )
    assert_same(episode, read_episode(write_episode(tmp_path / "e.hdf5", episode)))


def test_the_layout_is_liberos(make_episode: EpisodeFactory, tmp_path: Path) -> None:
    episode = make_episode(success=True)
    with h5py.File(write_episode(tmp_path / "e.hdf5", episode)) as file:
        data, demo = file["data"], file["data/demo_0"]
        assert data.attrs["num_demos"] == 1
        assert json.loads(data.attrs["problem_info"])["language_instruction"] == episode.goal
        assert json.loads(data.attrs["env_args"])["env_name"] == episode.task_id
        assert data.attrs["macros_image_convention"] == "opencv"
        assert demo.attrs["num_samples"] == 12
        assert {name: demo["obs"][name].shape for name in demo["obs"]} == {
            "agentview_rgb": (12, 16, 16, 3),
            "eye_in_hand_rgb": (12, 16, 16, 3),
            "ee_states": (12, 6),
            "gripper_states": (12, 2),
        }
        assert demo["states"].shape == (12, 45)
        np.testing.assert_array_equal(demo["actions"], episode.actions)
        assert demo["dones"][()].tolist() == demo["rewards"][()].tolist() == [0] * 11 + [1]


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A file as LIBERO's own script writes it: two demonstrations, pictures bottom-up."""
    path = tmp_path / "KITCHEN_SCENE3_turn_on_the_stove_demo.hdf5"
    with h5py.File(path, "w") as file:
        data = file.create_group("data")
        data.attrs["macros_image_convention"] = "opengl"
        data.attrs["problem_info"] = json.dumps({"language_instruction": "turn on the stove"})
        for number in (0, 10, 2):
            demo = data.create_group(f"demo_{number}")
            demo["actions"] = np.arange(35, dtype=np.float64).reshape(5, 7)
            demo["obs/ee_states"] = np.arange(30, dtype=np.float64).reshape(5, 6)
            demo["obs/gripper_states"] = np.zeros((5, 2))
            pictures = np.zeros((5, 8, 8, 3), np.uint8)
            pictures[:, -1] = 200  # the last stored row is the top of the scene
            pictures[:, 0, 0, 0] = np.arange(5)
            demo["obs/agentview_rgb"] = demo["obs/eye_in_hand_rgb"] = pictures
    return path


def test_published_files_are_turned_and_aligned(published: Path) -> None:
    assert demo_names(published) == ["demo_0", "demo_2", "demo_10"]
    episode = read_episode(published, "demo_10")
    assert (episode.goal, episode.task_id, episode.seed) == (
        "turn on the stove",
        "KITCHEN_SCENE3_turn_on_the_stove",
        None,
    )
    assert (episode.observations["agentview"][:, 0, 1:] == 200).all()
    # Stored row t came after action t, so the first pair is (row 0, action 1).
    assert episode.observations["wrist"][:, -1, 0, 0].tolist() == [0, 1, 2, 3, 4]
    assert episode.actions.dtype == np.float32
    assert episode.actions[:, 0].tolist() == [7, 14, 21, 28]
    assert episode.observations["proprio"].shape == (5, 8)
    (segment,) = episode.segments
    assert (segment.skill, segment.start, segment.stop) == ("turn on the stove", 0, 4)


def test_an_unknown_demonstration(published: Path) -> None:
    with pytest.raises(UnknownId, match="demo_7.*demo_0"):
        read_episode(published, "demo_7")


@pytest.mark.parametrize("keep", [0, 1, 500, 9000])
def test_truncated_files(make_episode: EpisodeFactory, tmp_path: Path, keep: int) -> None:
    path = write_episode(tmp_path / "cut.hdf5", make_episode())
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(DamagedFile, match=r"cut\.hdf5"):
        read_episode(path)


def test_no_flipped_bit_passes_for_data(make_episode: EpisodeFactory, tmp_path: Path) -> None:
    episode = make_episode()
    path = write_episode(tmp_path / "flipped.hdf5", episode)
    intact = path.read_bytes()
    messages = []
    for position in np.random.default_rng(0).integers(0, len(intact), 60):
        broken = bytearray(intact)
        broken[position] ^= 1 << (position % 8)
        path.write_bytes(broken)
        try:
            assert_same(episode, read_episode(path))  # a bit that nothing depends on
        except DamagedFile as error:
            messages.append(str(error))
    assert len(messages) > 30
    assert all("flipped.hdf5" in message for message in messages)


def test_other_hdf5_files_and_missing_ones(tmp_path: Path) -> None:
    path = tmp_path / "other.hdf5"
    with h5py.File(path, "w") as file:
        file["something"] = 1
    with pytest.raises(DamagedFile, match=r"other\.hdf5"):
        read_episode(path)
    with pytest.raises(FileNotFoundError, match=r"none\.hdf5"):
        read_episode(tmp_path / "none.hdf5")


def test_a_failed_write_leaves_the_old_file(make_episode: EpisodeFactory, tmp_path: Path) -> None:
    path = write_episode(tmp_path / "e.hdf5", make_episode())
    before = path.read_bytes()
    pictures = make_episode().observations["agentview"]
    broken = make_episode(observations={"agentview": pictures, "x": np.array([print] * 13)})
    with pytest.raises(TypeError):  # found out half way through the file
        write_episode(path, broken)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["e.hdf5"]


def test_arrays_that_do_not_fit(make_episode: EpisodeFactory, tmp_path: Path) -> None:
    with pytest.raises(SpecMismatch, match="fresh has 5 rows.*12 actions needs 13"):
        write_episode(tmp_path / "e.hdf5", make_episode(fresh=np.ones(5, bool)))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("followed", [[0, 0], [0, 0, 0, 0, 7], [-2, 0, 0, 0, 0]])
def test_followed_frames_that_do_not_fit(
    make_episode: EpisodeFactory, tmp_path: Path, followed: list[int]
) -> None:
    first, *others = make_episode().segments
    wrong = replace(first, followed=np.array(followed, np.int16))
    with pytest.raises(SpecMismatch, match="7 imagined frames.*one number a step"):
        write_episode(tmp_path / "e.hdf5", make_episode(segments=(wrong, *others)))
