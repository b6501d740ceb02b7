"""Agents with foundation models on disk: the model's text is stored, a key never is."""

from __future__ import annotations

import ast
import importlib.util
import json
import sys
from pathlib import Path

import pytest

from mosel_gym import agents
from mosel_gym.agents import (
    LanguageModelPlanner,
    LanguageModelPlannerConfig,
    MoselAgent,
    OfflinePlanner,
    PixelAnalyzer,
    PrivilegedAnalyzer,
    SubgoalBook,
    VideoLanguageAnalyzer,
    VideoLanguageConfig,
)
from mosel_gym.agents.checkpoint import load_agent
from mosel_gym.agents.lazy_model import LazyModel
from mosel_gym.errors import DamagedFile, MissingKey, MissingLibrary, SpecMismatch, UnknownId
from mosel_gym.llm.choose import chat_model
from mosel_gym.models.judge import SubgoalJudge, SubgoalJudgeConfig
from mosel_gym.registry import task_of
from tests.agents.scripted_chat import ScriptedChat, plan_answer
from tests.agents.tiny_agents import tiny_agent

TASK = task_of("MOSEL-LiberoLong-Task6")
KEY = "sk-0123456789abcdef"


def make_agent(**arguments) -> MoselAgent:
    planner = LanguageModelPlanner(
        ScriptedChat(name="openai:gpt-4.1"),
        LanguageModelPlannerConfig(history=2, hand_cameras=True),
        hints={TASK.id: "Mind the mug."},
    )
    analyzer = VideoLanguageAnalyzer(
        ScriptedChat(name="google:gemini-2.5-pro"),
        VideoLanguageConfig(frames=9, critique=True),
        SubgoalBook(own={"wave": "the hand is up"}),
        hints="The light is dim.",
    )
    return tiny_agent(TASK, planner, analyzer, **arguments)


