"""An agent by name or folder, whatever kind it is: every command and every server loads through here.

`agent.json` names its kind; a file without one is MOSEL's own.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mosel_gym.agents.base import TaskPlanner, VideoAnalyzer
from mosel_gym.agents.checkpoint import checkpoint_folder
from mosel_gym.data.buffer import ReflectionBuffer
from mosel_gym.errors import DamagedFile, UnknownId
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

KINDS: dict[str, str] = {
    "mosel": "mosel_gym.agents.mosel:MoselAgent",
    "unipi": "mosel_gym.agents.baselines.unipi:UniPiAgent",
    "palm-e": "mosel_gym.agents.baselines.palm_e:PalmEAgent",
    "hip": "mosel_gym.agents.baselines.hip:HipAgent",
    "rl": "mosel_gym.agents.baselines.rl:RLAgent",
}
"""Kind in `agent.json` -> class; imported when first asked for, since each brings libraries."""


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
    """The kind of a stored agent: a key of `KINDS`.

    Raises:
        UnknownId: No such agent, or a kind that this version does not know.
        DamagedFile: Its `agent.json` cannot be read.
    """
    path = checkpoint_folder(name_or_dir) / "agent.json"
    try:
        kind = json.loads(path.read_text(encoding="utf-8")).get("kind", "mosel")
    except (OSError, ValueError, AttributeError) as error:
        raise DamagedFile(f"{path} cannot be read as an agent: {error}.") from error
    if kind not in KINDS:
        raise UnknownId(f"{path} names the kind {kind!r}. Allowed: {sorted(KINDS)}.")
    return str(kind)


def load_any(
    name_or_dir: str | Path,
    *,
    task_planner: TaskPlanner | None = None,
    analyzer: VideoAnalyzer | None = None,
    buffer: ReflectionBuffer | str | Path | None = None,
    device: str = "cpu",
) -> PolicyAgent:
    """Read an agent of any kind; arguments as those of `MoselAgent.from_pretrained`.

    Raises:
        UnknownId: No such agent.
        DamagedFile: A file of it is missing or damaged.
        MissingLibrary: Its kind needs a package that is not installed.
    """
    module, _, name = KINDS[kind_of(name_or_dir)].partition(":")
    kind = getattr(importlib.import_module(module), name)
    agent: PolicyAgent = kind.from_pretrained(
        name_or_dir, task_planner=task_planner, analyzer=analyzer, buffer=buffer, device=device
    )
    return agent
