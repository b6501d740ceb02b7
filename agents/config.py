"""The agent's numbers, as one frozen dataclass with a plain-data form for `agent.json`."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from mosel_gym.agents.executor import ExecutorConfig
from mosel_gym.agents.follower import FollowerConfig
from mosel_gym.agents.improvement.language import LanguageConfig
from mosel_gym.agents.improvement.route import RouteConfig
from mosel_gym.training.finetune_policy import PolicyFinetuneConfig
from mosel_gym.training.finetune_video import VideoFinetuneConfig
from mosel_gym.transition import TransitionConfig


@dataclass(frozen=True)
class ActingConfig:
    """Everything of an acting agent that is a number and not a network."""

    executor: ExecutorConfig = field(default_factory=ExecutorConfig)
    follower: FollowerConfig = field(default_factory=FollowerConfig)
    transition: TransitionConfig = field(default_factory=TransitionConfig)
    seed: int = 0
    """Of the networks' sampling noise; each `reset` goes back to it unless it is given another."""
    robot: str = "panda"
    """Row of `specs.ROBOTS` that the agent drives; the same as the policy's."""


@dataclass(frozen=True)
class MoselConfig(ActingConfig):
    """The same with what reflection and improvement need."""

    route: RouteConfig = field(default_factory=RouteConfig)
    language: LanguageConfig = field(default_factory=LanguageConfig)
    """How the language plan is refined."""
    video: VideoFinetuneConfig = field(default_factory=VideoFinetuneConfig)
    """How the video planner is refined."""
    policy: PolicyFinetuneConfig = field(default_factory=PolicyFinetuneConfig)
    """How the inverse dynamics is refined."""
    judge_in_loop: bool = True
    """Ask the analyzer whether a skill is done, where it can be asked during execution."""
    min_accepted: int = 5
    """Segments judged successful without which neither network is refined."""


ConfigT = TypeVar("ConfigT")


def from_plain(kind: type[ConfigT], values: Mapping[str, Any]) -> ConfigT:
    """Rebuild a frozen dataclass, nested ones included, from what `dataclasses.asdict` made.

    Raises:
        TypeError: A name is not a field of it.
    """
    hints = typing.get_type_hints(kind)
    arguments: dict[str, Any] = {}
    for name, value in values.items():
        hint = hints.get(name)
        if isinstance(hint, type) and dataclasses.is_dataclass(hint):
            value = from_plain(hint, value)
        arguments[name] = tuple(value) if isinstance(value, list) else value
    return kind(**arguments)
