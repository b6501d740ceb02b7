"""Why cells are empty: stored beside the rows, so that rendering alone can tell it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from mosel_gym.benchmark.provenance import read_json, write_json

FILE = "paper.json"
"""In the folder of the rows."""


class Notes:
    """Reasons by label, task and repeat, and from which agent each chain started.

    Args:
        folder: Of the rows; a missing file is an empty one.
    """

    def __init__(self, folder: str | Path) -> None:
        self._path = Path(folder) / FILE
        content = read_json(self._path) if self._path.exists() else {}
        self._gaps: dict[str, str] = dict(content.get("gaps", {}))
        self._chains: dict[str, dict[str, Any]] = dict(content.get("chains", {}))

    def reason(self, label: str, env_id: str, repeat: int = 0, what: str = "trials") -> str:
        """Why there is nothing; "" if nobody noted it."""
        return self._gaps.get(_key(label, env_id, repeat, what), "")

    def put(
        self, reason: str, label: str, env_id: str, repeat: int = 0, what: str = "trials"
    ) -> None:
        """Note a reason; an empty one removes what was noted."""
        key = _key(label, env_id, repeat, what)
        if self._gaps.get(key, "") == reason:
            return
        self._gaps[key] = reason
        if not reason:
            del self._gaps[key]
        self._write()

    def chain(self, env_id: str, repeat: int) -> dict[str, Any]:
        """What was noted of a chain: its `settings`, and the `agents` by label."""
        return dict(self._chains.get(_chain_key(env_id, repeat), {}))

    def put_chain(self, env_id: str, repeat: int, content: dict[str, Any]) -> None:
        """Note it."""
        key = _chain_key(env_id, repeat)
        if self._chains.get(key) != content:
            self._chains[key] = content
            self._write()

    def forget(self, env_ids: Collection[str]) -> None:
        """Remove everything about some tasks."""
        for content in (self._gaps, self._chains):
            for key in [key for key in content if key.partition(" | ")[0] in env_ids]:
                del content[key]
        if self._path.exists():
            self._write()

    def _write(self) -> None:
        write_json(
            self._path,
            {
                "gaps": dict(sorted(self._gaps.items())),
                "chains": dict(sorted(self._chains.items())),
            },
        )


def _key(label: str, env_id: str, repeat: int, what: str) -> str:
    return f"{env_id} | {label} | repeat {repeat} | {what}"


def _chain_key(env_id: str, repeat: int) -> str:
    return f"{env_id} | repeat {repeat}"
