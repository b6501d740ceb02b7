"""The rows that are committed: README says what they say, and every table can be made of them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from mosel_gym.benchmark.paper.bench import bench
from mosel_gym.benchmark.paper.config import PaperConfig
from mosel_gym.benchmark.rows import rate_of, read_rows

ROOT = Path(__file__).resolve().parents[2]
LINES = {
    "UniPi": "UniPi",
    "PaLM-E": "PaLM-E",
    "HiP": "HiP",
    "MOSEL, before any round": "MOSEL",
    "stand-in for VLA-RL, cloned only": "VLA, before RL",
    "the same after PPO": "VLA-RL",
}
"""How a line of README's table begins -> label of its rows."""
TASKS = ("MOSEL-LiberoLong-Task2", "MOSEL-LiberoLong-Task6", "MOSEL-RoboTwin-BeatBlock")


def test_the_table_in_the_readme_is_that_of_the_rows() -> None:
    rows = read_rows(ROOT / "results" / "paper.jsonl")
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = text.partition("<!-- comparison -->")[2].partition("<!-- /comparison -->")[0]
    lines = [line.split(" | ") for line in table.splitlines() if re.match(r"\| \w", line)][1:]
    assert len(lines) == len(LINES)
    for cells, (begin, label) in zip(lines, LINES.items(), strict=True):
        assert cells[0].startswith(f"| {begin}")
        for task, cell in zip(TASKS, cells[-3:], strict=True):
            found = [
                row
                for row in rows
                if (row.agent, row.env_id, row.round) == (label, task, 0)
                and not row.conditions["disturbed"]
            ]
            assert cell.strip(" |") == str(rate_of(found, f"{label} on {task}"))


def test_no_row_names_a_path_of_the_machine_that_made_it() -> None:
    for file in (ROOT / "results").iterdir():
        text = file.read_text(encoding="utf-8")
        assert not re.findall(r'"/[a-z]+/[^"]*', text), file
        if file.suffix == ".json":
            json.loads(text)


@pytest.mark.parametrize(
    "name", ["table1", "table2", "table3", "table7", "table8", "table10", "table11"]
)
def test_a_table_is_made_of_the_committed_rows_alone(name: str, tmp_path: Path) -> None:
    before = {file: file.read_bytes() for file in (ROOT / "results").iterdir()}
    done = bench(name, PaperConfig(), tmp_path, ROOT / "results", 1, render_only=True)
    assert re.search(r"\d+/20 = |\d+/60 = |\(\d+/20", done.text), "a filled cell"
    assert not done.broken
    assert before == {file: file.read_bytes() for file in (ROOT / "results").iterdir()}
