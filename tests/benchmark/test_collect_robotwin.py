"""Collecting with two arms: layouts, controls, renderers, and pictures drawn afterwards."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mosel_gym.benchmark import collect as collecting
from mosel_gym.benchmark import collect_suite as module
from mosel_gym.benchmark.collect import CollectConfig, collect, plan_of
from mosel_gym.benchmark.collect_suite import collect_suite
from mosel_gym.benchmark.redraw import RedrawConfig, redraw
from mosel_gym.cli import main
from mosel_gym.data import read_episode, write_episode
from mosel_gym.errors import MissingLibrary, MoselError, SpecMismatch
from mosel_gym.registry import TASKS, task_of

HAMMER = "MOSEL-RoboTwinSkill-12"
BRUSH = "MOSEL-RoboTwinSkill-16"
BEAT = "MOSEL-RoboTwin-BeatBlock"
CONFIG = CollectConfig(task=HAMMER, episodes=1, noise=False, camera_size=32, video=False)


def test_a_skill_is_collected_resumed_and_not_mixed(tmp_path: Path) -> None:
    first = collect(replace(CONFIG, video=True), tmp_path, 1, progress=False)
    assert [(row.seed, row.success, row.error) for row in first] == [(0, True, "")]
    episode = read_episode(tmp_path / "seed-000000.hdf5")
    assert episode.observations["head_camera"].shape[1:] == (32, 32, 3)
    assert episode.provenance["renderer"].startswith("mujoco")
    assert episode.provenance["robot"] == "dual-panda-ee"
    assert (tmp_path / "seed-000000.mp4").stat().st_size > 0
    written = (tmp_path / "seed-000000.hdf5").stat().st_mtime_ns
    rows = collect(replace(CONFIG, episodes=2), tmp_path, 1, progress=False)
    assert rows[0] == first[0]
    assert [row.success for row in rows] == [True, True]
    assert (tmp_path / "seed-000000.hdf5").stat().st_mtime_ns == written
    with pytest.raises(MoselError, match="renderer differ.*'mujoco' there and 'sapien' here"):
        collect(replace(CONFIG, renderer="sapien"), tmp_path, 1, progress=False)
    with pytest.raises(MoselError, match="control differ.*'ee_delta' there and 'joint' here"):
        collect(replace(CONFIG, control="joint"), tmp_path, 1, progress=False)
    same = replace(CONFIG, renderer="mujoco", control="ee_delta")
    assert collect(same, tmp_path, 1, progress=False) == first, "the defaults, said aloud"


def test_a_task_follows_the_plan_that_its_layout_asks_for(tmp_path: Path) -> None:
    config = replace(CONFIG, task=BEAT, episodes=2, seed=1, pictures=False, control="joint")
    rows = collect(config, tmp_path, 1, progress=False)
    assert [row.success for row in rows] == [True, True]
    plans = set()
    for file in sorted(tmp_path.glob("*.hdf5")):
        episode = read_episode(file)
        assert episode.plan is not None
        assert episode.actions.shape[1] == 16
        assert episode.provenance["renderer"] == "none"
        plans.add(episode.plan.skills)
    assert {"left" in plan[0] for plan in plans} == {True, False}, "the block lies on either side"
    assert TASKS[BEAT].plan in plans


def test_a_suite_of_skills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TASKS", {key: TASKS[key] for key in (HAMMER, BRUSH, BEAT)})
    config = replace(CONFIG, pictures=False)
    rows = collect_suite("robotwin-skills", 1, config, tmp_path, 1, progress=False)
    assert [(row.task_id, row.demos) for row in rows] == [(HAMMER, 1), (BRUSH, 1)]
    with pytest.raises(MoselError, match="pictures differ"):
        collect_suite("robotwin-skills", 1, CONFIG, tmp_path, 1, progress=False)


def test_redrawn_pictures_are_those_of_a_recording_bit_for_bit(tmp_path: Path) -> None:
    cameras = ("head_camera", "left_camera")
    live = replace(CONFIG, camera_size=(24, 32), cameras=cameras)
    collect(live, tmp_path / "live", 1, progress=False)
    blind = replace(live, pictures=False, cameras=None)
    collect(blind, tmp_path / "blind", 1, progress=False)
    (wanted,) = (tmp_path / "live").glob("*.hdf5")
    (file,) = (tmp_path / "blind").glob("*.hdf5")
    assert set(read_episode(file).observations) == {"proprio"}
    config = RedrawConfig(camera_size=(24, 32), cameras=cameras)
    assert redraw([file], config, progress=False) == [file]
    expected, drawn = read_episode(wanted), read_episode(file)
    for camera in cameras:
        assert expected.observations[camera].std() > 5, "an empty picture"
        assert np.array_equal(expected.observations[camera], drawn.observations[camera])
    assert np.array_equal(expected.actions, drawn.actions)
    assert drawn.provenance["renderer"] == expected.provenance["renderer"]
    assert redraw([file], RedrawConfig(camera_size=(24, 32)), progress=False) == [], (
        "the head camera is what is drawn by default, and it is there"
    )
    write_episode(file, replace(drawn, provenance=drawn.provenance | {"renderer": "sapien"}))
    other = RedrawConfig(camera_size=(24, 32), cameras=("right_camera",))
    with pytest.raises(SpecMismatch, match="must not stand beside them"):
        redraw([file], other, progress=False)


def test_a_library_that_is_missing_stops_it_at_the_first_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_vulkan(config: CollectConfig) -> None:
        raise MissingLibrary("no Vulkan device")

    monkeypatch.setattr(collecting, "_env", no_vulkan)
    with pytest.raises(MissingLibrary, match="no Vulkan"):
        collect(replace(CONFIG, episodes=9), tmp_path, 1, progress=False)
    assert [file.name for file in tmp_path.iterdir()] == ["collect.json"]


def test_chained_skills_have_one_order() -> None:
    task = task_of("MOSEL-RoboTwin-PushBlock")
    assert plan_of(CollectConfig(order="both"), task, 1) == task.plan
    assert plan_of(CollectConfig(order="forward"), task, 1) == task.plan
    with pytest.raises(MoselError, match="chained.*hand over the brush"):
        plan_of(CollectConfig(order="reverse"), task, 0)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--task", "6", "--control", "joint"], "has no control"),
        (["--task", "6", "--renderer", "sapien"], "has no renderer"),
        (["--task", HAMMER, "--layout-spread-m", "0.05"], "has no layout_spread_m"),
        (["--task", HAMMER, "--cameras", "wrist"], "allowed: ['head_camera'"),
        (["--task", HAMMER, "--renderer", "raytracer"], "allowed: ['mujoco', 'sapien'"),
        (["--task", HAMMER, "--no-pictures", "--renderer", "sapien"], "draws nothing"),
        (["--task", HAMMER, "--order", "reverse"], "allowed: 'forward'"),
    ],
)
def test_what_an_environment_does_not_take_is_one_message(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["collect", "--out", str(tmp_path / "x"), *words]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error
    assert list(tmp_path.iterdir()) == []
