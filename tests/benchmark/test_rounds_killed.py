"""Real episodes in LIBERO, killed again and again: it ends as if it had never been stopped."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from mosel_gym.benchmark.rounds_config import RoundsConfig
from mosel_gym.benchmark.rounds_state import RoundsFolder
from tests.benchmark.judged_episodes import TASK
from tests.benchmark.paper.tiny_agents import LIBERO, write_agents, write_demos
from tests.benchmark.rounds_folder import outcome
from tests.benchmark.test_rounds import killed_at, words_of

# Verdicts at random, but the same each time: the tiny agent never does anything right.
MORE = (
    "--analyzer",
    "privileged:0.62,0.9,3",
    "--max-steps",
    "14",
    "--render-every",
    "2",
    "--settle",
    "1",
    "--hold",
    "1",
)


@pytest.mark.slow
def test_killed_at_several_points(tmp_path: Path) -> None:
    config = RoundsConfig(
        agent=str(write_agents(tmp_path / "agents") / LIBERO / "mosel"),
        demos=write_demos(tmp_path / "demos") / LIBERO,
        tasks=("6",),
        rounds=2,
        interactions=3,
        steps=2,
        check=2,
        min_accepted=1,
    )
    whole, out = tmp_path / "whole", tmp_path / "out"
    subprocess.run(
        words_of(config, whole, *MORE), cwd=Path(__file__).resolve().parents[2], check=True
    )
    outcomes = [row.outcome for row in RoundsFolder(whole).done()]
    assert outcomes == ["kept", "kept"]
    first, second = out / "rounds" / "1", out / "rounds" / "2"
    results = f"{TASK.id}/seed-"
    for appears in (
        first / "rollouts" / f"{results}2000000.json",
        first / "decision.json",
        first / "agent" / "video.safetensors",
        first / "check" / "after" / f"{results}2500000.json",
        first / "round.json",
        second / "control" / "agent.json",
    ):
        killed_at(words_of(config, out, *MORE), appears, limit_s=900)
    subprocess.run(
        words_of(config, out, *MORE), cwd=Path(__file__).resolve().parents[2], check=True
    )
    assert outcome(out) == outcome(whole)
