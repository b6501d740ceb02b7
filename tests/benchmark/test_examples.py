"""Every example runs as it stands, as a user would start it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(name: str, out: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / name), "--out", str(out), *arguments],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_random_rollout(tmp_path: Path) -> None:
    said = run("01_random_rollout.py", tmp_path, "--steps", "10")
    assert "not reached: the white mug stands on the plate" in said
    assert list(tmp_path.glob("*.hdf5"))
    assert list(tmp_path.glob("*.mp4"))


@pytest.mark.slow
def test_agent(tmp_path: Path, untrained: Path) -> None:
    video = tmp_path / "agent.mp4"
    said = run("02_mosel_agent.py", video, "--agent", str(untrained), "--max-steps", "30")
    assert "plan: put the white mug on the plate; put the chocolate pudding" in said
    assert video.stat().st_size > 0


@pytest.mark.slow
def test_record_and_reflect(tmp_path: Path, untrained: Path) -> None:
    said = run("03_record_and_reflect.py", tmp_path, "--agent", str(untrained), "--episodes", "1")
    assert "judged by pixel" in said
    assert "'episodes': 1" in said


@pytest.mark.slow
def test_improve(tmp_path: Path, untrained: Path) -> None:
    said = run(
        "04_improve.py", tmp_path, "--agent", str(untrained), "--episodes", "1", "--steps", "2"
    )
    assert "improved the policy" in said
    assert (tmp_path / "agent" / "agent.json").is_file()


def test_robotwin_with_and_without_the_handover(tmp_path: Path) -> None:
    said = run("06_robotwin.py", tmp_path, "--camera-size", "64")
    assert "naive: success False" in said
    assert "with-handover: success True" in said
    assert len(list(tmp_path.glob("*.mp4"))) == 2


def test_wrappers(tmp_path: Path) -> None:
    said = run("05_wrappers.py", tmp_path, "--steps", "30")
    assert "disturbance: {'brightness'" in said
    assert "step 20: in transition: True" in said
    assert list(tmp_path.glob("*.mp4"))


@pytest.mark.slow
def test_language_models_without_a_key(tmp_path: Path) -> None:
    said = run("07_language_models.py", tmp_path)
    assert "lvlm(scripted:answers): Take the brush, then push.\n  success False; privileged" in said
    assert "The right hand has to hold it.\n  success True; privileged" in said
    assert (tmp_path / "report.html").is_file()
    assert len(list((tmp_path / "episodes").glob("*.mp4"))) == 2
