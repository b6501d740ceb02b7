"""The plan of a stored agent, written anew from a buffer by another planner."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mosel_gym.agents import MoselAgent, PrivilegedAnalyzer
from mosel_gym.benchmark.arms import ArmJob, improve_arm
from mosel_gym.cli.main import main
from mosel_gym.data.buffer import ReflectionBuffer
from mosel_gym.data.libero_hdf5 import read_episode
from mosel_gym.errors import SpecMismatch
from mosel_gym.registry import task_of
from tests.benchmark.judged_episodes import write_episodes

TASK = task_of("MOSEL-LiberoLong-Task6")


@pytest.fixture
def buffer(tmp_path: Path) -> Path:
    """One failed episode of Task6, reflected on."""
    folder = write_episodes(tmp_path / "episodes", [(True, False)])
    found = ReflectionBuffer(tmp_path / "buffer")
    for file in sorted(folder.glob("*.hdf5")):
        episode = read_episode(file)
        found.add(episode, PrivilegedAnalyzer().analyze(episode))
    return tmp_path / "buffer"


def test_improve_asks_the_planner_that_is_named(
    buffer: Path, untrained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = list(reversed(TASK.plan))
    answer = {"scene": "", "targets": "", "order": "", "reasoning": "turned", "skills": plan}
    script = tmp_path / "answers.json"
    script.write_text(json.dumps({"PlanAnswer": [answer]}), encoding="utf-8")
    out = tmp_path / "refined"
    words = ["improve", "--buffer", str(buffer), "--agent", str(untrained), "--out", str(out)]
    code = main([*words, "--target", "language", "--planner", f"scripted:{script}"])
    assert code == 0
    assert "; ".join(plan) in capsys.readouterr().out
    agent = MoselAgent.from_pretrained(out)
    assert agent.plans[TASK.goal].skills == tuple(plan)
    assert agent.task_planner.name.startswith("lvlm(scripted:")
    job = ArmJob(str(untrained), TASK.goal, str(buffer), None, str(tmp_path / "own"), "language")
    report = improve_arm(job)
    assert report.plan is not None
    assert report.plan.planner == "offline"


def test_a_baseline_does_not_improve_and_the_error_says_what_does(tmp_path: Path) -> None:
    goal = task_of("MOSEL-LiberoLong-Task6").goal
    job = ArmJob("hip:libero-long", goal, str(tmp_path / "buffer"), None, str(tmp_path / "out"))
    with pytest.raises(SpecMismatch, match="HipAgent, which does not improve"):
        improve_arm(job)
