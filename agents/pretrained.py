"""An agent by name or folder, of whatever kind: every command and every server loads through here.

`agent.json` names its kind; a file without one is MOSEL's own.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mosel_gym.agents.base import TaskPlanner, VideoAnalyzer
from mosel_gym.agents.checkpoint import INDEX, checkpoint_folder
from mosel_gym.agents.kinds import KINDS, named_kind, read_index, require_kind, split_source
from mosel_gym.data.buffer import ReflectionBuffer
from mosel_gym.types import (
    Episode,
    ImproveReport,
    Observation,
    Reflection,
    Skill,
    Target,
    Task,
    TaskPlan,
)

__all__ = ["KINDS", "PolicyAgent", "kind_of", "load_any"]


class PolicyAgent(Protocol):
    """What every agent offers, whichever of its modules it has."""

    @property
    def name(self) -> str:
        """Of its modules; results carry it."""
        ...

    @property
    def episode(self) -> Episode:
        """The trace so far."""
        ...

    def reset(
        self,
        task: Task | str,
        skills: Sequence[str | Skill] | None = None,
        plan: TaskPlan | Sequence[str] | None = None,
        *,
        seed: int | None = None,
    ) -> None:
        """Begin an episode."""
        ...

    def act(
        self, observation: Observation, info: Mapping[str, Any] | None = None
    ) -> NDArray[np.float32]:
        """The next action, float32 `[A]`."""
        ...

    def finish(self, observation: Observation, info: Mapping[str, Any] | None = None) -> None:
        """Record what the last action led to."""
        ...

    def reflect(self, episode: Episode | None = None) -> Reflection:
        """What failed and why; an agent that cannot reflect says so in the rationale."""
        ...

    def improve(self, buffer: Any = None, target: Target = "auto") -> ImproveReport:
        """Get better from reflected episodes; an agent that cannot says so in the reason."""
        ...


def kind_of(name_or_dir: str | Path) -> str:
    """The kind that a stored agent is read as: a key of `KINDS`.

    Args:
        name_or_dir: Name or folder; "hip:libero-long" reads a folder of MOSEL's as another kind.

    Raises:
        UnknownId: No such agent, or a kind that this version does not know.
        SpecMismatch: It cannot be read as the kind that is named.
        DamagedFile: Its `agent.json` cannot be read.
    """
    asked, source = split_source(name_or_dir)
    path = checkpoint_folder(source) / INDEX
    index = read_index(path)
    if asked is None:
        return named_kind(index, path)
    require_kind(asked, index, path)
    return asked


def load_any(
    name_or_dir: str | Path,
    *,
    task_planner: TaskPlanner | None = None,
    analyzer: VideoAnalyzer | None = None,
    buffer: ReflectionBuffer | str | Path | None = None,
    device: str = "cpu",
) -> PolicyAgent:
    """Read an agent of any kind; arguments as those of `MoselAgent.from_pretrained`.

    A kind in front of the name reads the folder as that kind, where it has the parts:
    `load_any("hip:libero-long")` is the shipped agent without its reflection.

    Raises:
        UnknownId: No such agent.
        SpecMismatch: It is not of the kind that is named, or has no place for a part that is given.
        DamagedFile: A file of it is missing or damaged.
        MissingLibrary: Its kind needs a package that is not installed.
    """
    module, _, name = KINDS[kind_of(name_or_dir)].partition(":")
    kind = getattr(importlib.import_module(module), name)
    _, source = split_source(name_or_dir)
    agent: PolicyAgent = kind.from_pretrained(
        source, task_planner=task_planner, analyzer=analyzer, buffer=buffer, device=device
    )
    return agent
