"""What an agent on disk needs of its environment."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mosel_gym.agents.needs import needs_of
from mosel_gym.errors import DamagedFile, UnknownId


def test_a_shipped_agent_needs_both_views_of_libero() -> None:
    for source in ("libero-long", "hip:libero-long"):
        needs = needs_of(source)
        assert (needs.robot, needs.control) == ("panda", "ee_delta")
        assert needs.cameras == ("agentview", "wrist")


def test_a_reinforcement_learning_agent_keeps_it_in_its_view(tmp_path: Path) -> None:
    view = {
        "robot": "dual-panda-joint",
        "cameras": {"scene": "head_camera", "hands": ["left_camera"]},
    }
    (tmp_path / "agent.json").write_text(json.dumps({"kind": "rl", "view": view}))
    needs = needs_of(tmp_path)
    assert (needs.cameras, needs.control) == (("head_camera", "left_camera"), "joint")
    del view["cameras"]  # it sees numbers only
    (tmp_path / "agent.json").write_text(json.dumps({"kind": "rl", "view": view}))
    assert needs_of(tmp_path).cameras == ()


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnknownId, match="libero-lnog"):
        needs_of("libero-lnog")
    (tmp_path / "agent.json").write_text("{}")
    with pytest.raises(DamagedFile, match="policy.safetensors"):
        needs_of(tmp_path)
