"""Cameras by name, and training sets of one renderer and one robot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mosel_gym.data import (
    Cameras,
    ReflectionBuffer,
    area_resize,
    clips_of,
    load_clips,
    read_episode,
    write_episode,
)
from mosel_gym.data.canvas import EpisodeCanvas
from mosel_gym.data.provenance_check import OneSource, assets_kind, renderer_kind, robot_of
from mosel_gym.errors import SpecMismatch
from mosel_gym.types import Episode, Reflection

EpisodeFactory = Callable[..., Episode]
ROBOTWIN = Cameras("head_camera", ("left_camera", "right_camera"))


@pytest.fixture
def two_armed(make_episode: EpisodeFactory) -> Episode:
    """With the observations of RoboTwin: three wide cameras, sixteen numbers of proprioception."""
    rng = np.random.default_rng(1)
    pictures = {name: rng.integers(0, 256, (13, 24, 32, 3), np.uint8) for name in ROBOTWIN.names}
    return make_episode(
        observations=pictures | {"proprio": rng.normal(size=(13, 16)).astype(np.float32)},
        actions=rng.uniform(-1, 1, (12, 14)).astype(np.float32),
        provenance={"renderer": "mujoco-egl", "robot": "dual-panda-ee"},
    )


def test_observations_of_two_arms_survive_the_file(two_armed: Episode, tmp_path: Path) -> None:
    again = read_episode(write_episode(tmp_path / "e.hdf5", two_armed))
    assert list(again.observations) == [*ROBOTWIN.names, "proprio"]
    for name, rows in two_armed.observations.items():
        np.testing.assert_array_equal(again.observations[name], rows)
        assert again.observations[name].dtype == rows.dtype
    np.testing.assert_array_equal(again.actions, two_armed.actions)
    assert robot_of(again) == "dual-panda-ee"


def test_hand_cameras_lie_in_the_channels(two_armed: Episode) -> None:
    clip = clips_of(two_armed, 8, cameras=ROBOTWIN)[1]
    assert (clip.scene.shape, clip.hands.shape) == ((6, 8, 8, 3), (6, 8, 8, 6))
    right = area_resize(two_armed.observations["right_camera"][7:13], 8)
    np.testing.assert_array_equal(clip.hands[..., 3:], right)
    alone = clips_of(two_armed, 8, cameras=Cameras("head_camera", ()))[1]
    assert alone.hands.shape == (6, 8, 8, 0)
    np.testing.assert_array_equal(alone.scene, clip.scene)
    rows = np.array([2, 5])
    seen = ROBOTWIN.hands_of(two_armed.observations, rows)
    assert seen.shape == (2, 24, 32, 6)
    np.testing.assert_array_equal(seen[..., :3], two_armed.observations["left_camera"][rows])
    assert Cameras("head_camera", ()).hands_of(two_armed.observations).shape == (13, 24, 32, 0)
    with pytest.raises(SpecMismatch, match=r"wrist.*head_camera"):
        Cameras("head_camera").require(two_armed.observations, "the test")
    small = two_armed.observations | {"left_camera": np.zeros((13, 4, 4, 3), np.uint8)}
    with pytest.raises(SpecMismatch, match="one size"):
        ROBOTWIN.hands_of(small)


def test_every_camera_is_in_the_video(two_armed: Episode) -> None:
    shades = dict(zip(ROBOTWIN.names, (201, 202, 203), strict=True))
    for name, shade in shades.items():
        two_armed.observations[name][:] = shade
    picture = EpisodeCanvas(two_armed).draw(3)
    found = {name: np.argwhere((picture == shade).all(axis=2)) for name, shade in shades.items()}
    for name, pixels in found.items():
        height, width = np.ptp(pixels, axis=0) + 1
        assert (height, width) == ((288, 384) if name == "head_camera" else (142, 189))
    assert found["left_camera"][:, 1].max() < found["right_camera"][:, 1].min()


def told(episode: Episode, **provenance: str) -> Episode:
    return Episode(**{**vars(episode), "provenance": provenance})


def test_a_training_set_has_one_renderer_and_one_robot(
    make_episode: EpisodeFactory, reflection: Reflection, tmp_path: Path
) -> None:
    episode = make_episode()
    write_episode(tmp_path / "a.hdf5", told(episode, renderer="mujoco-egl"))
    write_episode(tmp_path / "b.hdf5", told(episode, renderer="mujoco-osmesa", robot="panda"))
    write_episode(tmp_path / "c.hdf5", told(episode))
    assert len(load_clips(tmp_path, 8)) == 6
    write_episode(tmp_path / "d.hdf5", told(episode, renderer="sapien"))
    with pytest.raises(SpecMismatch, match=r"a\.hdf5 has 'mujoco-egl'.*d\.hdf5 has 'sapien'"):
        load_clips(tmp_path, 8)
    write_episode(tmp_path / "d.hdf5", told(episode, renderer="mujoco-egl", robot="dual-panda-ee"))
    with pytest.raises(SpecMismatch, match=r"a\.hdf5 has 'panda'.*'dual-panda-ee'"):
        load_clips(tmp_path, 8)
    buffer = ReflectionBuffer(tmp_path / "buffer")
    for seed, renderer in enumerate(("mujoco-egl", "sapien")):
        new = Episode(**{**vars(told(episode, renderer=renderer)), "seed": seed})
        buffer.add(new, reflection)
    with pytest.raises(SpecMismatch, match="mix renderers"):
        buffer.clips(8)
    assert renderer_kind("mujoco-osmesa") == renderer_kind("mujoco") == "mujoco"


def test_a_file_that_does_not_say_fits_any(make_episode: EpisodeFactory) -> None:
    source, episode = OneSource(), make_episode()
    for renderer in ("sapien", None, "sapien"):
        source.check(told(episode, **({} if renderer is None else {"renderer": renderer})), "file")
    with pytest.raises(SpecMismatch, match="mujoco"):
        source.check(told(episode, renderer="mujoco-egl"), "file")


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (
            {"renderer": "mujoco-egl", "assets": "procedural-12ab"},
            {"renderer": "mujoco-egl", "assets": "real-34cd"},
            r"mix assets: one has 'procedural-12ab', two has 'real-34cd'.*redraw",
        ),
        (
            {"assets": "procedural-12ab", "renderer": "mujoco"},
            {"source": "LIBERO demonstration"},
            r"mix assets: one has 'procedural-12ab', two has 'real'",
        ),
        (
            {"renderer": "mujoco-egl"},
            {"source": "LeRobotDataset"},
            r"mix sources of pictures: one has 'the simulator', two has 'LeRobotDataset'",
        ),
        (
            {"robot": "dual-panda-ee"},
            {"robot": "dual-panda-joint"},
            r"mix control modes: one has 'dual-panda-ee', two has 'dual-panda-joint'.*means? some",
        ),
        ({"robot": "panda"}, {"robot": "dual-panda-ee"}, r"mix robots: .*one robot only"),
    ],
)
def test_a_mixture_names_both_files_and_what_to_do(
    make_episode: EpisodeFactory, first: dict[str, str], second: dict[str, str], said: str
) -> None:
    source, episode = OneSource(), make_episode()
    source.check(told(episode, **first), "one")
    with pytest.raises(SpecMismatch, match=said):
        source.check(told(episode, **second), "two")


def test_what_may_stand_together(make_episode: EpisodeFactory) -> None:
    source, episode = OneSource(), make_episode()
    for said in (
        {"renderer": "mujoco-egl", "assets": "real-34cd"},
        {"source": "LIBERO demonstration"},
        {"renderer": "mujoco-osmesa", "assets": "real-56ef"},
        {},
    ):
        source.check(told(episode, **said), "file")
    assert assets_kind("procedural-12ab") == assets_kind("procedural") == "procedural"


def test_pictures_of_another_shape_do_not_stand_together(make_episode: EpisodeFactory) -> None:
    source, episode = OneSource(), make_episode()
    source.check(episode, "one")
    smaller = {
        name: rows[:, ::2, ::2] if rows.ndim == 4 else rows
        for name, rows in episode.observations.items()
    }
    source.check(Episode(**{**vars(episode), "observations": smaller}), "two")
    wide = episode.observations | {"wrist": np.zeros((13, 12, 16, 3), np.uint8)}
    with pytest.raises(SpecMismatch, match="picture shapes? of wrist.*16x16.*12x16"):
        source.check(Episode(**{**vars(episode), "observations": wide}), "three")
