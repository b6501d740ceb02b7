"""`mosel judge`: what is found, what is asked, what is kept, and what is counted."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mosel_gym.benchmark import judge as judging
from mosel_gym.benchmark import modules
from mosel_gym.benchmark.judge import JudgeConfig, judge
from mosel_gym.benchmark.judge_items import find_items
from mosel_gym.benchmark.judge_rows import JudgedRow, RowStore
from mosel_gym.benchmark.judge_tables import ALL, f1_interval, scores
from mosel_gym.benchmark.judge_video import VideoTold, read_video, told
from mosel_gym.benchmark.metrics import Confusion
from mosel_gym.benchmark.provenance import read_json
from mosel_gym.benchmark.results import JudgedSegment
from mosel_gym.cli import main
from mosel_gym.data.libero_hdf5 import write_episode
from mosel_gym.data.video_file import encode_mp4
from mosel_gym.errors import (
    BadAnswer,
    BudgetReached,
    DamagedFile,
    MissingKey,
    ModelUnavailable,
    MoselError,
    UnknownId,
)
from mosel_gym.types import Episode, Reflection, Verdict
from tests.benchmark.judged_episodes import TASK, made_episode, write_episodes

ENDS = [(True, True), (True, False), (False, True), (True, True)]


class Asked:
    """An analyzer that says yes, keeps what it was shown, and fails where it is told to."""

    def __init__(self, fails: dict[int, BaseException] | None = None) -> None:
        self.name = "asked"
        self.fails = fails or {}
        self.shown: list[Episode] = []
        self.model = SimpleNamespace(
            usage=SimpleNamespace(calls=0, cached=0, input_tokens=0, output_tokens=0, cost_usd=0.0)
        )

    def analyze(self, episode: Episode) -> Reflection:
        at = len(self.shown)
        self.shown.append(episode)
        if at in self.fails:
            raise self.fails[at]
        usage = self.model.usage
        usage.calls += 2
        usage.cost_usd += 0.25
        verdicts = tuple(
            Verdict(segment.skill, at, True, "seen") for at, segment in enumerate(episode.segments)
        )
        return Reflection(True, verdicts, "none", None, "all fine", self.name)


Ask = Callable[..., Asked]


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Makes "asked" the name of an `Asked`, beside the real analyzers."""

    def install(fails: dict[int, BaseException] | None = None) -> Asked:
        analyzer = Asked(fails)

        def choose(spec: str, *how: Any) -> Any:
            return analyzer if spec == "asked" else modules.make_analyzer(spec, *how)

        monkeypatch.setattr(judging, "make_analyzer", choose)
        return analyzer

    return install


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_episodes(tmp_path / "episodes", ENDS)


def run(folder: Path, *analyzers: str, **config: Any) -> judging.JudgeOutcome:
    wanted = JudgeConfig(analyzer=analyzers, **config)
    return judge([folder], wanted, folder.parent / "out", progress=False)


def test_counts_are_those_of_the_files(folder: Path, untrained: Path) -> None:
    yes = f"pixel:{untrained}"  # its judge says "reached" of everything
    found = scores(run(folder, yes, "privileged").rows, "episode")
    assert [row.confusion for row in found] == [Confusion(2, 2, 0, 0), Confusion(2, 0, 0, 2)]
    assert [row.privileged for row in found] == [False, True]
    skills = scores(run(folder, yes, level="skill").rows, "skill")[0]
    assert skills.confusion == Confusion(6, 2, 0, 0)
    assert str(skills.confusion.precision).startswith("6/8 = 75 %")
    content = read_json(folder.parent / "out" / "judge.json")
    assert content["scores"][0]["confusion"]["true_positives"] == 6
    assert content["scores"][0]["cost"]["seconds"] > 0


def test_noise_lowers_precision_and_is_marked(tmp_path: Path) -> None:
    ends = [(at % 2 == 0, at % 3 == 0) for at in range(40)]
    folder = write_episodes(tmp_path / "episodes", ends)
    outcome = run(folder, "privileged:0.6,0.9", level="skill")
    counted = scores(outcome.rows, "skill")[0].confusion
    assert counted.false_positives > 0
    assert 0.3 < counted.precision.value < 0.9
    assert "PRIVILEGED" in outcome.text


def test_what_was_judged_is_not_asked_again(folder: Path, ask: Ask) -> None:
    first = ask({1: BadAnswer("not JSON, twice")})
    outcome = run(folder, "asked")
    assert (len(first.shown), len(outcome.errors)) == (4, 1)
    assert "BadAnswer: not JSON" in outcome.errors[0]
    score = scores(outcome.rows, "episode")[0]
    assert (score.confusion, score.errors, score.judged) == (Confusion(2, 1, 0, 0), 1, 3)
    second = ask()
    outcome = run(folder, "asked")
    assert len(second.shown) == 1, "only the question that failed"
    assert scores(outcome.rows, "episode")[0].confusion == Confusion(2, 2, 0, 0)
    moved = folder.rename(folder.parent / "elsewhere")
    third = ask()
    run(moved, "asked")
    assert not third.shown, "the contents count, not the path"
    write_episode(moved / "seed-000000.hdf5", made_episode(77, True, True))
    run(moved, "asked")
    assert [episode.seed for episode in third.shown] == [77]


