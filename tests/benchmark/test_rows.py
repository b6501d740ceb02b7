"""Rows of results: written, merged, read again, and never pooled where they must not be."""

from __future__ import annotations

import dataclasses
import multiprocessing
from pathlib import Path

import pytest

from mosel_gym.benchmark.comparing import compare_rows, paired_text, rates_text
from mosel_gym.benchmark.results import EpisodeResult, JudgedSegment
from mosel_gym.benchmark.rows import Row, check_pool, merge_rows, rate_of, read_rows, rows_of
from mosel_gym.errors import DamagedFile, SpecMismatch

TASK = "MOSEL-LiberoLong-Task6"
SETTING = {"protocol": "mosel", "renderer": "osmesa", "assets": "pack-1", "robot": "panda"}


def row(seed: int, success: bool | None = True, **changes: object) -> Row:
    base = Row(TASK, "ours", seed, success=success, protocol="mosel", renderer="osmesa")
    return dataclasses.replace(base, **changes)  # type: ignore[arg-type]


def test_a_result_becomes_a_row_with_all_that_the_tables_need(tmp_path: Path) -> None:
    verdict = JudgedSegment(
        "push it", 0, judged=True, truth=False, confidence=0.7, reason="looks so"
    )
    result = EpisodeResult(
        seed=7,
        success=False,
        held=False,
        steps=12,
        plan=("push it",),
        subgoals={"it is there": False},
        setting=SETTING,
        verdicts=(verdict,),
        judged_success=True,
        planner="offline",
        analyzer="pixel",
        seconds={"simulation": 1.23456, "networks": 0.5},
    )
    made = rows_of([result], TASK, "ours", round=2, conditions={"hold": 10}, fingerprint="abc")
    path = merge_rows(tmp_path / "results" / "a.jsonl", made)
    (found,) = read_rows(path)
    assert found == made[0]
    assert (found.env_id, found.agent, found.round, found.seed) == (TASK, "ours", 2, 7)
    assert (found.success, found.success_held, found.status, found.steps) == (
        False,
        False,
        "ok",
        12,
    )
    told = {"skill": "push it", "judged": True, "truth": False, "segment": 0, "confidence": 0.7}
    assert found.verdicts == (told,)
    assert found.subgoals == {"it is there": False}
    assert found.seconds == 1.735
    assert (found.protocol, found.renderer, found.assets) == ("mosel", "osmesa", "pack-1")
    assert (found.planner, found.analyzer, found.judged_success) == ("offline", "pixel", True)
    assert found.versions["mujoco"]
    assert "cores" in found.hardware


def test_an_episode_that_is_run_again_is_replaced_and_others_stay(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    merge_rows(path, [row(1), row(2, False)])
    merge_rows(path, [row(2, True), row(3, False), row(1, False, agent="other")])
    found = read_rows(tmp_path)
    assert [(r.agent, r.seed, r.success) for r in found] == [
        ("other", 1, False),
        ("ours", 1, True),
        ("ours", 2, True),
        ("ours", 3, False),
    ]


def _add(path: str, first: int) -> None:
    for seed in range(first, first + 5):
        merge_rows(path, [row(seed)])


def test_two_processes_at_once_lose_no_row(tmp_path: Path) -> None:
    path = str(tmp_path / "a.jsonl")
    context = multiprocessing.get_context("spawn")
    jobs = [context.Process(target=_add, args=(path, first)) for first in (0, 100)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join(60)
    assert [job.exitcode for job in jobs] == [0, 0]
    assert sorted(found.seed for found in read_rows(path)) == [*range(5), *range(100, 105)]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("protocol", "openpi"),
        ("renderer", "egl"),
        ("assets", "real"),
        ("fingerprint", "other weights"),
        ("conditions", {"hold": 3}),
        ("analyzer", "privileged"),
        ("round", 1),
        ("repeat", 1),
    ],
)
def test_rows_that_differ_are_never_pooled(name: str, value: object) -> None:
    with pytest.raises(SpecMismatch, match=name):
        rate_of([row(1), row(2, True, **{name: value})], "a cell")


def test_errors_leave_the_rate_and_do_not_spoil_the_pool() -> None:
    rows = [row(1), row(2, False), row(3, None, status="error", renderer="")]
    assert (rate_of(rows).successes, rate_of(rows).trials) == (1, 2)
    check_pool(rows)


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    path = merge_rows(tmp_path / "a.jsonl", [row(1)])
    path.write_text(path.read_text() + "{broken\n")
    with pytest.raises(DamagedFile, match="line 2"):
        read_rows(path)
    with pytest.raises(FileNotFoundError, match="mosel eval"):
        read_rows(tmp_path / "none.jsonl")


