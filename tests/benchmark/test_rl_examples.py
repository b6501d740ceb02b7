"""The examples about reinforcement learning run as they stand, with tiny budgets."""

from __future__ import annotations

from pathlib import Path

import pytest

from mosel_gym.benchmark.rl_curve import Curve, CurvePoint
from mosel_gym.benchmark.rl_plot import draw, line_of_curve, line_of_rows
from mosel_gym.benchmark.rows import Row, merge_rows
from mosel_gym.benchmark.vla_rl import VlaRlConfig, train_vla_rl
from mosel_gym.errors import NotEnoughData
from tests.benchmark.test_examples import run
from tests.benchmark.test_vla import TASK, cloned, data

__all__ = ["cloned", "data"]  # fixtures


def rows() -> list[Row]:
    """Two rounds: 1 of 4, then 3 of 4; an error beside them."""
    found = []
    for number, hits in ((0, 1), (1, 3)):
        for seed in range(4):
            found.append(
                Row(
                    env_id=TASK,
                    agent="MOSEL",
                    seed=seed,
                    round=number,
                    success=seed < hits,
                    information="demonstrations of single skills",
                )
            )
    return [*found, Row(env_id=TASK, agent="MOSEL", seed=9, round=1, status="error", error="broke")]


def test_rounds_and_curves_become_lines_with_intervals(tmp_path: Path) -> None:
    line = line_of_rows("MOSEL", rows(), interactions=100)
    assert (line.interactions, line.success) == ((0.0, 100.0), (0.25, 0.75))
    assert line.low[0] < 0.25 < line.high[0]
    points = [
        CurvePoint("evaluation", 0, 0, 0.5, 0.2, 0.8, 10),
        CurvePoint("episode", 1, 600, 1.0),
        CurvePoint("evaluation", 25, 9000, 0.4, 0.2, 0.7, 10),
    ]
    other = line_of_curve("VLA-RL", "a reward", points)
    assert (other.interactions, other.success) == ((0.0, 25.0), (0.5, 0.4))
    assert line_of_curve("VLA-RL", "", points, by_steps=True).interactions == (0.0, 9000.0)
    assert draw([line, other], tmp_path / "a.png", "Task6").stat().st_size > 10_000
    with pytest.raises(NotEnoughData, match="no measurement"):
        line_of_curve("VLA-RL", "", points[1:2])
    with pytest.raises(NotEnoughData, match="no episode of MOSEL"):
        line_of_rows("MOSEL", [], 100)


@pytest.mark.slow
def test_rl_baseline(tmp_path: Path) -> None:
    budget = ("--steps", "32", "--eval-every", "16", "--eval-episodes", "1", "--max-steps", "16")
    said = run("rl_baseline.py", tmp_path, *budget)
    assert "after      32 steps: success" in said
    assert "sees simulator state        yes" in said
    assert (tmp_path / "curve.png").stat().st_size > 10_000


@pytest.mark.slow
def test_compare_with_rl(cloned: Path, tmp_path: Path) -> None:
    config = VlaRlConfig(
        task=TASK, episodes=2, decisions=4, batch_size=4, max_steps=8, eval_episodes=1
    )
    train_vla_rl(cloned, config, tmp_path / "vla-rl", progress=False)
    table = merge_rows(tmp_path / "rows.jsonl", rows())
    said = run(
        "compare_with_rl.py",
        tmp_path / "both.png",
        *("--rows", str(table), "--vla-rl", str(tmp_path / "vla-rl")),
    )
    assert "ground-truth reward         success" in said
    assert "MOSEL: demonstrations of single skills\n  after     0 episodes: success 25%" in said
    assert (tmp_path / "both.png").stat().st_size > 10_000


@pytest.mark.slow
def test_sb3_example(tmp_path: Path) -> None:
    import os
    import subprocess
    import sys

    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "examples/08_sb3.py", "--episodes", "1", "--max-steps", "8"],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "rewards [0.0], lengths [8]" in done.stdout


def test_an_empty_curve_is_no_curve(tmp_path: Path) -> None:
    with pytest.raises(NotEnoughData):
        line_of_curve("x", "", Curve(tmp_path / "none.jsonl").points)
