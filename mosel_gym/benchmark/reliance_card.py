"""Goal reliance that a checkpoint carries: a file beside its weights, and of these weights alone.

It does not lie in `agent.json`: that one is copied into every agent that is refined from this one,
whose goal reliance would be another, and a change of it would make the rows of this agent those of
another version.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mosel_gym.benchmark.provenance import read_json, write_json
from mosel_gym.benchmark.specs import PretrainedAgent

FILE = "goal_reliance.json"


def write_reliance(source: str, content: dict[str, Any]) -> Path:
    """Put what was measured into the agent's folder.

    Args:
        source: Name or folder of the agent.
        content: As `evaluate_reliance` stores it; single episodes are left out.

    Raises:
        UnknownId: No such agent.
    """
    kept = {name: value for name, value in content.items() if name != "rows"}
    return write_json(_path(source), kept | {"fingerprint": PretrainedAgent(source).fingerprint()})


def carried_reliance(source: str) -> dict[str, Any] | None:
    """What an agent carries; None if nothing, or what was measured of other weights.

    Raises:
        UnknownId: No such agent.
        DamagedFile: The file cannot be read.
    """
    path = _path(source)
    if not path.is_file():
        return None
    found: dict[str, Any] = read_json(path)
    same = found.get("fingerprint") == PretrainedAgent(source).fingerprint()
    return found if same else None


def _path(source: str) -> Path:
    from mosel_gym.agents.checkpoint import checkpoint_folder
    from mosel_gym.agents.kinds import split_source

    return checkpoint_folder(split_source(source)[1]) / FILE
