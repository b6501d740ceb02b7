"""Rows of `mosel eval`: what they say, whose they are, and what `mosel compare` says of typos."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mosel_gym.benchmark.eval_rows import check_versions, eval_rows
from mosel_gym.benchmark.evaluate import EvalConfig, check_rows
from mosel_gym.benchmark.results import EpisodeResult
from mosel_gym.benchmark.rows import merge_rows, read_rows
from mosel_gym.benchmark.specs import PretrainedAgent, ScriptedExpert
from mosel_gym.cli.main import main
from mosel_gym.data.atomic import atomic_path
from mosel_gym.errors import SpecMismatch

TASK = "MOSEL-LiberoLong-Task6"
DONE = [EpisodeResult(seed, success=seed % 2 == 0) for seed in range(3)]


def agent(folder: Path, card: str) -> str:
    """As far as rows need one."""
    with atomic_path(folder / "agent.json") as draft:
        draft.write_text(f'{{"kind": "rl", "card": {card}}}', encoding="utf-8")
    return str(folder)


def test_what_a_card_says_of_the_reward_stands_in_every_row(tmp_path: Path) -> None:
    given = "3 own interactions with the simulator's reward (PRIVILEGED in training)"
    source = agent(tmp_path / "vla-rl", f'{{"information": "{given}"}}')
    config = EvalConfig(agent=source)
    rows = eval_rows(config, PretrainedAgent(source), TASK, DONE)
    assert {(row.agent, row.information) for row in rows} == {("vla-rl", given)}
    said = replace(config, information="my own words")
    assert eval_rows(said, PretrainedAgent(source), TASK, DONE)[0].information == "my own words"
    silent = agent(tmp_path / "other", "{}")
    assert eval_rows(config, PretrainedAgent(silent), TASK, DONE)[0].information == ""


def test_a_plan_that_a_budget_kept_from_being_written_has_no_row() -> None:
    first = EpisodeResult(7, success=False)
    results = [
        EpisodeResult(1, success=True),  # judged a success: there is nothing to refine
        EpisodeResult(2, success=False, unfinished=True, stopped="budget"),
        replace(first, refinement=1, success=True, earlier=(first,), unfinished=True),
        EpisodeResult(8, success=False, refinement_ended="no further plan"),
    ]
    config = EvalConfig(agent="expert", refine_rounds=2)
    rows = eval_rows(config, ScriptedExpert(), TASK, results)
    found = {number: [row.seed for row in rows if row.round == number] for number in range(3)}
    assert found == {0: [1, 2, 7, 8], 1: [1, 7, 8], 2: [1, 8]}
    assert [row.success for row in rows if row.seed == 7] == [False, True]


def test_another_agent_under_the_same_label_is_refused_before_anything_runs(
    tmp_path: Path,
) -> None:
    path = tmp_path / "eval.jsonl"
    one, other = (agent(tmp_path / name / "final", f'{{"n": "{name}"}}') for name in ("a", "b"))
    old = eval_rows(EvalConfig(agent=one), PretrainedAgent(one), TASK, DONE)
    merge_rows(path, old)
    check_rows(EvalConfig(agent=one, task=TASK), path, [0, 9])
    check_rows(EvalConfig(agent=other, task=TASK, label="b"), path, [0])
    check_rows(EvalConfig(agent=other, task="2"), path, [0])  # another task
    config = EvalConfig(agent=other, task=TASK)
    with pytest.raises(SpecMismatch, match=r"3 episodes of another agent.*'final'.*--label"):
        check_rows(config, path, [9])
    assert len(read_rows(path)) == 3
    check_rows(config, path, [9], replaced=True)
    assert read_rows(path) == []
    check_versions(tmp_path / "none.jsonl", old)


def test_compare_tells_unknown_labels_and_empty_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "eval.jsonl"
    merge_rows(path, eval_rows(EvalConfig(agent="expert"), ScriptedExpert(), TASK, DONE))
    for words, said in (
        (["--agents", "exprt"], "there are 'expert'"),
        (["--tasks", "2"], f"there are rows of {TASK}"),
    ):
        assert main(["compare", "--rows", str(path), *words]) == 2
        assert said in capsys.readouterr().err
    path.write_text("", encoding="utf-8")
    assert main(["compare", "--rows", str(tmp_path)]) == 2
    assert "holds no row" in capsys.readouterr().err
