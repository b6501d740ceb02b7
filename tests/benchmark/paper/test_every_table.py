"""`--quick` of every table at n = 1, through the whole of it: episodes, rounds, controls, text."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mosel_gym.benchmark.paper.bench import Bench, bench
from mosel_gym.benchmark.paper.config import PaperConfig
from mosel_gym.benchmark.paper.gaps import Notes
from mosel_gym.benchmark.rows import Row, read_rows
from tests.benchmark.paper.tiny_agents import LIBERO, ROBOTWIN


class Place:
    """One results folder and one chain for all tables, as a user has them."""

    def __init__(self, folder: Path, config: PaperConfig) -> None:
        self.folder, self.config = folder, config

    def table(self, name: str, task: str = LIBERO, **changed: object) -> Bench:
        """Run the quick form on one task; no episode may break."""
        config = replace(self.config, tasks=(task,), **changed)  # type: ignore[arg-type]
        done = bench(
            name,
            config,
            self.folder,
            self.folder / "results",
            1,
            small=True,
            progress=False,
        )
        assert done.broken == ()
        assert "QUICK FORM, no result" in done.text
        return done

    def rows(self, file: str = "paper") -> list[Row]:
        """What was written."""
        path = self.folder / "results" / f"{file}.jsonl"
        return read_rows(path) if path.exists() else []

    def agents(self, task: str = LIBERO) -> set[str]:
        """Labels with trials of one task."""
        return {row.agent for row in self.rows() if row.env_id == task}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, tiny: PaperConfig) -> Place:
    return Place(tmp_path_factory.mktemp("tables"), tiny)


def test_table_1(place: Place) -> None:
    done = place.table("table1")
    refined = {"MOSEL +video", "MOSEL +video +policy"}
    controls = {f"{label}, control" for label in refined}
    assert place.agents() == {"UniPi", "HiP", "MOSEL"} | refined | controls
    assert all(row.status == "ok" for row in place.rows())
    assert [row.round for row in place.rows() if row.agent == "MOSEL +video +policy"] == [2]
    told = {row.agent: row.information for row in place.rows()}
    assert "demonstrations alone" in told["MOSEL +video, control"]
    assert "1 own interactions a round (judged)" in told["MOSEL +video"]
    assert "no agent 'palm-e'" in done.text
    assert "no agent 'vla-rl'" in done.text
    assert "MOSEL +video vs MOSEL +video, control" in done.text
    judged = place.rows("interactions")
    assert [(row.agent, row.round) for row in judged] == [("MOSEL", 0), ("MOSEL +video", 1)]
    assert all(row.judged_success is not None for row in judged)


def test_fig_6_goes_on_from_table_1(place: Place) -> None:
    before = {row.key: row.seconds for row in place.rows()}
    place.table("fig6")
    assert "MOSEL +video +policy +video +policy, control" in place.agents()
    assert (place.folder / "fig6.png").read_bytes().startswith(b"\x89PNG")
    after = {row.key: row.seconds for row in place.rows()}
    assert {key: after[key] for key in before} == before  # nothing was run again


def test_table_4_and_7(place: Place) -> None:
    done = place.table("table4")
    assert "MOSEL +video +policy, no failure identification" in place.agents()
    assert "w/o FI" in done.text
    place.table("table7")
    shown = [row.conditions["disturbed"] for row in place.rows() if row.agent.endswith("+policy")]
    assert True in shown


def test_table_8_and_9(place: Place) -> None:
    assert "accuracy" in place.table("table8").text
    done = place.table("table9")
    (row,) = place.rows("judged")
    assert (row.conditions["by"], row.status) == ("pixel", "ok")
    assert row.seed == place.rows("interactions")[1].seed
    assert "pixel, Task6" in done.text


def test_table_3(place: Place) -> None:
    place.table("table3")
    labels = {row.agent: row for row in place.rows("imagined")}
    assert set(labels) == {"MOSEL", "MOSEL +video"}
    assert labels["MOSEL"].verdicts
    done = place.table("table3", ROBOTWIN)
    plans = {"scripted expert, first plan", "scripted expert, refined plan"}
    assert plans <= place.agents(ROBOTWIN)
    assert "(PRIVILEGED)" in done.text


def test_table_10_and_11(place: Place) -> None:
    done = place.table("table10", repeats=1)
    assert "1 repetition has no spread" in done.text
    place.table("table11")
    (two,) = [row for row in place.rows("sampled") if row.agent == "MOSEL, 2 sampling steps"]
    assert two.seconds > 0.0
    assert "MOSEL, 2 sampling steps" in place.agents()


@pytest.mark.slow
def test_repetitions_on_two_processes_and_a_second_run_that_runs_nothing(
    tiny: PaperConfig, tmp_path: Path
) -> None:
    config = replace(tiny, tasks=(LIBERO,), trials=2)
    out, results = tmp_path / "out", tmp_path / "results"
    bench("table10", config, out, results, progress=False)
    rows = {row.key: row.seconds for row in read_rows(results)}
    seeds = {
        (row.repeat, row.seed) for row in read_rows(results) if row.agent == "MOSEL +video +policy"
    }
    assert seeds == {(at, 1_000_000 + 10_000 * at + n) for at in (0, 1) for n in (0, 1)}
    done = bench("table10", config, out, results, progress=False)
    assert {row.key: row.seconds for row in read_rows(results)} == rows
    assert "± " in done.text


def test_table_2(place: Place) -> None:
    done = place.table("table2", ROBOTWIN)
    found = place.agents(ROBOTWIN)
    assert {"MOSEL +language", "MOSEL +language +video +policy, control"} <= found
    assert "+++Self-Improved Policy" in done.text
    assert not Notes(place.folder / "results").reason("MOSEL +language +video", ROBOTWIN)
