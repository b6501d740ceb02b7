"""A baseline on disk: `agent.json` with its kind, and a file for each network that it has."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from mosel_gym.agents.base import InverseDynamics, TaskPlanner, VideoPlanner
from mosel_gym.agents.checkpoint import (
    FORMAT,
    INDEX,
    POLICY,
    VIDEO,
    checkpoint_folder,
    network_files,
    planner_entry,
    planner_of,
)
from mosel_gym.agents.config import ActingConfig, from_plain
from mosel_gym.agents.kinds import read_index, require_kind
from mosel_gym.data.atomic import atomic_path
from mosel_gym.errors import DamagedFile
from mosel_gym.models.checkpoint import save_module
from mosel_gym.models.policies import load_policy
from mosel_gym.models.video_planners import load_planner


@dataclass
class StoredParts:
    """What a baseline is made of; a part that its kind lacks is None."""

    config: ActingConfig
    inverse_dynamics: InverseDynamics
    video_planner: VideoPlanner | None = None
    task_planner: TaskPlanner | None = None
    card: dict[str, Any] = field(default_factory=dict)
    """How the weights were made and what they reach; carried along, never read."""


def save_parts(folder: str | Path, kind: str, parts: StoredParts, *, half: bool = True) -> Path:
    """Write the parts that there are; the index comes last.

    Raises:
        SpecMismatch: A part is of a class that the format has no name for.
    """
    folder = Path(folder)
    planner = parts.task_planner
    index = {
        "format": FORMAT,
        "kind": kind,
        **({} if planner is None else {"task_planner": planner_entry(planner)}),
        "config": asdict(parts.config),
        "card": parts.card,
    }
    for file, network in network_files(parts.video_planner, parts.inverse_dynamics).items():
        save_module(folder / file, network, half=half)
    with atomic_path(folder / INDEX) as draft:
        draft.write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
    return folder


def load_parts(
    name_or_dir: str | Path, kind: str, *, planner: bool, video: bool, device: str = "cpu"
) -> StoredParts:
    """Read the parts that a kind of baseline has, from its own folder or from another that fits.

    Args:
        name_or_dir: Folder, or name of an embedded checkpoint.
        kind: Whose parts; `kinds.READS` says which folders have them.
        planner: Whether it has a task planner.
        video: Whether it has a video planner.
        device: "cpu" or "cuda".

    Raises:
        UnknownId: No such agent.
        SpecMismatch: It is of a kind without these parts.
        DamagedFile: A file of it is missing or damaged; the message names its path.
    """
    folder = checkpoint_folder(name_or_dir)
    path = folder / INDEX
    index = read_index(path)
    require_kind(kind, index, path)
    try:
        if index["format"] != FORMAT:
            raise ValueError(f"its format is {index['format']!r}, not {FORMAT!r}")
        # A folder of MOSEL's own has numbers for reflection and improvement too.
        acting = {field.name for field in fields(ActingConfig)}
        known = {name: value for name, value in index["config"].items() if name in acting}
        config = from_plain(ActingConfig, known)
        task_planner = planner_of(index["task_planner"]) if planner else None
        card = dict(index["card"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedFile(
            f"{path} cannot be read as an agent of the kind {kind!r}: {type(error).__name__}: "
            f"{error}. Give a folder that `mosel pack --kind {kind}` wrote."
        ) from error
    return StoredParts(
        config,
        load_policy(folder / POLICY, device),
        load_planner(folder / VIDEO, device) if video else None,
        task_planner,
        card,
    )
