"""The benches and the doctor, at their smallest."""

from __future__ import annotations

from pathlib import Path

import pytest

from mosel_gym.benchmark.experts import ExpertsConfig, bench_experts, experts_table
from mosel_gym.benchmark.provenance import read_json
from mosel_gym.benchmark.speed import SpeedConfig, bench_env, speed_table
from mosel_gym.cli import doctor, main
from mosel_gym.errors import MoselError

STOVE = "MOSEL-Libero90-Task21"


def test_speed_against_stock(tmp_path: Path) -> None:
    config = SpeedConfig(
        tasks=("6",), repeats=1, steps=8, stock_steps=2, resets=2, camera_size=64, footprint=False
    )
    found = bench_env(config, tmp_path / "env.json", progress=False)
    (row,) = found["rows"]
    assert row.ratio > 1.5, "slower than stock LIBERO would be a fault"
    assert row.soft_reset_ms < row.start_ms < row.stock_reset_ms
    assert "| LiberoLong-Task6 |" in speed_table(found)
    assert read_json(tmp_path / "env.json")["hardware"]["cores"] >= 1


def test_experts_are_counted(tmp_path: Path) -> None:
    config = ExpertsConfig(tasks=(STOVE,), episodes=1, seed=100_000)
    found = bench_experts(config, tmp_path / "experts.json", 1, progress=False)
    (row,) = found["rows"]
    assert (row.successes, row.held, row.failed_seeds, row.error) == (1, 1, (), "")
    assert "1 of 1 tasks at 90 % or more" in experts_table(found)
    assert read_json(tmp_path / "experts.json")["config"]["episodes"] == 1


def test_the_doctor_tells_what_is_well_optional_and_bad(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ill() -> str:
        raise MoselError("only 0.1 GiB are free here")

    monkeypatch.setenv("OPENAI_API_KEY", "sk-a-secret")
    monkeypatch.delenv("GEMINI_API_KEY", raising=False)
    monkeypatch.delenv("GOOGLE_API_KEY", raising=False)
    monkeypatch.setattr(doctor, "_disk", ill)
    assert main(["doctor"]) == 1
    said = capsys.readouterr().out
    lines = {line[6:19].strip(): line for line in said.splitlines()}
    assert lines["mujoco"].startswith("ok"), lines["mujoco"]
    assert lines["assets"].startswith("ok")
    assert lines["OpenAI key"] == "ok    OpenAI key   OPENAI_API_KEY is set"
    assert "sk-a-secret" not in said
    assert lines["Google key"].startswith("-     ")
    assert lines["disk"].startswith("BAD   ")
    assert "\033" not in said, "no colours where nobody sees them"


def test_another_mujoco_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_SETTLED_M", (0.0, 0.0, 0.0))
    with pytest.raises(MoselError, match="results will not compare"):
        doctor._mujoco()
