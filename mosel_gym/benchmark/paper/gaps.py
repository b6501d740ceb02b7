"""Why cells are empty: stored beside the rows, so that rendering alone can tell it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mosel_gym.benchmark.provenance import read_json, write_json
from mosel_gym.data.locking import locked
from mosel_gym.errors import DamagedFile

FILE = "paper.json"
"""In the folder of the rows."""


class Notes:
    """Reasons by label, task and repeat, and from which agent each chain started.

    Args:
        folder: Of the rows; a missing file is an empty one.

    Raises:
        DamagedFile: The file holds something else.
    """

    def __init__(self, folder: str | Path) -> None:
        self._path = Path(folder) / FILE
        self._gaps: dict[str, str] = {}
        self._chains: dict[str, dict[str, Any]] = {}
        self._read()

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
        with self._changed():
            self._gaps[key] = reason
            if not reason:
                del self._gaps[key]

    def chain(self, env_id: str, repeat: int) -> dict[str, Any]:
        """What was noted of a chain: its `settings`, and the `agents` by label."""
        return dict(self._chains.get(_chain_key(env_id, repeat), {}))

    def put_chain(self, env_id: str, repeat: int, content: dict[str, Any]) -> None:
        """Note it."""
        key = _chain_key(env_id, repeat)
        if self._chains.get(key) != content:
            with self._changed():
                self._chains[key] = content

    def forget(self, env_ids: Collection[str]) -> None:
        """Remove everything about some tasks."""
        if not self._path.exists():
            return
        with self._changed():
            for content in (self._gaps, self._chains):
                for key in [key for key in content if key.partition(" | ")[0] in env_ids]:
                    del content[key]

    @contextmanager
    def _changed(self) -> Iterator[None]:
        """Change what is on disk, so that two commands at once lose nothing."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with locked(self._path.parent):
            self._read()
            yield
            write_json(
                self._path,
                {
                    "gaps": dict(sorted(self._gaps.items())),
                    "chains": dict(sorted(self._chains.items())),
                },
            )

    def _read(self) -> None:
        content = read_json(self._path) if self._path.exists() else {}
        try:
            self._gaps = dict(content.get("gaps", {}))
            self._chains = dict(content.get("chains", {}))
        except (AttributeError, TypeError, ValueError) as error:
            raise DamagedFile(
                f"{self._path} holds no reasons of gaps: {error}. Restore it, or remove it: gaps "
                "are noted again by the next run."
            ) from error


def _key(label: str, env_id: str, repeat: int, what: str) -> str:
    return f"{env_id} | {label} | repeat {repeat} | {what}"


def _chain_key(env_id: str, repeat: int) -> str:
    return f"{env_id} | repeat {repeat}"
