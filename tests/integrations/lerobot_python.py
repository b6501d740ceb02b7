"""The environments that have the real LeRobot in them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def needed(peer: str) -> Path:
    """The peer's folder of programs; it is too large to be made by a test, which is skipped."""
    programs = ROOT / ".peers" / peer / "bin"
    if not (programs / "python").exists():
        pytest.skip(
            f"LeRobot is not there: `scripts/peers.sh {peer}` makes its environment, of 6 to 8 GB"
        )
    return programs


def run(*command: str | Path, timeout_s: float = 1500) -> str:
    """Run a program there, offline and on one thread; its output."""
    surroundings = os.environ | {
        "PYTHONPATH": str(ROOT),  # this checkout, wherever the environment was made
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
    }
    done = subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        env=surroundings,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert done.returncode == 0, f"{command} failed:\n{done.stdout[-2000:]}\n{done.stderr[-6000:]}"
    return done.stdout
