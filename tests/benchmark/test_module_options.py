"""What models are shown: read from files, told apart on resuming, and said in results."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mosel_gym.agents import LanguageModelPlanner, VideoLanguageAnalyzer
from mosel_gym.agents.analysis.video_language import VideoLanguageConfig
from mosel_gym.benchmark.judge import JudgeConfig, judge
from mosel_gym.benchmark.module_options import ModuleOptions
from mosel_gym.benchmark.modules import check_modules, identity, make_analyzer, make_planner
from mosel_gym.benchmark.specs import PretrainedAgent, ScriptedExpert
from mosel_gym.cli import main
from mosel_gym.errors import DamagedFile, SpecMismatch
from tests.benchmark.judged_episodes import TASK, write_episodes


def written(path: Path, content: Any) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


@pytest.fixture
def script(tmp_path: Path) -> str:
    """A model that sees every attempt of two succeed."""
    row = {"seen": "it", "reason": "it stands there", "confidence": 0.9, "evidence": [1]}
    row |= {"reached": True, "holds_at_end": True, "undone_by": 0}
    rows = [{"attempt": number, **row} for number in (1, 2)]
    answer = {"attempts": rows, "goal_reached": True, "goal_reason": "all is in place"}
    plan = {"scene": "", "targets": "", "order": "", "reasoning": "Go.", "skills": list(TASK.plan)}
    content = {"SubgoalAnswer": [answer], "PlanAnswer": [plan]}
    return f"scripted:{written(tmp_path / 'script.json', content)}"


def test_what_is_wanted_reaches_planner_and_analyzer(script: str, tmp_path: Path) -> None:
    hints = written(tmp_path / "hints.txt", "The mug is heavy.\n")
    skill = TASK.plan[0]
    mine = written(tmp_path / "mine.json", {skill: "the mug is on the plate"})
    shown = ModuleOptions(hints, mine, 8, whole=True, wrist=True, borders=True, critique=True)
    analyzer = make_analyzer(script, None, shown)
    assert isinstance(analyzer, VideoLanguageAnalyzer)
    assert analyzer.config == VideoLanguageConfig(
        frames=8, whole=True, wrist=True, borders=True, critique=True
    )
    assert analyzer.hints.of("any") == ["The mug is heavy."]
    assert analyzer.subgoals.of(skill) == "the mug is on the plate"
    assert analyzer.subgoals.path is None, "an input is not written"
    planner = make_planner(script, None, shown)
    assert isinstance(planner, LanguageModelPlanner)
    assert planner.hints.of("any") == ["The mug is heavy."]
    one = replace(shown, hints=written(tmp_path / "hints.json", {TASK.id: "Heavy."}))
    planner = make_planner(script, None, one)
    assert isinstance(planner, LanguageModelPlanner)
    assert (planner.hints.used(TASK.id), planner.hints.used("other")) == (True, False)


def test_other_settings_are_another_run(script: str, tmp_path: Path) -> None:
    hints = written(tmp_path / "hints.txt", "The mug is heavy.")
    mine = written(tmp_path / "mine.json", {TASK.plan[0]: "on the plate"})
    others = [
        ModuleOptions(hints=hints),
        ModuleOptions(subgoals=mine),
        ModuleOptions(frames=8),
        ModuleOptions(whole=True),
        ModuleOptions(wrist=True),
        ModuleOptions(borders=True),
        ModuleOptions(critique=True),
    ]
    plain = ScriptedExpert(script, script)
    found = {replace(plain, shown=shown).fingerprint() for shown in others}
    assert len(found | {plain.fingerprint()}) == 8
    only_planner = replace(plain, analyzer="privileged")
    assert replace(only_planner, shown=others[2]).fingerprint() == only_planner.fingerprint(), (
        "a planner sees no frames of the episode"
    )
    agent = PretrainedAgent(analyzer=script)
    before = replace(agent, shown=others[0]).fingerprint()
    copy = written(tmp_path / "copy.txt", "The mug is heavy.")
    assert replace(agent, shown=ModuleOptions(hints=copy)).fingerprint() == before
    written(hints, "The mug is light.")
    assert replace(agent, shown=others[0]).fingerprint() != before
    assert identity("privileged", None, "hints") == "privileged"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("none.txt", None, "none.txt cannot be read"),
        ("empty.txt", " \n", "is empty"),
        ("hints.md", "Heavy.", "ends in '.md'"),
        ("hints.json", "{", "cannot be read as JSON"),
        ("hints.json", '{"a": 1}', "no object of texts"),
    ],
)
def test_bad_hints_say_how_they_should_look(
    name: str, content: str | None, said: str, script: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    if content is not None:
        written(path, content)
    with pytest.raises(DamagedFile) as caught:
        check_modules(script, script, shown=ModuleOptions(hints=path))
    assert said in str(caught.value)
    assert '{"task id": "text", ...}' in str(caught.value)


def test_settings_without_effect_are_refused(script: str, tmp_path: Path) -> None:
    for shown in (ModuleOptions(frames=8), ModuleOptions(critique=True)):
        with pytest.raises(SpecMismatch, match="an analyzer that is a foundation model"):
            check_modules(script, "privileged", shown=shown)
    with pytest.raises(SpecMismatch, match=r"--shown\.hints .* a planner or an analyzer"):
        check_modules("offline", "stored", shown=ModuleOptions(hints=tmp_path / "hints.txt"))
    with pytest.raises(SpecMismatch, match="at least 2"):
        check_modules(script, script, shown=ModuleOptions(frames=1))
    with pytest.raises(DamagedFile, match="no file of sub-goals"):
        check_modules(script, script, shown=ModuleOptions(subgoals=tmp_path / "no.json"))


def test_judge_asks_anew_with_hints_and_says_so(script: str, tmp_path: Path) -> None:
    folder = write_episodes(tmp_path / "episodes", [(True, True)])
    config = JudgeConfig(analyzer=(script,))

    def rows(config: JudgeConfig) -> tuple[int, bool, str]:
        outcome = judge([folder], config, tmp_path / "out", progress=False)
        assert not outcome.errors
        (row,) = outcome.rows
        lines = (tmp_path / "out" / "judged.jsonl").read_text(encoding="utf-8").splitlines()
        return len(lines), row.hints, outcome.text

    assert rows(config)[:2] == (1, False)
    hints = written(tmp_path / "hints.json", {TASK.id: "The mug is heavy."})
    hinted = replace(config, shown=ModuleOptions(hints=hints))
    lines, used, text = rows(hinted)
    assert (lines, used) == (2, True)
    assert "A person's hints were given to videollm" in text
    assert rows(hinted)[1] is True
    written(hints, {"Another-Task": "The mug is heavy."})
    assert rows(hinted)[1] is False


def test_a_run_says_that_a_person_helped(
    script: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hints = written(tmp_path / "hints.txt", "The brush is light.")
    sweep = "MOSEL-RoboTwin-SweepBlock"
    words = ["run", "--task", sweep, "--agent", "expert", "--no-video", "--render-every", "30"]
    words += ["--max-steps", "4", "--plan", "pick up the brush with left hand"]
    words += ["--analyzer", f"scripted:{_one_attempt(tmp_path)}", "--out", str(tmp_path / "out")]
    assert main([*words, "--shown.hints", str(hints), "--shown.frames", "4"]) == 0
    assert "a person's hints were given" in capsys.readouterr().out
    summary = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    assert summary["hints"] is True
    assert "hints were given to the models" in (tmp_path / "out" / "report.html").read_text("utf-8")
    assert main(words) == 2, "without hints it is another run"
    assert "agent differ" in capsys.readouterr().err


def _one_attempt(folder: Path) -> Path:
    row = {"attempt": 1, "seen": "it", "reason": "it is held", "confidence": 0.9, "evidence": [1]}
    row |= {"reached": True, "holds_at_end": True, "undone_by": 0}
    answer = {"attempts": [row], "goal_reached": True, "goal_reason": "all is in place"}
    return written(folder / "one.json", {"SubgoalAnswer": [answer]})
