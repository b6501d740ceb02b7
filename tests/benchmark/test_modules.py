"""Planners and analyzers by a short text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mosel_gym.agents import OfflinePlanner, PixelAnalyzer, PrivilegedAnalyzer
from mosel_gym.agents.checkpoint import checkpoint_folder
from mosel_gym.benchmark.modules import (
    Models,
    identity,
    make_analyzer,
    make_planner,
)
from mosel_gym.benchmark.specs import PretrainedAgent, ScriptedExpert
from mosel_gym.errors import BudgetReached, MoselError, UnknownId
from mosel_gym.llm.config import ChatConfig
from mosel_gym.llm.messages import user


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """Answers of a scripted model."""
    words = {"scene": "", "targets": "", "order": "", "reasoning": "", "skills": ["go"]}
    path = tmp_path / "answers.json"
    path.write_text(json.dumps([words]), encoding="utf-8")
    return path


def test_names_of_what_is_made(script: Path) -> None:
    assert isinstance(make_planner("offline"), OfflinePlanner)
    assert make_planner(f"scripted:{script}").name == "lvlm(scripted:answers)"
    assert make_analyzer(f"scripted:{script}").name == "videollm(scripted:answers)"
    assert make_analyzer("privileged").name == "privileged"
    noisy = make_analyzer("privileged:0.9,0.8,3")
    assert isinstance(noisy, PrivilegedAnalyzer)
    assert (noisy.noise.true_positive_rate, noisy.noise.seed) == (0.8, 3)


def test_a_judge_by_name_and_by_file() -> None:
    folder = checkpoint_folder("libero-long")
    for spec in ("pixel:libero-long", f"pixel:{folder / 'judge.safetensors'}"):
        analyzer = make_analyzer(spec)
        assert isinstance(analyzer, PixelAnalyzer)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("oracle", '"privileged:P,R"'),
        ("pixel:no-such-agent", "libero-long"),
        ("pixel:", "Unknown video analyzer"),
        ("privileged:", "Unknown video analyzer"),
        ("privileged:0.9", "1 numbers"),
        ("privileged:0.9,high", "could not convert"),
        ("privileged:0.9,0.8,1.5", "invalid literal"),
    ],
)
def test_unknown_words_list_what_is_allowed(spec: str, said: str) -> None:
    with pytest.raises(UnknownId) as caught:
        make_analyzer(spec)
    assert said in str(caught.value)


def test_impossible_noise_is_told() -> None:
    with pytest.raises(MoselError, match="cannot be reached"):
        make_analyzer("privileged:0.1,0.9")
    with pytest.raises(UnknownId, match="offline"):
        make_planner("stored")


def test_planner_and_analyzer_share_model_and_budget(script: Path, tmp_path: Path) -> None:
    other = tmp_path / "others.json"
    other.write_text(script.read_text(encoding="utf-8"), encoding="utf-8")
    models = Models(ChatConfig(max_calls=1))
    first, second = models.get(f"scripted:{script}"), models.get(f"scripted:{other}")
    assert models.get(f"scripted:{script}") is first
    from mosel_gym.agents.planning.language_model import PlanAnswer

    first.complete([user("Go.")], PlanAnswer)
    with pytest.raises(BudgetReached, match="models of this run"):
        second.complete([user("Go.")], PlanAnswer)
    assert (first.usage.calls, second.usage.calls) == (1, 0)


def test_an_identity_changes_with_what_decides_the_answers(script: Path) -> None:
    spec = f"scripted:{script}"
    before = identity(spec, ChatConfig())
    assert identity(spec, ChatConfig(max_calls=3, retries=0)) == before
    assert identity(spec, ChatConfig(temperature=1.0)) != before
    script.write_text("[{}]", encoding="utf-8")
    assert identity(spec, ChatConfig()) != before
    assert identity("offline") == "offline"


def test_fingerprints_name_planner_and_analyzer() -> None:
    plain = PretrainedAgent().fingerprint()
    assert PretrainedAgent(planner="offline").fingerprint() != plain
    assert PretrainedAgent(analyzer="privileged").fingerprint() != plain
    assert ScriptedExpert().fingerprint() == "expert, planned by offline, judged by privileged"


def test_models_of_a_stored_agent_get_the_budget_of_the_run(untrained: Path, script: Path) -> None:
    from mosel_gym.agents import MoselAgent
    from mosel_gym.agents.lazy_model import LazyModel
    from mosel_gym.agents.planning.language_model import LanguageModelPlanner, PlanAnswer

    agent = MoselAgent.from_pretrained(untrained)
    agent.task_planner = LanguageModelPlanner(LazyModel(f"scripted:{script}"))
    folder = agent.save(script.parent / "agent")
    spec = PretrainedAgent(str(folder), llm=ChatConfig(max_calls=0))
    assert spec.asked() == (f"scripted:{script}",)
    assert PretrainedAgent(str(folder), planner="offline").asked() == ()
    built = spec.build()
    assert isinstance(built, MoselAgent)
    assert isinstance(built.task_planner, LanguageModelPlanner)
    with pytest.raises(BudgetReached):
        built.task_planner.model.complete([user("Go.")], PlanAnswer)
