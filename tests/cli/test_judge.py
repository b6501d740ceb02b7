"""`mosel judge` as a command: tables on the screen, files in the folder, and bad input."""

from __future__ import annotations

from pathlib import Path

import pytest

from mosel_gym.benchmark.provenance import read_json
from mosel_gym.cli import main
from tests.benchmark.judged_episodes import TASK, write_episodes


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_episodes(tmp_path / "episodes", [(True, True), (True, False), (False, False)])


def test_tables_are_printed_and_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = folder.parent / "out"
    analyzers = ("--analyzer", "privileged", "privileged:0.7,1.0")
    words = ["judge", str(folder), "--level", "skill", "--out", str(out), *analyzers]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "Table 8" in said
    assert "Table 9" in said
    assert f"{TASK.id}  6/6 = 100 %" in said
    assert "privileged:0.7,1.0, PRIVILEGED" in said
    assert "| privileged (PRIVILEGED) | mujoco" in (out / "judge.md").read_text()
    content = read_json(out / "judge.json")
    assert [row["spec"] for row in content["scores"]] == ["privileged", "privileged:0.7,1.0"]
    assert content["provenance"]["config"]["level"] == "skill"
    assert len((out / "judged.jsonl").read_text().splitlines()) == 6


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["judge", "no-such-folder"], "no episode file or folder at no-such-folder"),
        (["judge", "."], "There is nothing to judge"),
        (["judge", "{}", "--analyzer", "orcale"], "Unknown video analyzer 'orcale'"),
        (["judge", "{}", "--analyzer", "privileged:2,1"], "impossible"),
        (["judge", "{}", "--analyzer", "pixel:no-such-agent"], "no-such-agent"),
    ],
)
def test_bad_input_is_one_message(
    words: list[str],
    said: str,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    empty = tmp_path_factory.mktemp("empty")
    monkeypatch.chdir(empty)
    assert main([word.format(folder) for word in words]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error
    assert list(empty.iterdir()) == []
