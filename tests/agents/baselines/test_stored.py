"""Baselines on disk: only the parts that they have, read by their own class or by `load_any`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mosel_gym.agents import MoselAgent, OfflinePlanner, PrivilegedAnalyzer
from mosel_gym.agents.baselines import HipAgent, PalmEAgent, UniPiAgent
from mosel_gym.agents.baselines.composed import Baseline
from mosel_gym.agents.pretrained import kind_of, load_any
from mosel_gym.benchmark.specs import PretrainedAgent
from mosel_gym.cli import main
from mosel_gym.errors import DamagedFile, SpecMismatch, UnknownId
from mosel_gym.registry import task_of
from tests.agents.baselines.small import (
    KINDS,
    save_parts_of,
    small_baseline,
    small_policy,
    small_video,
)
from tests.agents.tiny_agents import observation, tiny_agent

TASK = task_of("MOSEL-LiberoLong-Task6")
CLASSES: dict[str, type[Baseline]] = {"hip": HipAgent, "unipi": UniPiAgent, "palm-e": PalmEAgent}
FILES = {
    "hip": {"agent.json", "policy.safetensors", "video.safetensors"},
    "unipi": {"agent.json", "policy.safetensors", "video.safetensors"},
    "palm-e": {"agent.json", "policy.safetensors"},
}


def actions(agent: Any) -> list[Any]:
    agent.reset(TASK)
    return [agent.act(observation(TASK, step)) for step in range(14)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_round_trip_keeps_parts_and_actions(kind: str, tmp_path: Path) -> None:
    agent = small_baseline(kind, TASK)
    agent.card = {"note": "tiny"}
    agent.save(tmp_path)  # weights are stored in half precision: compare two that were read
    first, second = load_any(tmp_path), CLASSES[kind].from_pretrained(tmp_path)
    assert type(first) is type(second) is CLASSES[kind]
    assert first.name == second.name == agent.name
    assert second.config == agent.config
    assert second.card == {"note": "tiny"}
    np.testing.assert_array_equal(actions(first), actions(second))
    assert {file.name for file in tmp_path.iterdir()} == FILES[kind]
    assert kind_of(tmp_path) == kind


@pytest.mark.parametrize("kind", KINDS)
def test_pack_makes_one_from_trained_networks(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["pack", "--kind", kind, *save_parts_of(kind, TASK, tmp_path / "nets")]
    assert main([*words, "--out", str(tmp_path / "agent")]) == 0
    assert f"{kind}(" in capsys.readouterr().out
    assert type(load_any(tmp_path / "agent")) is CLASSES[kind]
    assert main([*words, "--out", str(tmp_path / "x"), "--judge", "judge.safetensors"]) == 2
    assert "has no place for --judge" in capsys.readouterr().err
    assert main(["pack", "--policy", words[4], "--out", str(tmp_path / "x")]) == 2
    assert "needs --video" in capsys.readouterr().err


def test_the_wrong_class_is_told_the_right_one(tmp_path: Path) -> None:
    small_baseline("palm-e", TASK).save(tmp_path)
    with pytest.raises(SpecMismatch, match=r"PalmEAgent\.from_pretrained.*load_any"):
        MoselAgent.from_pretrained(tmp_path)
    with pytest.raises(SpecMismatch, match="PalmEAgent"):
        HipAgent.from_pretrained(tmp_path)
    with pytest.raises(SpecMismatch, match="MoselAgent"):
        UniPiAgent.from_pretrained("libero-long")


def test_hip_reads_a_folder_of_mosel(tmp_path: Path) -> None:
    mosel = tiny_agent(TASK, OfflinePlanner(), PrivilegedAnalyzer())
    folder = mosel.save(tmp_path / "mosel")
    (folder / "judge.safetensors").write_bytes(b"not needed")
    assert json.loads((folder / "agent.json").read_text())["kind"] == "mosel"
    read, named = HipAgent.from_pretrained(folder), load_any(f"hip:{folder}")
    assert type(named) is HipAgent
    np.testing.assert_array_equal(actions(read), actions(named))
    assert read.config.executor.skill_budget == mosel.config.executor.skill_budget
    assert read.analyzer is None
    assert kind_of(folder) == "mosel"
    assert kind_of(f"hip:{folder}") == "hip"
    with pytest.raises(SpecMismatch, match="'mosel'"):
        load_any(f"unipi:{folder}")
    with pytest.raises(UnknownId, match="no-such-folder"):
        load_any("hip:no-such-folder")


def test_recipes_tell_the_readings_of_a_folder_apart(tmp_path: Path) -> None:
    folder = tiny_agent(TASK, OfflinePlanner(), PrivilegedAnalyzer()).save(tmp_path / "mosel")
    plain, hip = PretrainedAgent(str(folder)), PretrainedAgent(f"hip:{folder}")
    assert hip.fingerprint() != plain.fingerprint()
    assert hip.fingerprint() == PretrainedAgent(f"hip:{folder}").fingerprint()
    assert type(plain.build()) is MoselAgent
    watched = PretrainedAgent(f"hip:{folder}", analyzer="privileged", planner="offline").build()
    assert isinstance(watched, HipAgent)
    assert isinstance(watched.analyzer, PrivilegedAnalyzer)
    own = small_baseline("hip", TASK).save(tmp_path / "hip")
    assert PretrainedAgent(f"hip:{own}").fingerprint() == PretrainedAgent(str(own)).fingerprint()
    assert hip.asked() == ()


def test_parts_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    told = small_policy(TASK, TASK.skill_texts)
    with pytest.raises(SpecMismatch, match="skill_id=True"):
        UniPiAgent(small_video(TASK, (TASK.goal,)), told)
    with pytest.raises(SpecMismatch, match="--model.skill-id"):
        PalmEAgent(OfflinePlanner(), small_policy(TASK))
    small_baseline("unipi", TASK).save(tmp_path)
    with pytest.raises(SpecMismatch, match="no task planner"):
        load_any(tmp_path, task_planner=OfflinePlanner())
    (tmp_path / "video.safetensors").unlink()
    with pytest.raises(DamagedFile, match=r"video\.safetensors"):
        load_any(tmp_path)
    (tmp_path / "agent.json").write_text('{"format": "mosel-agent/1", "kind": "unipi"}')
    with pytest.raises(DamagedFile, match=r"agent\.json.*config"):
        load_any(tmp_path)
    (tmp_path / "agent.json").write_text('{"format": "mosel-agent/1", "kind": "other"}')
    with pytest.raises(UnknownId, match="'other'"):
        load_any(tmp_path)
    (tmp_path / "agent.json").write_text("[]")
    with pytest.raises(DamagedFile, match="not an object"):
        kind_of(tmp_path)