def test_an_error_gives_way_to_the_episode_and_never_takes_its_place(tmp_path: Path) -> None:
    """An episode that broke early could tell neither protocol nor renderer."""
    path = tmp_path / "a.jsonl"
    broken = row(1, None, status="error", protocol="", renderer="")
    merge_rows(path, [broken, row(2)])
    merge_rows(path, [row(1)])
    assert [(r.seed, r.status) for r in read_rows(path)] == [(1, "ok"), (2, "ok")]
    merge_rows(path, [broken, dataclasses.replace(broken, seed=3)])
    found = sorted((r.seed, r.status) for r in read_rows(path))
    assert found == [(1, "ok"), (2, "ok"), (3, "error")]


def test_an_episode_in_two_files_counts_once_and_two_versions_are_both_seen(tmp_path: Path) -> None:
    merge_rows(tmp_path / "a.jsonl", [row(1), row(2)])
    merge_rows(tmp_path / "b.jsonl", [row(1)])
    assert len(read_rows([tmp_path, tmp_path / "a.jsonl"])) == 2
    merge_rows(tmp_path / "b.jsonl", [row(2, fingerprint="other weights")])
    with pytest.raises(SpecMismatch, match="fingerprint"):
        rate_of(read_rows(tmp_path))


def test_drafts_of_other_processes_are_not_read(tmp_path: Path) -> None:
    merge_rows(tmp_path / "a.jsonl", [row(1)])
    (tmp_path / ".a.123-abcd.jsonl").write_text('{"env_id": "MOS', encoding="utf-8")
    assert [found.seed for found in read_rows(tmp_path)] == [1]


def test_separators_inside_a_text_do_not_cut_a_row(tmp_path: Path) -> None:
    said = "no\u2028such\x85file"
    path = merge_rows(tmp_path / "a.jsonl", [row(1, None, status="error", error=said), row(2)])
    assert [found.error for found in read_rows(path)] == [said, ""]


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DamagedFile, match=r"a\.jsonl"):
        read_rows(tmp_path)


def test_two_versions_of_an_agent_are_not_paired_as_one() -> None:
    mixed, other = [row(1), row(2, fingerprint="new")], [row(1, agent="b"), row(2, agent="b")]
    with pytest.raises(SpecMismatch, match="fingerprint"):
        compare_rows("ours", "b", mixed, other)
    text = paired_text([*mixed, *other, *(row(s, False, agent="c") for s in (1, 2))])
    assert "ours vs b: not counted: ours: rows with fingerprint" in text
    assert "b vs c: +2 -0 of 2" in text


def test_what_an_agent_was_given_is_told_task_by_task_where_it_differs() -> None:
    two = [row(1, information="94 demos"), row(1, env_id="MOSEL-X-B", information="237 demos")]
    text = rates_text(two)
    assert "ours on LiberoLong-Task6 was given: 94 demos" in text
    assert "ours on X-B was given: 237 demos" in text


def test_agents_are_paired_by_seed_only_where_they_ran_the_same_way() -> None:
    ours = [row(1), row(2), row(3, False)]
    theirs = [row(1, False), row(2), row(4, False), row(3, None, status="error")]
    found = compare_rows("ours", "theirs", ours, theirs)
    assert (found.gained, found.lost, found.pairs) == (1, 0, 2)
    elsewhere = [dataclasses.replace(r, protocol="openpi") for r in theirs]
    assert compare_rows("ours", "theirs", ours, elsewhere).pairs == 0


def test_texts_tell_rates_pairs_and_what_is_privileged() -> None:
    ours = [row(1), row(2, False)]
    later = [row(1, round=1), row(2, round=1)]
    expert = [row(1, agent="expert", privileged_agent=True, information="everything")]
    text = rates_text([*ours, *later, *expert])
    assert "ours, round 0" in text
    assert "1/2 = 50 %" in text
    assert "expert: PRIVILEGED" in text
    assert "expert was given: everything" in text
    assert "ours, round 1 vs ours, round 0: +1 -0 of 2" in paired_text([*ours, *later], later)
    assert "No two agents" in paired_text(ours)
