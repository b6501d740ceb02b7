"""The table of what must be reached: made of rows alone, with gaps that stay gaps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from mosel_gym.benchmark.eval_rows import eval_rows
from mosel_gym.benchmark.paper.other_tables import FIRST_PLAN, REFINED_PLAN
from mosel_gym.benchmark.paper.published import BEAT, PUSH, ROBOTWIN, SWEEP, libero
from mosel_gym.benchmark.results import EpisodeResult
from mosel_gym.benchmark.rows import Row, merge_rows
from mosel_gym.benchmark.specs import PretrainedAgent
from mosel_gym.benchmark.strength import Gaps, Strength, group_text, groups_text
from mosel_gym.benchmark.strength_goals import GROUPS, PAPER_AFTER, PAPER_BEFORE, Arm, arm_of
from mosel_gym.benchmark.strength_more import (
    language_text,
    sampling_text,
    strength_text,
    variants_text,
)
from mosel_gym.benchmark.strength_run import StrengthConfig, missing
from mosel_gym.cli import bench_strength
from mosel_gym.errors import SpecMismatch

FIRST = 1_000_000


def made(label: str, env_id: str, won: int, of: int = 50, **more: object) -> list[Row]:
    """Rows of which the first ones are successes."""
    return [
        Row(
            env_id,
            label,
            FIRST + at,
            success=at < won,
            analyzer="pixel",
            hardware="a CPU, 2 cores",
            fingerprint=label,
            **more,  # type: ignore[arg-type]
        )
        for at in range(of)
    ]


def everything(after: Sequence[int]) -> list[Row]:
    rows: list[Row] = []
    for number, won in enumerate(after, start=1):
        rows += made("base", libero(number), 10)
        rows += made("control, round 2", libero(number), 20)
        rows += made("after round 1", libero(number), 1)
        rows += made("after round 2", libero(number), won)
    return rows


def line(text: str, begin: str) -> list[str]:
    (found,) = [one for one in text.splitlines() if one.startswith(f"{begin}  ")]
    return [cell for cell in found.split("  ") if cell.strip()]


def test_the_goals_and_the_papers_numbers_are_those_of_the_issue() -> None:
    seven, three, robotwin = GROUPS
    mean = [sum(known[task] for task in seven.tasks) / 7 for known in (PAPER_BEFORE, PAPER_AFTER)]
    assert [round(one, 2) for one in mean] == [0.33, 0.74]
    assert [PAPER_BEFORE[task] for task in (BEAT, PUSH, SWEEP)] == [0.20, 0.10, 0.00]
    assert [PAPER_AFTER[task] for task in (BEAT, PUSH, SWEEP)] == [0.60, 0.58, 0.52]
    assert (seven.mean, seven.reached(0.80), seven.reached(0.78)) == (0.9, True, False)
    assert (three.reached(0.6), three.reached(0.62)) == (False, True)
    assert (robotwin.reached(0.85), robotwin.reached(0.84)) == (True, False)
    assert not any(task in PAPER_AFTER for task in three.tasks)


@pytest.mark.parametrize(
    "label",
    ["base", "control, round 2", "after round 12", "after round 2, 4 sampling steps"],
)
def test_labels_of_rows_are_read_back(label: str) -> None:
    arm = arm_of(label)
    assert arm is not None
    assert arm.label == label
    for other in ("MOSEL", "based", "after, round 2", "control round 2", "after round two"):
        assert arm_of(other) is None


def test_the_last_round_is_held_against_its_control_and_the_goals() -> None:
    text = group_text(Strength(tuple(everything([48] * 6 + [39]))), GROUPS[0], Gaps([]))
    assert "(after round 2, at most 4)" in text
    one = line(text, "Task1")
    assert [cell.strip() for cell in one[1:3]] == ["0.48", "0.86"]
    assert "10/50 = 20 % [11, 33]" in one[3]
    assert "20/50" in one[4]
    assert "48/50 = 96 % [87, 99]" in one[5]
    assert one[-1].strip() == "yes"
    assert line(text, "Task7")[-1].strip() == "NO"  # 39 of 50 is below 0.80
    assert "93 % [90, 96]" in line(text, "mean")[5]
    assert line(text, "mean")[-1].strip() == "yes"
    assert "Task1: after round 2 vs control, round 2: +28 -0 of 50, p = 7.5e-09" in text
    assert "all: after round 2 vs base: +257 -0 of 350" in text


def test_rounds_beyond_the_fourth_do_not_count() -> None:
    rows = everything([30]) + made("after round 5", libero(1), 50)
    assert "30/50" in group_text(Strength(tuple(rows)), GROUPS[0], Gaps([]))


def test_gaps_stay_gaps_and_few_scenes_settle_nothing() -> None:
    rows = made("after round 1", libero(1), 20, of=20)
    text = groups_text(Strength(tuple(rows)))
    assert "20/20 = 100 % [84, 100] (20 of 50 scenes)" in text
    assert line(text, "Task1")[-1].strip() == "not known"
    assert line(text, "Task2")[-1].strip() == "not known"
    assert "no row labelled 'base'" in text
    assert "no row labelled 'after round 1'" in text
    assert "over 1 of 7 tasks" in text
    assert "no round of improvement has rows" in text  # RoboTwin


def test_other_seeds_and_two_versions_of_an_agent_are_not_pooled() -> None:
    rows = made("base", libero(1), 10)
    rows += [Row(libero(1), "base", 7, success=True)]
    strength = Strength(tuple(rows))
    assert len(strength.trials(Arm("base"), libero(1))) == 50
    mixed = rows[:30] + made("base", libero(1), 10, renderer="egl")[30:]
    assert "not counted" in groups_text(Strength(tuple(mixed)))


def test_few_sampling_steps_against_many() -> None:
    rows = made("base, 4 sampling steps", libero(1), 40) + made(
        "base, 50 sampling steps", libero(1), 42
    )
    text = sampling_text(Strength(tuple(rows)))
    assert "4 steps 40/50" in text
    assert "no loss within the interval: yes" in text
    worse = made("base, 4 sampling steps", libero(1), 10) + rows[50:]
    assert "no loss within the interval: NO" in sampling_text(Strength(tuple(worse)))
    assert "not known: no scene" in sampling_text(Strength(tuple(rows[:50])))


def test_a_changed_execution_is_held_against_the_agent_as_it_is() -> None:
    rows = made("base", libero(1), 40) + made("base, early advance off", libero(1), 30)
    (text,) = variants_text(Strength(tuple(rows)))
    assert "base, early advance off: 30/50" in text
    assert "as it is 40/50" in text
    assert "-20 points" in text
    assert variants_text(Strength(tuple(rows[:50]))) == []


def test_language_plans_need_all_three_tasks() -> None:
    rows = [row for task in ROBOTWIN for row in made(REFINED_PLAN, task, 49)]
    assert "goal >= 0.95: yes" in language_text(rows)
    assert "paper 26 % before, 89 % after; ours not run before" in language_text(rows)
    assert "goal >= 0.95: not known" in language_text(rows[:50])
    assert "ours 10/50" in language_text([*rows, *made(FIRST_PLAN, ROBOTWIN[0], 10)])


def test_the_command_prints_the_table_of_the_rows_that_there_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = merge_rows(tmp_path / "strength.jsonl", everything([50] * 7))
    merge_rows(path, made("somebody else", libero(1), 3))
    assert bench_strength.main(StrengthConfig(), path) == 0
    said = capsys.readouterr().out
    assert "Video analyzer: pixel" in said
    assert "a CPU, 2 cores" in said
    assert "'somebody else'" in said
    assert said.strip() == strength_text(path).strip()
    with pytest.raises(FileNotFoundError, match=r"none\.jsonl does not exist"):
        bench_strength.main(StrengthConfig(), tmp_path / "none.jsonl", render_only=True)


def test_only_what_is_missing_is_run_and_others_rows_are_kept(
    untrained: Path, tmp_path: Path
) -> None:
    path = tmp_path / "strength.jsonl"
    config = StrengthConfig(after=(str(untrained),), tasks=("6", "2"), episodes=5, variants=True)
    wanted = missing(config, path)
    assert {one.task for one in wanted} == {libero(6)}  # the agent was not trained for Task2
    labels = [one.execution.label(one.label) for one in wanted]
    assert labels[:2] == ["base", "base, 4 sampling steps"]  # no round is behind it
    assert len(labels) == 5
    later = StrengthConfig(control=(str(untrained),), rounds=3, tasks=("6",))
    assert [one.label for one in missing(later, path)] == ["control, round 3"]
    plain = StrengthConfig(after=(str(untrained),), tasks=("6",), episodes=5)
    results = [EpisodeResult(FIRST + at, success=True) for at in range(5)]
    rows = eval_rows(wanted[0], PretrainedAgent(str(untrained)), libero(6), results)
    merge_rows(path, rows)
    assert missing(plain, path) == []
    path.unlink()
    merge_rows(path, made("base", libero(6), 3, of=1, conditions=rows[0].conditions))
    with pytest.raises(SpecMismatch, match="another agent"):
        missing(plain, path)
