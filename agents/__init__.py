"""MOSEL agents and their four modules. Importing this loads torch, but no simulator.

What asks a foundation model is loaded when it is first named: it needs the extra `llm`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from mosel_gym.agents.analysis.pixel import PixelAnalyzer
from mosel_gym.agents.analysis.privileged import PrivilegedAnalyzer
from mosel_gym.agents.checkpoint import embedded_names
from mosel_gym.agents.config import MoselConfig
from mosel_gym.agents.mosel import MoselAgent
from mosel_gym.agents.planning.offline import OfflinePlanner
from mosel_gym.llm.extra import require

if TYPE_CHECKING:
    from mosel_gym.agents.analysis.video_language import VideoLanguageAnalyzer, VideoLanguageConfig
    from mosel_gym.agents.planning.language_model import (
        LanguageModelPlanner,
        LanguageModelPlannerConfig,
    )
    from mosel_gym.agents.planning.subgoals import SubgoalBook

__all__ = [
    "LanguageModelPlanner",
    "LanguageModelPlannerConfig",
    "MoselAgent",
    "MoselConfig",
    "OfflinePlanner",
    "PixelAnalyzer",
    "PrivilegedAnalyzer",
    "SubgoalBook",
    "VideoLanguageAnalyzer",
    "VideoLanguageConfig",
    "embedded_names",
]

_NEEDS_LLM = {
    "LanguageModelPlanner": "planning.language_model",
    "LanguageModelPlannerConfig": "planning.language_model",
    "SubgoalBook": "planning.subgoals",
    "VideoLanguageAnalyzer": "analysis.video_language",
    "VideoLanguageConfig": "analysis.video_language",
}


def __getattr__(name: str) -> object:
    if name not in _NEEDS_LLM:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    require("pydantic")
    value: object = getattr(import_module(f"{__name__}.{_NEEDS_LLM[name]}"), name)
    return value