def test_saved_and_loaded(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    agent = make_agent()
    folder = agent.save(tmp_path / "agent")
    assert KEY not in (folder / "agent.json").read_text()
    for name in ("OPENAI_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.delenv(name)
    again = MoselAgent.from_pretrained(folder)  # needs no key
    assert again.name == agent.name
    planner, analyzer = again.task_planner, again.analyzer
    assert isinstance(planner, LanguageModelPlanner)
    assert isinstance(analyzer, VideoLanguageAnalyzer)
    assert planner.config == LanguageModelPlannerConfig(history=2, hand_cameras=True)
    assert planner.hints.of(TASK.id) == ["Mind the mug."]
    assert analyzer.config == VideoLanguageConfig(frames=9, critique=True)
    assert analyzer.hints.of("any") == ["The light is dim."]
    assert analyzer.subgoals.of("wave") == "the hand is up"
    assert analyzer.subgoals.model is None
    assert analyzer.usage.calls == planner.usage.calls == 0
    assert again.judge is None
    twice = again.save(tmp_path / "twice")
    assert (twice / "agent.json").read_text() == (folder / "agent.json").read_text()


def test_the_model_is_made_at_the_first_call(tmp_path, monkeypatch):
    script = tmp_path / "answers.json"
    script.write_text(json.dumps([plan_answer(*TASK.plan)]))
    lazy = LazyModel(f"scripted:{script}")
    assert LanguageModelPlanner(lazy).plan(TASK).skills == TASK.plan
    assert lazy.usage.calls == 1
    for name in ("OPENAI_API_KEY",):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(MissingKey, match="OPENAI_API_KEY"):
        LanguageModelPlanner(LazyModel("openai:gpt-4.1")).plan(TASK)
    with pytest.raises(UnknownId):
        LanguageModelPlanner(LazyModel("nobody:x")).plan(TASK)


def test_a_script_is_found_again_from_another_folder(tmp_path, monkeypatch):
    (tmp_path / "answers.json").write_text(json.dumps([plan_answer(*TASK.plan)]))
    monkeypatch.chdir(tmp_path)
    model = chat_model("scripted:answers.json")
    agent = tiny_agent(TASK, LanguageModelPlanner(model), VideoLanguageAnalyzer(model))
    folder = agent.save(tmp_path / "agent")
    monkeypatch.chdir("/")
    again = MoselAgent.from_pretrained(folder)
    assert again.task_planner.plan(TASK, None).skills == TASK.plan
    twice = again.save(tmp_path / "twice")
    assert (twice / "agent.json").read_text() == (folder / "agent.json").read_text()


def test_the_judge_of_the_loop_is_kept(tmp_path):
    network = SubgoalJudge(SubgoalJudgeConfig(TASK.skill_texts, size=32, keypoints=4, features=8))
    agent = make_agent(judge=PixelAnalyzer(network.eval()))
    folder = agent.save(tmp_path / "agent")
    assert (folder / "loop_judge.safetensors").is_file()
    again = MoselAgent.from_pretrained(folder)
    assert isinstance(again.judge, PixelAnalyzer)
    assert isinstance(again.analyzer, VideoLanguageAnalyzer)
    other = MoselAgent.from_pretrained(
        folder, task_planner=OfflinePlanner(), analyzer=PixelAnalyzer(network)
    )
    assert isinstance(other.task_planner, OfflinePlanner)
    stored = load_agent(other.save(tmp_path / "other"))
    assert isinstance(stored.analyzer, PixelAnalyzer)
    assert isinstance(stored.judge, PixelAnalyzer)
    assert stored.judge is not stored.analyzer


def test_files_of_before_are_read(tmp_path):
    agent = make_agent()
    agent.task_planner = OfflinePlanner()
    folder = agent.save(tmp_path / "agent")
    index = json.loads((folder / "agent.json").read_text())
    del index["judge"], index["refined"], index["config"]["language"]
    (folder / "agent.json").write_text(json.dumps(index))
    again = MoselAgent.from_pretrained(folder)
    assert again.config == agent.config
    assert again.refined == {}
    for part in ("task_planner", "analyzer"):
        broken = {**index, part: {"kind": "oracle"}}
        (folder / "agent.json").write_text(json.dumps(broken))
        with pytest.raises(DamagedFile, match="oracle"):
            MoselAgent.from_pretrained(folder)


def test_parts_without_a_name_in_the_format_are_refused(tmp_path):
    class Other:
        name = "other"

    for part in ("task_planner", "analyzer", "judge"):
        agent = make_agent()
        setattr(agent, part, Other())
        with pytest.raises(SpecMismatch, match="Other cannot be saved"):
            agent.save(tmp_path / part)
        assert not (tmp_path / part).exists()


def test_without_the_extra_the_parts_say_what_is_missing(tmp_path, monkeypatch):
    folder = make_agent().save(tmp_path / "agent")
    monkeypatch.setitem(sys.modules, "pydantic", None)  # importing it fails from here on
    for call in (
        lambda: agents.LanguageModelPlanner,
        lambda: agents.SubgoalBook,
        lambda: MoselAgent.from_pretrained(folder),
    ):
        with pytest.raises(MissingLibrary, match=r"mosel-gym\[llm\]"):
            call()
    offline = make_agent()
    with pytest.raises(SpecMismatch, match="LanguageModelPlanner cannot be saved"):
        offline.save(tmp_path / "other")
    offline.task_planner, offline.analyzer = OfflinePlanner(), PrivilegedAnalyzer()
    assert MoselAgent.from_pretrained(offline.save(tmp_path / "offline")).name == offline.name


def test_naming_the_agents_loads_no_pydantic():
    """By reading the imports at the top of files: importing torch anew takes half a minute here."""
    seen: set[str] = set()
    pending = ["mosel_gym.agents"]
    while pending:
        module = pending.pop()
        spec = importlib.util.find_spec(module) if module.startswith("mosel_gym") else None
        if module in seen or spec is None or spec.origin is None:
            seen.add(module)
            continue
        seen.add(module)
        for node in ast.parse(Path(spec.origin).read_text()).body:  # not inside functions and ifs
            if isinstance(node, ast.ImportFrom) and node.module:
                pending.append(node.module)
            elif isinstance(node, ast.Import):
                pending += [name.name for name in node.names]
    assert {"mosel_gym.agents.mosel", "mosel_gym.models.judge", "torch"} <= seen
    wrong = {"pydantic", "openai", "transformers", "mosel_gym.llm.chat"} & seen
    assert not wrong, f"importing mosel_gym.agents loads {sorted(wrong)}"
