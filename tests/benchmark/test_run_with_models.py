"""`mosel run` with foundation models: real SDKs over real HTTP to servers on loopback."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mosel_gym.benchmark.provenance import read_json
from mosel_gym.cli import main
from mosel_gym.llm import google_model
from mosel_gym.registry import task_of
from tests.benchmark.rehearsed import (
    NAIVE,
    SOUND,
    judge,
    plan_answer,
    plan_in,
    plans,
    properties,
    quoted,
    yes_judge,
)
from tests.llm.servers import Fault, GoogleServer, OpenAIServer, Request

SWEEP = ("--task", "MOSEL-RoboTwin-SweepBlock", "--agent", "expert", "--render-every", "30")
MODELS = ("--planner", "openai:gpt-4.1", "--analyzer", "google:gemini-2.5-pro")
TASK6 = task_of("MOSEL-LiberoLong-Task6")


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty folder to stand in, no key in sight, and waits that a test can afford."""
    for name in list(os.environ):
        if name.startswith(("OPENAI_", "GEMINI_", "GOOGLE_")):
            monkeypatch.delenv(name)
    monkeypatch.setattr(google_model, "_FIRST_WAIT_S", 0.02)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words: str) -> int:
    return main(["run", "--no-video", "--out", "out", *words])


def results(folder: Path) -> list[dict[str, Any]]:
    return [read_json(file) for file in sorted((folder / "out" / "episodes").glob("seed-*.json"))]


class Two:
    """Both servers, in use."""

    def __init__(self, planner: Any, analyzer: Any) -> None:
        self.openai, self.google = OpenAIServer(planner), GoogleServer(analyzer)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Start both servers: `served(planner, analyzer)`."""
    from contextlib import ExitStack

    with ExitStack() as stack:

        def start(planner: Any, analyzer: Any = judge) -> Two:
            two = Two(planner, analyzer)
            for server in (two.openai, two.google):
                stack.enter_context(server)
                server.use(monkeypatch)
            return two

        yield start


def test_the_missing_handover_is_found_and_mended(
    served: Any, bare: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    two: Two = served(plans(NAIVE, SOUND))
    assert run(*SWEEP, *MODELS, "--refine-rounds", "2", "--max-steps", "450") == 0
    (result,) = results(bare)
    # The simulator's word, not the judge's: the first plan failed, the refined one succeeded.
    assert result["earlier"][0]["success"] is False
    assert (result["success"], result["held"], result["refinement"]) == (True, True, 1)
    assert (result["earlier"][0]["plan"], result["plan"]) == (list(NAIVE), list(SOUND))
    assert (result["planner"], result["analyzer"]) == (
        "lvlm(openai:gpt-4.1)",
        "videollm(google:gemini-2.5-pro)",
    )
    assert (result["privileged"], result["privileged_agent"]) == (False, True)
    first = result["earlier"][0]
    assert first["fault"] == "language"
    assert "still held the brush" in first["rationale"]
    assert [row["truth"] for row in first["verdicts"]][-1] is False
    # One plan and two questions about the failure; then the new plan and one question.
    assert (first["models"]["calls"], result["models"]["calls"]) == (3, 2)
    assert result["models"]["input_tokens"] == 2000
    assert (len(two.openai.requests), len(two.google.requests)) == (2, 3)
    assert (bare / "out" / "episodes" / "seed-000000-refined-1.hdf5").is_file()
    said = capsys.readouterr().out
    assert "refined plan 1: goal reached" in said
    assert "hand over the brush" in said
    assert "still held the brush" in said
    assert "expert(privileged; lvlm(openai:gpt-4.1)" in said
    assert "5 calls" in said
    summary = read_json(bare / "out" / "summary.json")
    assert list(summary["arms"]) == ["first plan", "refined plan 1", "refined plan 2"]
    rates = [arm["first_hit"]["successes"] for arm in summary["arms"].values()]
    assert rates == [0, 1, 1]
    page = (bare / "out" / "report.html").read_text(encoding="utf-8")
    assert "moved by the scripted expert, which reads simulator" in page
    assert page.count("<h3>seed 0</h3>") == 2  # each attempt once
    assert "Planner: lvlm(openai:gpt-4.1)" in page
    key = two.openai.key
    assert all(key not in file.read_text("utf-8", "ignore") for file in _files(bare))


@pytest.mark.slow
def test_on_task6_the_agent_plans_with_one_model_and_reflects_with_another(
    served: Any, bare: Path, untrained: Path
) -> None:
    """The agent's networks are untrained here; the test below has the real ones."""
    plan = TASK6.plan[::-1]
    two: Two = served(lambda request: plan_answer(plan), yes_judge)
    short = ("--max-steps", "12", "--render-every", "6")
    assert run("--agent", str(untrained), *MODELS, *short) == 0
    (result,) = results(bare)
    assert result["plan"] == list(plan)
    assert result["agent"].startswith("mosel(lvlm(openai:gpt-4.1), ")
    assert (result["judged_success"], result["success"]) == (False, False)  # time ran out
    assert (len(two.openai.requests), len(two.google.requests)) == (1, 2)
    # Another planner may not go on in this folder.
    assert run("--agent", str(untrained), *short) == 2


