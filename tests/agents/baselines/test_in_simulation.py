"""Each baseline in both simulators, and through `mosel run`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import gymnasium as gym
import pytest

from mosel_gym.benchmark.rollout import run_episode
from mosel_gym.cli import main
from mosel_gym.data.libero_hdf5 import read_episode
from mosel_gym.envs.robotwin.env import RobotwinEnv
from mosel_gym.registry import task_of
from tests.agents.baselines.small import KINDS, small_baseline


@pytest.fixture(scope="module")
def robotwin() -> Iterator[RobotwinEnv]:
    made = gym.make(
        "MOSEL-RoboTwin-BeatBlock",
        camera_size=32,
        render_every=4,
        max_steps=20,
        disable_env_checker=True,
    ).unwrapped
    assert isinstance(made, RobotwinEnv)
    yield made
    made.close()


@pytest.mark.parametrize("kind", KINDS)
def test_two_arms(kind: str, robotwin: RobotwinEnv) -> None:
    task = robotwin.task
    agent = small_baseline(kind, task, budget=7, hold_last_frame=True)
    run = run_episode(robotwin, agent, seed=3)
    assert run.result.status == "ok", run.result.error
    assert run.episode is not None
    assert run.episode.actions.shape == (20, robotwin.robot.action_size)
    assert run.reflection is None
    assert run.result.judged_success is None
    assert run.result.verdicts == ()
    assert "no video analyzer" in run.result.unjudged
    assert not run.result.unfinished
    first = run.episode.segments[0]
    if kind == "unipi":
        assert (first.skill, first.stop) == (task.goal, 20)
    else:
        assert first.skill in task.skill_texts
        assert first.stop == 7
    assert (first.imagined is None) is (kind == "palm-e")


@pytest.mark.parametrize("kind", KINDS)
def test_mosel_run_takes_each(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task = task_of("MOSEL-LiberoLong-Task6")
    folder = small_baseline(kind, task).save(tmp_path / "agent")
    words = ["run", "--agent", str(folder), "--task", "6", "--max-steps", "10", "--no-video"]
    assert main([*words, "--out", str(tmp_path / "run")]) == 0
    said = capsys.readouterr().out
    assert f"agent: {kind}(" in said
    assert "no verdict: " in said
    (result,) = (tmp_path / "run").rglob("seed-*.json")
    told = json.loads(result.read_text())
    assert told["judged_success"] is None
    assert told["steps"] == 10
    (file,) = (tmp_path / "run").rglob("*.hdf5")
    assert read_episode(file).num_steps == 10
