"""The rows of a results folder as the runner sees them: what is done, and where new ones go."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from mosel_gym.benchmark.paper.gaps import Notes
from mosel_gym.benchmark.paper.labels import IMAGINED, INTERACTIONS, JUDGED, SAMPLED
from mosel_gym.benchmark.provenance import plain
from mosel_gym.benchmark.rows import Row, keep_rows, merge_rows, read_rows

TRIALS = "paper"
FILES = (TRIALS, INTERACTIONS, IMAGINED, JUDGED, SAMPLED)
"""Names of the files that the tables' commands write, without ".jsonl"."""


class Store:
    """Rows and notes of one folder.

    Args:
        folder: Of the rows; made when the first one comes.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.notes = Notes(self.folder)

    def add(self, file: str, rows: Sequence[Row]) -> None:
        """Put rows into one of `FILES`."""
        if rows:
            merge_rows(self.folder / f"{file}.jsonl", rows)

    def done(self, wanted: Row, fingerprint: str | None) -> set[int]:
        """Seeds of which there is a row without an error of the very same agent and setting.

        Args:
            wanted: Names env_id, agent, repeat and conditions.
            fingerprint: Of the agent; None = not known, so that nothing counts as done.
        """
        if fingerprint is None:
            return set()
        asked = _cell(wanted)
        return {
            row.seed
            for row in self.rows()
            if row.status == "ok" and row.fingerprint == fingerprint and _cell(row) == asked
        }

    def forget(self, env_ids: Collection[str]) -> None:
        """Remove all rows of some tasks from our own files, and the notes about them."""
        for name in FILES:
            keep_rows(self.folder / f"{name}.jsonl", lambda row: row.env_id not in env_ids)
        self.notes.forget(env_ids)

    def forget_agent(self, cell: Row, fingerprint: str) -> None:
        """Remove trials of one cell by an earlier version of its agent: they are never pooled."""
        asked = _cell(cell)
        keep_rows(
            self.folder / f"{TRIALS}.jsonl",
            lambda row: _cell(row) != asked or row.fingerprint == fingerprint,
        )

    def rows(self) -> list[Row]:
        """All of the folder."""
        return read_rows(self.folder) if self.folder.is_dir() else []


def cell(env_id: str, label: str, repeat: int, conditions: dict[str, Any]) -> Row:
    """What `Store.done` is asked for."""
    return Row(env_id=env_id, agent=label, seed=0, repeat=repeat, conditions=conditions)


def _cell(row: Row) -> tuple[str, str, int, str]:
    conditions = json.dumps(plain(row.conditions), sort_keys=True)
    return row.env_id, row.agent, row.repeat, conditions