@pytest.mark.slow
def test_task6_with_the_shipped_agent(served: Any, bare: Path) -> None:
    """A first plan that forgets the mug, and a second one in the reversed order."""
    mug, pudding = TASK6.plan

    def planner(request: Request) -> str:
        told = "Plans that were carried out" in request["text"]
        return plan_answer((pudding, mug) if told else (pudding,))

    def analyzer(request: Request) -> str:
        complete = quoted(mug) in plan_in(request["text"])
        if "what_happened" in properties(request):
            words = {"what_happened": "The mug stood still.", "advice": f"Add {quoted(mug)}."}
            reason = f"No step of the plan does {quoted(mug)}."
            return json.dumps(
                {**words, "reason": reason, "plan_at_fault": True, "failed_attempt": 0}
            )
        return json.dumps(json.loads(yes_judge(request)) | {"goal_reached": complete})

    served(planner, analyzer)
    words = ("--refine-rounds", "1", "--seed", "3", "--max-steps", "330")
    assert run("--agent", "libero-long", *MODELS, *words) == 0
    (result,) = results(bare)
    (first,) = result["earlier"]
    assert (first["success"], first["judged_success"], first["fault"]) == (False, False, "language")
    assert (result["success"], result["judged_success"]) == (True, True)
    assert result["plan"] == [pudding, mug]
    assert (first["models"]["calls"], result["models"]["calls"]) == (3, 2)


@pytest.mark.parametrize(
    ("words", "variable"),
    [(("--planner", "openai:gpt-4.1"), "OPENAI_API_KEY"),
     (("--analyzer", "google:gemini-2.5-pro"), "GEMINI_API_KEY")],
)  # fmt: skip
def test_a_missing_key_is_one_error_before_any_episode(
    words: tuple[str, ...], variable: str, bare: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*SWEEP, *words) == 2
    said = capsys.readouterr().err
    assert variable in said
    assert "Traceback" not in said
    assert len(said.strip().splitlines()) == 1
    assert list(bare.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--planner", "offlien"), "Unknown task planner 'offlien'"),
        (("--planner", "opnai:gpt-4.1"), "Did you mean 'openai:gpt-4.1'"),
        (("--analyzer", "privileged:0.9"), "a precision and a recall"),
        (("--analyzer", "pixel:no-such-agent"), "no-such-agent"),
        (("--planner", "scripted:no-such-file.json"), "no-such-file.json"),
        (("--refine-rounds", "4"), "0..3"),
    ],
)
def test_bad_choices_are_one_error(
    words: tuple[str, ...], said: str, bare: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*SWEEP, *words) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error
    assert list(bare.iterdir()) == []


