"""Which goals are wrong ones, the limits with their intervals, and what a checkpoint carries."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from mosel_gym.benchmark.metrics import share
from mosel_gym.benchmark.reliance import Mode, RelianceRow
from mosel_gym.benchmark.reliance_card import FILE, carried_reliance, write_reliance
from mosel_gym.benchmark.reliance_cases import cases_of, known_cases
from mosel_gym.benchmark.reliance_verdict import paired_difference, verdicts
from mosel_gym.cli.main import main
from mosel_gym.errors import MoselError
from mosel_gym.registry import TASKS, task_of

LONG = [f"MOSEL-LiberoLong-Task{number}" for number in range(1, 11)]


@pytest.mark.parametrize("task", LONG)
def test_every_long_task_has_wrong_goals_from_its_own_scene(task: str) -> None:
    cases = cases_of(task)
    assert [case.skill for case in cases] == list(task_of(task).plan)
    for case in cases:
        assert case.env_id == task
        assert case.wrong is not None
        assert case.wrong != case.skill
        assert case.wrong in task_of(task).skill_texts


def test_a_plan_of_one_skill_takes_another_one_of_the_scene() -> None:
    (case,) = cases_of(LONG[4])
    assert case.wrong == "pick up the book and place it in the front compartment of the caddy"


def test_chained_skills_are_tried_where_they_begin() -> None:
    pick, beat = cases_of("MOSEL-RoboTwin-BeatBlock")
    assert pick.env_id == "MOSEL-RoboTwinSkill-12"
    assert pick.wrong == "pick up the hammer with right hand"
    assert beat.env_id == "MOSEL-RoboTwinSkill-14"
    assert beat.wrong is None
    assert "no other skill of the scene begins where" in beat.note
    for task in TASKS.values():
        if task.suite.startswith("robotwin"):
            for case in cases_of(task.id):
                assert task_of(case.env_id).plan == (case.skill,)


def test_what_an_agent_was_not_trained_for_is_left_out_and_said(untrained: Path) -> None:
    cases, notes = known_cases(str(untrained), [LONG[5], LONG[1]])
    assert {case.task for case in cases} == {LONG[5]}
    assert "turn on the stove" in notes[0]
    with pytest.raises(MoselError, match="knows no skill of MOSEL-LiberoLong-Task2"):
        known_cases(str(untrained), [LONG[1]])


def test_a_baseline_without_imagined_skills_has_none(tmp_path: Path) -> None:
    (tmp_path / "agent.json").write_text('{"kind": "palm-e"}')
    with pytest.raises(MoselError, match="kind 'palm-e', which follows no imagined pictures"):
        known_cases(str(tmp_path), [LONG[5]])


def row(mode: Mode, held: int, of: int = 20) -> RelianceRow:
    outcomes = tuple((seed, seed < held) for seed in range(of))
    rate = share(done for _, done in outcomes)
    return RelianceRow(mode, "push it", rate, rate, 0, LONG[0], outcomes)


def test_limits_are_reached_or_not_with_their_intervals() -> None:
    rows = [row("none", 12), row("wrong", 0), row("oracle", 18), row("generated", 12)]
    wrong, none, imagined = verdicts(rows)
    assert (wrong.reached, wrong.open) == (True, True)  # 0 of 20 reaches up to 16 %
    assert (none.reached, none.open) == (False, True)
    assert (imagined.reached, imagined.open) == (False, False)
    assert "0/20 = 0 % [0, 16]: REACHED; the interval holds the limit" in str(wrong)
    assert "-30 points" in str(imagined)
    assert verdicts(rows[:1])[0].reached is None
    assert verdicts([row("oracle", 18), row("generated", 20)])[2].reached is True


def test_the_interval_of_a_paired_difference() -> None:
    found = paired_difference([(True, False)] * 8 + [(False, True)] * 2 + [(True, True)] * 30)
    assert found.value == pytest.approx(0.15)
    assert found.low == pytest.approx(-0.009, abs=0.005)
    assert found.high == pytest.approx(0.295, abs=0.005)
    same = paired_difference([(True, True)] * 10)
    assert same.low < 0 < same.high
    assert paired_difference([]).pairs == 0


def test_a_checkpoint_carries_what_was_measured_of_its_weights(
    untrained: Path, tmp_path: Path
) -> None:
    agent = tmp_path / "agent"
    shutil.copytree(untrained, agent)
    assert carried_reliance(str(agent)) is None
    write_reliance(str(agent), {"text": "table", "rows": [1]})
    found = carried_reliance(str(agent))
    assert found is not None
    assert found["text"] == "table"
    assert "rows" not in found
    index = json.loads((agent / "agent.json").read_text())
    (agent / "agent.json").write_text(json.dumps(index | {"rounds": 7}))
    assert carried_reliance(str(agent)) is None  # another version of the agent
    assert (agent / FILE).exists()


@pytest.mark.parametrize("name", ["libero-long", "robotwin"])
def test_what_ships_carries_its_own_under_its_own_name(name: str) -> None:
    found = carried_reliance(name)
    assert found is not None, "measured of other weights"
    assert found["agent"] == name
    assert found["text"].startswith(f"Goal reliance of {name}: "), "no folder of the machine"


def test_the_option_needs_the_measurement(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", "--write-card"]) == 2
    assert "give --goal-reliance as well" in capsys.readouterr().err