def test_other_weights_judge_anew(
    folder: Path, untrained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from mosel_gym.agents.analysis.pixel import PixelAnalyzer

    real = modules.make_analyzer
    calls: list[int | None] = []
    seen = PixelAnalyzer.analyze

    def counted(self: PixelAnalyzer, episode: Episode) -> Reflection:
        calls.append(episode.seed)
        return seen(self, episode)

    monkeypatch.setattr(PixelAnalyzer, "analyze", counted)
    run(folder, f"pixel:{untrained}", most=1)
    run(folder, f"pixel:{untrained}", most=1)
    assert len(calls) == 1

    def retrained(spec: str, *how: Any) -> Any:
        analyzer: Any = real(spec, *how)
        with torch.no_grad():
            next(analyzer.judge.parameters()).add_(1.0)
        return analyzer

    monkeypatch.setattr(judging, "make_analyzer", retrained)
    run(folder, f"pixel:{untrained}", most=1)
    assert len(calls) == 2


def test_a_budget_stops_one_analyzer_and_keeps_what_it_judged(folder: Path, ask: Ask) -> None:
    ask({2: BudgetReached("2 calls were allowed.")})
    outcome = run(folder, "asked", "privileged")
    assert outcome.stopped == {"asked": "2 calls were allowed."}
    assert [row.spec for row in outcome.rows].count("asked") == 2
    assert [row.spec for row in outcome.rows].count("privileged") == 4
    assert "the same command goes on from there" in outcome.text
    rest = ask()
    assert not run(folder, "asked", "privileged").stopped
    assert len(rest.shown) == 2


def test_a_real_model_is_asked_within_its_budget(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("pydantic")
    from mosel_gym.llm.config import ChatConfig

    words: dict[str, object] = {
        "seen": "it",
        "reason": "it stands there",
        "confidence": 0.9,
        "evidence": [2],
    }
    words |= {"reached": True, "holds_at_end": True, "undone_by": 0}
    rows = [{"attempt": at, **words} for at in (1, 2)]
    answer = {"attempts": rows, "goal_reached": True, "goal_reason": "all is in place"}
    script = tmp_path / "script.json"
    script.write_text(json.dumps({"SubgoalAnswer": [answer]}))
    config = JudgeConfig(analyzer=(f"scripted:{script}",))
    outcome = judge([folder], config, tmp_path / "out", ChatConfig(max_calls=3), progress=False)
    assert not outcome.errors
    assert len(outcome.rows) == 3
    assert [row.cost.calls for row in outcome.rows] == [1] * 3
    assert list(outcome.stopped) == [f"scripted:{script}"]
    outcome = judge([folder], config, tmp_path / "out", ChatConfig(max_calls=3), progress=False)
    assert not outcome.stopped
    assert [row.judged for row in outcome.rows] == [True] * 4
    other = ChatConfig(max_calls=2, max_frames=8)
    outcome = judge([folder], config, tmp_path / "out", other, progress=False)
    assert outcome.stopped, "another number of frames judges anew"
    assert len(outcome.rows) == 2, "and what was judged with the old one is not counted with it"


def test_a_model_that_never_answers_is_given_up(folder: Path, ask: Ask) -> None:
    silent = ask(dict.fromkeys(range(9), ModelUnavailable("no route to it")))
    outcome = run(folder, "asked")
    assert len(silent.shown) == 3
    assert "3 questions in a row had no answer" in outcome.stopped["asked"]


def test_an_answer_that_will_not_do_is_an_answer(folder: Path, ask: Ask) -> None:
    fails = {at: ModelUnavailable("no route to it") for at in (0, 2, 3)}
    asked = ask({**fails, 1: BadAnswer("not JSON, twice")})
    assert not run(folder, "asked").stopped, "there were no three in a row without any"
    assert len(asked.shown) == 4


def test_money_for_failed_questions_is_in_the_sum(
    folder: Path, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ask()
    answers = asked.analyze

    def paid_in_vain(episode: Episode) -> Reflection:
        said = answers(episode)
        if len(asked.shown) == 2:
            raise BadAnswer("not JSON, twice")
        return said

    monkeypatch.setattr(asked, "analyze", paid_in_vain)
    outcome = run(folder, "asked")
    line = outcome.text.partition("Table 9")[2]
    assert "1 errors" in line
    assert "0.2500" in line
    assert "1.00" in line.split(), "USD in all: four answers, one of them in vain"


def test_a_key_that_is_turned_down_ends_the_run(folder: Path, ask: Ask) -> None:
    ask({0: MissingKey("OPENAI_API_KEY was turned down")})
    with pytest.raises(MissingKey, match="OPENAI_API_KEY"):
        run(folder, "asked")


def test_ctrl_c_writes_the_tables_and_the_same_command_goes_on(
    folder: Path, ask: Ask, capsys: pytest.CaptureFixture[str]
) -> None:
    ask({2: KeyboardInterrupt()})
    words = ["judge", str(folder), "--analyzer", "asked", "--out", str(folder.parent / "out")]
    assert main(words) == 130
    assert "goes on where it stopped" in capsys.readouterr().err
    assert (
        "2/2" in (folder.parent / "out" / "judge.md").read_text()
        or "1/2" in (folder.parent / "out" / "judge.md").read_text()
    )
    rest = ask()
    assert main(words) == 0
    assert len(rest.shown) == 2
    assert "Table 9" in capsys.readouterr().out


def test_half_a_line_is_dropped_and_a_wrong_one_is_named(folder: Path, ask: Ask) -> None:
    ask()
    run(folder, "asked")
    store = folder.parent / "out" / "judged.jsonl"
    lines = store.read_text().splitlines(keepends=True)
    store.write_text("".join(lines[:3]) + lines[3][:40])
    rest = ask()
    run(folder, "asked")
    assert len(rest.shown) == 1
    assert len(store.read_text().splitlines()) == 4
    store.write_text('{"key": "x"}\n' + "".join(lines))
    with pytest.raises(DamagedFile, match="line 1"):
        run(folder, "asked")


def test_a_row_store_outlives_a_kill_at_any_byte(tmp_path: Path) -> None:
    segment = JudgedSegment("one", 0, True, True, 0.9, "seen")
    path = tmp_path / "judged.jsonl"
    for key in ("a", "b"):
        RowStore(path).add(JudgedRow(key, "model", "now", "file", verdicts=(segment,)))
    text = path.read_text()
    first = text.index("\n") + 1
    for length in range(first + 1, len(text)):
        path.write_text(text[:length])
        store = RowStore(path)
        assert store.done("a", "model", "now")
        store.add(JudgedRow("c", "model", "now", "file"))
        again = RowStore(path)
        assert again.done("c", "model", "now")
        assert again.done("b", "model", "now") == (length == len(text) - 1)


def test_rows_of_other_settings_are_kept_beside_each_other(tmp_path: Path) -> None:
    path = tmp_path / "judged.jsonl"
    for identity in ("20 frames", "8 frames"):
        RowStore(path).add(JudgedRow("a", "model", identity, "file"))
    assert RowStore(path).done("a", "model", "20 frames"), "what was paid for is not lost"
    assert len(RowStore(path).rows(lambda row: row.identity == "8 frames")) == 1


def test_an_analyzer_that_sees_pictures_is_shown_no_truth(folder: Path, ask: Ask) -> None:
    analyzer = ask()
    outcome = run(folder, "asked")
    for episode in analyzer.shown:
        assert (episode.success, episode.skill_done, episode.states) == (None, None, None)
    assert [row.truth for row in outcome.rows] == [True, False, False, True]
    assert outcome.rows[0].cost.calls == 2
    assert outcome.rows[0].cost.usd == 0.25
    assert "0.2500" in outcome.text


def test_other_renderers_and_tasks_stand_apart(folder: Path, ask: Ask) -> None:
    write_episode(folder / "osmesa.hdf5", made_episode(5, True, True, renderer="mujoco-osmesa"))
    write_episode(folder / "sapien.hdf5", made_episode(6, True, True, renderer="sapien"))
    write_episode(folder / "other.hdf5", made_episode(7, True, True, task_id="Another"))
    ask()
    outcome = run(folder, "asked")
    found = {(row.source, row.task): row.episodes for row in scores(outcome.rows, "episode")}
    assert found == {
        ("mujoco, assets procedural", "Another"): 1,
        ("mujoco, assets procedural", TASK.id): 5,
        ("mujoco, assets procedural", ALL): 6,
        ("sapien, assets procedural", TASK.id): 1,
    }
    assert "are not pooled" in outcome.text


def test_unknown_truth_is_in_no_rate(folder: Path, ask: Ask) -> None:
    from dataclasses import replace

    write_episode(folder / "void.hdf5", replace(made_episode(9, True, True), success=None))
    ask()
    found = scores(run(folder, "asked").rows, "episode")[0]
    assert (found.episodes, found.unknown, found.judged) == (4, 1, 5)


def test_copies_count_once_and_damaged_files_are_told(folder: Path, ask: Ask) -> None:
    (folder / "copy.hdf5").write_bytes((folder / "seed-000000.hdf5").read_bytes())
    (folder / "broken.hdf5").write_bytes(b"not HDF5")
    ask()
    outcome = run(folder, "asked")
    assert len(outcome.rows) == 4
    assert "broken.hdf5" in outcome.damaged[0]


def video(path: Path, frames: int = 41, **beside: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pictures = (np.full((32, 48, 3), 5 * at, np.uint8) for at in range(frames))
    encode_mp4(path, pictures, (48, 32), 20)
    if beside:
        path.with_suffix(".json").write_text(json.dumps(beside))
    return path


def test_a_video_is_cut_into_the_skills_of_its_plan(tmp_path: Path, ask: Ask) -> None:
    path = video(tmp_path / "v" / "a.mp4", goal="tidy up", plan=["one", "two"], success=False)
    analyzer = ask()
    outcome = run(tmp_path / "v", "asked")
    assert scores(outcome.rows, "episode")[0].confusion == Confusion(0, 1, 0, 0)
    assert (outcome.rows[0].task, outcome.rows[0].source) == ("tidy up", "video files")
    shown = analyzer.shown[0]
    assert [(s.skill, s.start, s.stop) for s in shown.segments] == [("one", 0, 20), ("two", 20, 40)]
    pictures = shown.observations["agentview"]
    assert pictures.shape == (41, 32, 48, 3)
    assert abs(float(pictures[20].mean()) - 100) < 6
    timed = VideoTold("g", segments=(("one", 0.0, 0.75), ("two", 1.0, 99.0)))
    with pytest.raises(DamagedFile, match="2 s long, and 'two' is said to begin at 5 s"):
        read_video(path, VideoTold("g", segments=(("one", 0.0, 1.0), ("two", 5.0, 9.0))))
    cut = read_video(path, timed).segments
    assert [(s.start, s.stop) for s in cut] == [(0, 15), (20, 40)]
    whole = read_video(path, VideoTold("g")).segments
    assert [(s.skill, s.start, s.stop) for s in whole] == [("g", 0, 40)]


def test_videos_that_cannot_be_judged_are_refused(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mp4", frames=3)
    with pytest.raises(MoselError, match="does not say what was to be done"):
        told(path, VideoTold())
    assert told(path, VideoTold("tidy up")).goal == "tidy up"
    path.with_suffix(".json").write_text('{"goal": "x", "plna": []}')
    with pytest.raises(DamagedFile, match="plna"):
        told(path, VideoTold())
    path.with_suffix(".json").write_text('{"goal": "x", "segments": [["one", 3, 1]]}')
    with pytest.raises(DamagedFile, match="ends before it begins"):
        told(path, VideoTold())
    path.with_suffix(".json").write_text('{"goal": "x", "segments": [["one", 0, 1e400]]}')
    with pytest.raises(DamagedFile, match="or never"):
        told(path, VideoTold())
    path.with_suffix(".json").write_text('{"seed": 0, "status": "ok", "verdicts": []}')
    with pytest.raises(MoselError, match="drawn into this recording"):
        told(path, VideoTold("tidy up"))
    with pytest.raises(MoselError, match="1 mp4 files show verdicts"):
        find_items([tmp_path], VideoTold("tidy up"))
    (tmp_path / "b.mp4").write_bytes(b"no video")
    with pytest.raises(DamagedFile, match=r"b\.mp4"):
        read_video(tmp_path / "b.mp4", VideoTold("g"))


def test_bad_input_is_told_before_anything_is_written(tmp_path: Path) -> None:
    folder = write_episodes(tmp_path / "episodes", [(True, True)])
    with pytest.raises(UnknownId, match="oracle"):
        run(folder, "privileged", "oracle")
    with pytest.raises(FileNotFoundError):
        run(tmp_path / "nowhere", "privileged")
    with pytest.raises(MoselError, match="nothing to judge"):
        find_items([], VideoTold())
    with pytest.raises(MoselError, match="at least one"):
        run(folder)
    for most in (0, -1):
        with pytest.raises(MoselError, match=f"--most is {most}"):
            run(folder, "privileged", most=most)
    assert not (tmp_path / "out").exists()


def test_the_interval_of_f1_is_seeded_and_holds_it() -> None:
    counts = [Confusion(1, 0, 0, 0)] * 30 + [Confusion(0, 1, 0, 0)] * 10
    counts += [Confusion(0, 0, 1, 0)] * 5 + [Confusion(0, 0, 0, 1)] * 10
    low, high = f1_interval(counts)
    assert (low, high) == f1_interval(counts)
    assert low is not None
    assert high is not None
    assert 0.65 < low < Confusion(30, 10, 5, 10).f1 < high < 0.92
    assert f1_interval([Confusion(0, 0, 0, 1)]) == (None, None)
    assert math.isnan(Confusion(0, 0, 0, 1).f1)
