"""A planner or an analyzer that asks a foundation model, as plain data in `agent.json`.

Stored are the model's text, such as "openai:gpt-4.1", settings, hints and corrected sub-goals; a
key never is. This module needs the extra `llm`: `checkpoint` loads it for such parts only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from mosel_gym.agents.analysis.video_language import VideoLanguageAnalyzer, VideoLanguageConfig
from mosel_gym.agents.config import from_plain
from mosel_gym.agents.lazy_model import LazyModel
from mosel_gym.agents.planning.language_model import (
    LanguageModelPlanner,
    LanguageModelPlannerConfig,
)
from mosel_gym.agents.planning.subgoals import SubgoalBook
from mosel_gym.llm.chat import ChatModel

PLANNER, ANALYZER = "lvlm", "videollm"


def planner_entry(planner: object) -> dict[str, Any] | None:
    """What `agent.json` says of it; None if it is no such planner."""
    if not isinstance(planner, LanguageModelPlanner):
        return None
    return {
        "kind": PLANNER,
        "model": _spec(planner.model),
        "config": asdict(planner.config),
        "hints": planner.hints.plain(),
    }


def analyzer_entry(analyzer: object) -> dict[str, Any] | None:
    """What `agent.json` says of it; None if it is no such analyzer."""
    if not isinstance(analyzer, VideoLanguageAnalyzer):
        return None
    asks = analyzer.subgoals.model
    return {
        "kind": ANALYZER,
        "model": _spec(analyzer.model),
        "config": asdict(analyzer.config),
        "hints": analyzer.hints.plain(),
        "subgoals": analyzer.subgoals.own,
        "subgoal_model": None if asks is None else _spec(asks),
    }


def _spec(model: ChatModel) -> str:
    """The text that makes it again; a script's name is not the path of its file."""
    return str(getattr(model, "spec", model.name))


def stored_planner(entry: Mapping[str, Any]) -> LanguageModelPlanner:
    """The planner behind an entry; its model is made when it is first asked."""
    config = from_plain(LanguageModelPlannerConfig, entry["config"])
    return LanguageModelPlanner(LazyModel(str(entry["model"])), config, hints=entry["hints"])


def stored_analyzer(entry: Mapping[str, Any]) -> VideoLanguageAnalyzer:
    """The analyzer behind an entry; its model is made when it is first asked."""
    model = LazyModel(str(entry["model"]))
    config = from_plain(VideoLanguageConfig, entry["config"])
    asks = entry["subgoal_model"]
    if asks is not None:
        asks = model if asks == model.name else LazyModel(str(asks))
    book = SubgoalBook(model=asks, own=entry["subgoals"])
    return VideoLanguageAnalyzer(model, config, book, hints=entry["hints"])
