"""Damaged problem files are told by name."""

from __future__ import annotations

from pathlib import Path

import gymnasium as gym
import pytest

from mosel_gym.envs.libero import scene
from mosel_gym.errors import AssetError

ID = "MOSEL-Libero90-Task21"


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.6, 0.9])
def test_a_cut_problem_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: float) -> None:
    stem = "KITCHEN_SCENE3_turn_on_the_stove"
    text = scene.bddl_path("libero_90", stem).read_text()
    path = tmp_path / "cut.bddl"
    path.write_text(text[: int(kept * len(text))])
    monkeypatch.setattr(scene, "bddl_path", lambda *_: path)
    env = gym.make(ID, cameras=())
    with pytest.raises(AssetError, match=r"Cannot read the problem file .*cut\.bddl"):
        env.reset(seed=0)
    env.close()


def test_a_missing_problem_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scene, "bddl_path", lambda *_: tmp_path / "gone.bddl")
    with pytest.raises(AssetError, match=r"no problem file 'gone\.bddl'"):
        gym.make(ID, cameras=()).reset(seed=0)
