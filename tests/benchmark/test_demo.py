"""The whole loop with the simulator, at the smallest size: what it writes, and that it resumes."""

from __future__ import annotations

from pathlib import Path

import pytest

from mosel_gym.benchmark.demo import DemoConfig, demo
from mosel_gym.errors import MoselError


def test_another_demos_folder_is_refused_and_a_strangers_is_never_removed(
    untrained: Path, tmp_path: Path
) -> None:
    (tmp_path / "thesis.txt").write_text("mine", encoding="utf-8")
    config = DemoConfig(checkpoint=str(untrained))
    with pytest.raises(MoselError, match="--fresh leaves it alone"):
        demo(config, tmp_path, fresh=True, progress=False)
    (tmp_path / "demo.json").write_text('{"episodes": 3}', encoding="utf-8")
    with pytest.raises(MoselError, match="other settings"):
        demo(config, tmp_path, progress=False)
    assert (tmp_path / "thesis.txt").read_text(encoding="utf-8") == "mine"


@pytest.mark.slow
def test_the_smallest_demo_runs_and_resumes(untrained: Path, tmp_path: Path) -> None:
    config = DemoConfig(
        checkpoint=str(untrained), episodes=1, rollouts=5, demos=2, steps=2, max_steps=24
    )
    summary = demo(config, tmp_path, progress=False)
    assert list(summary["arms"]) == ["before", "control", "after"]
    assert summary["improvement"]["steps"] == summary["control"]["steps"] == 2
    assert summary["provenance"]["config"]["layout_spread_m"] == 0.05  # from the agent's card
    for arm, content in summary["arms"].items():
        assert content["errors"] == 0
        assert (tmp_path / arm / content["episodes"][0]["video"]).stat().st_size > 0
    assert (tmp_path / "report.html").is_file()
    again = demo(config, tmp_path, progress=False)
    assert again["arms"] == summary["arms"]
