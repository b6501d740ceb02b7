"""The curve of success against judge precision: labels, numbers, picture, and the whole of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mosel_gym.agents import PrivilegedAnalyzer
from mosel_gym.benchmark.judge_agents import JudgedAgent
from mosel_gym.benchmark.judge_curve import CurvePoint, JudgeCurveConfig, _row, judge_curve
from mosel_gym.benchmark.judge_curve_labels import NoisySetting, label_rollouts
from mosel_gym.benchmark.judge_curve_text import write_curve
from mosel_gym.benchmark.metrics import Confusion
from mosel_gym.benchmark.provenance import read_json
from mosel_gym.benchmark.results import EpisodeResult
from mosel_gym.cli import main
from mosel_gym.data import ReflectionBuffer
from mosel_gym.data.libero_hdf5 import write_episode
from mosel_gym.errors import MoselError, NotEnoughData
from tests.benchmark.judged_episodes import TASK, made_episode

SETTINGS = [NoisySetting(0.7, 0.9), NoisySetting(1.0, 1.0), NoisySetting(0.1, 1.0)]


def filled(folder: Path, ends: list[tuple[bool, bool]], size: int = 8) -> ReflectionBuffer:
    buffer = ReflectionBuffer(folder)
    for seed, pair in enumerate(ends):
        episode = made_episode(seed, *pair, size=size)
        buffer.add(episode, PrivilegedAnalyzer().analyze(episode))
    return buffer


def test_the_same_rollouts_get_other_labels(tmp_path: Path) -> None:
    source = filled(tmp_path / "source", [(at % 2 == 0, at % 4 != 1) for at in range(60)])
    folder = tmp_path / "labels"
    noisy, exact, impossible = label_rollouts(source, SETTINGS, folder, 0, progress=False)
    assert (exact.confusion.false_positives, exact.confusion.false_negatives) == (0, 0)
    assert exact.confusion.true_positives == exact.base_rate.successes == 75
    assert 0.6 < noisy.confusion.precision.value < 0.8, "as asked for, up to chance"
    assert 0.8 < noisy.confusion.recall.value < 1.0
    assert "cannot be reached" in impossible.note
    assert not impossible.usable
    buffer = ReflectionBuffer(folder / SETTINGS[0].name)
    counts = noisy.confusion
    accepted = counts.true_positives + counts.false_positives
    assert buffer.counts()["accepted"] == accepted != 75
    files = {path.stat().st_ino for path in source.episodes()}
    assert {path.stat().st_ino for path in buffer.episodes()} == files, "pictures are stored once"
    assert label_rollouts(source, SETTINGS, folder, 0, progress=False) == [noisy, exact, impossible]


@pytest.mark.parametrize("end", [True, False])
def test_rollouts_of_one_kind_have_no_precision(tmp_path: Path, end: bool) -> None:
    source = filled(tmp_path / "source", [(end, end)] * 3)
    with pytest.raises(NotEnoughData, match=f"{6 * end} of 6 skill segments of 3 rollouts"):
        label_rollouts(source, SETTINGS, tmp_path / "labels", 0, progress=False)


def results(wins: int, of: int = 10) -> list[EpisodeResult]:
    return [EpisodeResult(seed, success=seed < wins, held=seed < wins) for seed in range(of)]


@pytest.mark.parametrize("rounds", [1, 3])
def test_table_and_picture(tmp_path: Path, rounds: int) -> None:
    target: Any = "policy" if rounds == 1 else "language"
    points = [CurvePoint("before", None, rounds=[results(2)])]
    for at, value in enumerate((0.6, 1.0)):
        setting = NoisySetting(value, 0.9)
        counts = Confusion(6, 4 - 4 * at, 1, 9)
        won = [results(2 + at + step) for step in range(rounds)]
        points.append(CurvePoint(setting.name, setting, counts, won))
    points.append(CurvePoint("none", NoisySetting(0.1, 0.9), note="too few segments"))
    config = JudgeCurveConfig(target=target)
    text = write_curve(tmp_path, config, [_row(point) for point in points])
    assert text.startswith("PRIVILEGED")
    assert "6/10 = 60 %" in text
    assert "too few segments" in text
    assert ("success after 2 new plans" in text) == (rounds == 3)
    assert f"{1 + 2 + rounds - 1}/10" in text
    picture = np.asarray(Image.open(tmp_path / "curve.png").convert("RGB"))
    green = np.array([0x2F, 0x7D, 0x5B]) if rounds == 1 else np.array([0x4A, 0x6F, 0xA5])
    assert (picture == green).all(axis=-1).sum() > 50, "the curve is drawn"
    content = read_json(tmp_path / "curve.json")
    assert content["privileged"] is True
    assert len(content["points"]) == 4


def test_what_cannot_be_run_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], untrained: Path
) -> None:
    out = ["--out", str(tmp_path / "out")]
    words = ["bench", "judge-curve", *out]
    assert main([*words, "--agent", "expert"]) == 2
    assert "has no policy to refine" in capsys.readouterr().err
    config = JudgeCurveConfig(agent=str(untrained), precisions=())
    with pytest.raises(MoselError, match="at least one precision"):
        judge_curve(config, tmp_path / "out", progress=False)
    config = JudgeCurveConfig(agent=str(untrained), precisions=(0.9, 0.901))
    with pytest.raises(MoselError, match="first two decimals"):
        judge_curve(config, tmp_path / "out", progress=False)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "settings.json").write_text('{"recall": 0.5}')
    with pytest.raises(MoselError, match="other settings"):
        judge_curve(JudgeCurveConfig(agent=str(untrained)), tmp_path / "other", progress=False)
    assert not (tmp_path / "out").exists()


def test_the_recipe_of_an_agent_names_its_judge(untrained: Path) -> None:
    recipe = JudgedAgent(str(untrained), 0.8, 0.9)
    agent: Any = recipe.build()
    assert agent.analyzer.name == "privileged(tpr=0.90,fpr=0.22)"
    assert recipe.fingerprint() != JudgedAgent(str(untrained), 0.7, 0.9).fingerprint()
    expert: Any = JudgedAgent("expert", 0.8, 0.9).build()
    assert "privileged" in expert.name


@pytest.mark.slow
def test_a_network_is_refined_from_each_judge_and_the_run_resumes(
    untrained: Path, tmp_path: Path
) -> None:
    ends = [(at % 3 != 0, at % 2 == 0) for at in range(12)]
    buffer = filled(tmp_path / "rollouts", ends, 64)
    for seed in range(3):
        write_episode(tmp_path / "demos" / f"{seed}.hdf5", made_episode(seed, True, True, size=64))
    config = JudgeCurveConfig(
        agent=str(untrained),
        precisions=(0.7, 1.0, 0.1),
        episodes=1,
        steps=2,
        max_steps=12,
        buffer=buffer.directory,
        demos=tmp_path / "demos",
    )
    text, episodes = judge_curve(config, tmp_path / "out", progress=False)
    assert [result.status for result in episodes] == ["ok"] * 4  # before, control and two judges
    assert "cannot be reached" in text
    again, _ = judge_curve(config, tmp_path / "out", progress=False)
    assert again == text


@pytest.mark.slow
def test_plans_are_refined_under_a_judge(tmp_path: Path) -> None:
    wrong = (TASK.plan[0],)
    config = JudgeCurveConfig(
        agent="expert",
        target="language",
        precisions=(1.0,),
        recall=1.0,
        plan=wrong,
        rounds=1,
        episodes=1,
        render_every=8,
        rollout_render_every=8,
    )
    text, _ = judge_curve(config, tmp_path / "out", progress=False)
    before, after = read_json(tmp_path / "out" / "curve.json")["points"]
    assert before["rounds"][0]["first_hit"]["successes"] == 0, "half of the goal was not planned"
    assert [arm["first_hit"]["successes"] for arm in after["rounds"]] == [0, 1]
    assert "success after 1 new plans" in text