def test_a_budget_stops_the_run_and_a_larger_one_goes_on(
    served: Any, bare: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    two: Two = served(lambda request: plan_answer(NAIVE))
    words = (*SWEEP, *MODELS, "--max-steps", "50", "--episodes", "3")
    # An episode takes one call for the plan and two for the verdict.
    assert run(*words, "--llm.max-calls", "5") == 3
    said = capsys.readouterr()
    assert "2 of 3 seeds were carried out and kept" in said.err
    assert "--llm.max-calls" in said.err
    assert "The same command goes on" in said.err
    assert "Traceback" not in said.err
    kept = results(bare)
    assert [(row["seed"], row["status"], bool(row["unjudged"])) for row in kept] == [
        (0, "ok", False),
        (1, "ok", True),
    ]
    assert len(two.openai.requests) + len(two.google.requests) == 5  # hard, and for both together
    assert (bare / "out" / "episodes" / "seed-000001.hdf5").is_file()
    summary = read_json(bare / "out" / "summary.json")
    assert "2 of 3 seeds" in summary["stopped"]
    assert summary["arms"]["episodes"]["unjudged"] == 1
    before = (bare / "out" / "episodes" / "seed-000000.json").stat().st_mtime_ns
    assert run(*words, "--llm.max-calls", "50") == 0
    assert [bool(row["judged_success"]) for row in results(bare)] == [False] * 3
    assert not any(row["unjudged"] for row in results(bare))
    assert (bare / "out" / "episodes" / "seed-000000.json").stat().st_mtime_ns == before
    assert len(two.openai.requests) + len(two.google.requests) == 5 + 6


def test_a_budget_for_planning_ends_the_run_without_a_broken_episode(
    served: Any, bare: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    served(lambda request: plan_answer(NAIVE))
    words = (*SWEEP, "--planner", "openai:gpt-4.1", "--max-steps", "20", "--episodes", "2")
    assert run(*words, "--llm.max-calls", "0") == 3
    assert results(bare) == []
    said = capsys.readouterr().err
    assert "0 of 2 seeds" in said
    assert "broke" not in said
    assert "No episode came to its end" in (bare / "out" / "report.html").read_text("utf-8")


def test_a_service_that_goes_down_costs_the_verdict_and_not_the_episode(
    served: Any, bare: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def analyzer(request: Request) -> Any:
        return yes_judge(request) if len(two.google.requests) == 1 else Fault("status", 503)

    two: Two = served(lambda request: plan_answer(NAIVE[:1]), analyzer)
    words = (*SWEEP, *MODELS, "--max-steps", "50", "--episodes", "2", "--llm.retries", "0")
    assert run(*words) == 1
    first, second = results(bare)
    assert (first["status"], first["unjudged"]) == ("ok", "")
    assert (second["status"], second["success"], second["judged_success"]) == ("ok", False, None)
    assert second["unjudged"].startswith("ModelUnavailable: ")
    assert second["analyzer"] == "videollm(google:gemini-2.5-pro)"
    assert (bare / "out" / "episodes" / "seed-000001.hdf5").is_file()
    said = capsys.readouterr()
    assert "no verdict by videollm" in said.out
    assert "1 episodes were carried out and kept" in said.err
    assert "No verdict: ModelUnavailable" in (bare / "out" / "report.html").read_text("utf-8")


def test_a_planner_that_answers_nonsense_breaks_its_own_episode_only(
    served: Any, bare: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    replies: list[Any] = ["rain", "snow", plan_answer(NAIVE), Fault("refusal", says="I won't.")]
    two: Two = served(lambda request: replies[len(two.openai.requests) - 1])
    words = (*SWEEP, "--planner", "openai:gpt-4.1", "--max-steps", "20", "--episodes", "3")
    assert run(*words, "--llm.retries", "0") == 1
    rows = results(bare)
    assert [row["status"] for row in rows] == ["error", "ok", "error"]
    assert rows[0]["error"].startswith("BadAnswer: ")
    assert rows[2]["error"].startswith("ModelRefused: ")
    assert rows[0]["models"]["calls"] == 2  # the repair is counted
    assert "2 episodes broke" in capsys.readouterr().err


def test_a_key_that_is_turned_down_in_mid_run_is_one_error(
    served: Any, bare: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def planner(request: Request) -> Any:
        return plan_answer(NAIVE) if len(two.openai.requests) == 1 else Fault("status", 401)

    two: Two = served(planner)
    words = (*SWEEP, "--planner", "openai:gpt-4.1", "--max-steps", "20", "--episodes", "3")
    assert run(*words) == 2
    assert [row["status"] for row in results(bare)] == ["ok"]
    said = capsys.readouterr().err
    assert "OPENAI_API_KEY" in said
    assert "Traceback" not in said
    assert two.openai.key not in said


def test_refinement_that_a_model_breaks_off_keeps_what_was_done(served: Any, bare: Path) -> None:
    replies: list[Any] = [plan_answer(NAIVE), Fault("status", 500)]
    two: Two = served(lambda request: replies[len(two.openai.requests) - 1])
    words = (*SWEEP, *MODELS, "--refine-rounds", "1", "--max-steps", "60", "--llm.retries", "0")
    assert run(*words) == 1
    (result,) = results(bare)
    assert (result["status"], result["judged_success"], result["refinement"]) == ("ok", False, 0)
    assert result["refinement_ended"].startswith("ModelUnavailable: ")
    assert result["unfinished"] is True


def test_what_a_model_says_is_data(served: Any, bare: Path) -> None:
    """Neither the planner's nor the analyzer's words reach the page, the disk or the schema."""
    evil = "</p><script>alert(1)</script> ../../../evil.json {{skills}}"

    def analyzer(request: Request) -> str:
        answer = json.loads(judge(request))
        if "reason" in answer:
            answer["reason"] = evil
        return json.dumps(answer)

    def planner(request: Request) -> str:
        schemas.append(request["schema"])
        told = "Plans that were carried out" in request["text"]
        assert "{{skills}}" not in request["text"] or told  # quoted, and not filled in
        return plan_answer(SOUND if told else NAIVE, reasoning=evil)

    schemas: list[Any] = []
    served(planner, analyzer)
    assert run(*SWEEP, *MODELS, "--refine-rounds", "1", "--max-steps", "60") in (0, 1)
    assert schemas[0] == schemas[1]
    page = (bare / "out" / "report.html").read_text("utf-8")
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert {file.parent.name for file in _files(bare)} == {"out", "episodes"}
    assert not list(bare.parent.glob("evil*"))


@pytest.mark.slow
def test_processes_share_the_budget(served: Any, bare: Path) -> None:
    two: Two = served(lambda request: plan_answer(NAIVE))
    words = (*SWEEP, *MODELS, "--max-steps", "50", "--episodes", "6", "--workers", "2")
    assert run(*words, "--llm.max-calls", "8") == 3
    assert len(two.openai.requests) + len(two.google.requests) <= 8
    assert len(results(bare)) >= 2
    assert run(*words, "--llm.max-calls", "1") == 2  # less than one for each


def _files(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file()]
