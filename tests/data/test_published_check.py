"""LIBERO's published files: what is wrong with one is told, what is sound is imported."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from mosel_gym.cli import main
from mosel_gym.data import read_episode
from mosel_gym.data.published_check import import_published

STEM = "LIVING_ROOM_SCENE6_put_the_white_mug_on_the_plate_demo"
STEPS = 5


def write_published(path: Path, demos: int = 2) -> Path:
    """A small file in the layout that LIBERO's own script writes."""
    with h5py.File(path, "w") as file:
        data = file.create_group("data")
        data.attrs["macros_image_convention"] = "opengl"
        data.attrs["problem_info"] = json.dumps(
            {"language_instruction": "put the white mug on the plate", "domain_name": "robosuite"}
        )
        data.attrs["bddl_file_name"] = "somewhere/of/the/author.bddl"
        for number in range(demos):
            demo = data.create_group(f"demo_{number}")
            demo["actions"] = np.linspace(-1, 1, STEPS * 7).reshape(STEPS, 7)
            demo["states"] = np.zeros((STEPS, 71))
            demo["rewards"] = demo["dones"] = np.zeros(STEPS, np.uint8)
            demo["robot_states"] = np.zeros((STEPS, 9))
            demo["obs/ee_states"] = np.ones((STEPS, 6))
            demo["obs/gripper_states"] = np.zeros((STEPS, 2))
            demo["obs/joint_states"] = np.zeros((STEPS, 7))
            pictures = np.zeros((STEPS, 8, 8, 3), np.uint8)
            pictures[:, -1] = 200  # the last stored row is the top of the scene
            demo["obs/agentview_rgb"] = demo["obs/eye_in_hand_rgb"] = pictures
    return path


def test_a_sound_file_becomes_upright_episodes_once(tmp_path: Path) -> None:
    path = write_published(tmp_path / f"{STEM}.hdf5")
    (report,) = import_published([path], tmp_path / "out", progress=False)
    assert (report.demos, report.written, report.faults) == (2, 2, [])
    file = tmp_path / "out" / STEM / "demo_1.hdf5"
    episode = read_episode(file)
    assert episode.goal == "put the white mug on the plate"
    assert (episode.observations["agentview"][:, 0] == 200).all()
    before = file.stat().st_mtime_ns
    (again,) = import_published([tmp_path / f"{STEM}.hdf5"], tmp_path / "out", progress=False)
    assert again.written == 2
    assert file.stat().st_mtime_ns == before, "what is there already is kept"


def replaced(name: str, value: np.ndarray | None) -> Callable[[h5py.Group], None]:
    def change(demo: h5py.Group) -> None:
        del demo[name]
        if value is not None:
            demo[name] = value

    return change


FAULTS: list[tuple[Callable[[h5py.Group], None], str]] = [
    (replaced("actions", None), "actions is missing"),
    (replaced("actions", np.zeros((STEPS, 6))), r"actions has shape \(5, 6\)"),
    (replaced("actions", np.full((STEPS, 7), np.nan)), "actions holds NaN"),
    (replaced("actions", np.full((STEPS, 7), 3.0)), "actions reach 3"),
    (replaced("actions", np.zeros((4, 7))), "differ in length: actions 4"),
    (replaced("obs/ee_states", np.zeros((STEPS, 8))), r"obs/ee_states has shape"),
    (replaced("obs/agentview_rgb", np.zeros((STEPS, 8, 8, 3))), "obs/agentview_rgb.*float64"),
    (replaced("obs/eye_in_hand_rgb", None), "obs/eye_in_hand_rgb is missing"),
]


@pytest.mark.parametrize(("change", "said"), FAULTS)
def test_a_fault_is_named_and_does_not_stop_the_others(
    tmp_path: Path, change: Callable[[h5py.Group], None], said: str
) -> None:
    path = write_published(tmp_path / f"{STEM}.hdf5")
    with h5py.File(path, "r+") as file:
        change(file["data/demo_0"])
    (report,) = import_published([path], tmp_path / "out", progress=False)
    assert report.written == 1
    with pytest.raises(AssertionError, match=f"demo_0: .*{said}"):
        raise AssertionError("; ".join(report.faults))
    assert [file.name for file in (tmp_path / "out").rglob("*.*")] == ["demo_1.hdf5"]


def test_files_that_are_no_demonstrations(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = write_published(tmp_path / "cut.hdf5").read_bytes()
    (tmp_path / "cut.hdf5").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.hdf5").write_text("not HDF5")
    with h5py.File(tmp_path / "empty.hdf5", "w") as file:
        file.create_group("data").attrs["problem_info"] = "{"
    assert main(["data", "import", str(tmp_path), "--check"]) == 2
    said = capsys.readouterr().out
    assert said.count("BAD") == 3
    assert "holds no demonstration" in said
    assert "language_instruction" in said
    assert main(["data", "import", str(tmp_path)]) == 2
    assert "--out" in capsys.readouterr().err
