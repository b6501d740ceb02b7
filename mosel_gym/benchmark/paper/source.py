"""All rows of a folder with the notes beside them: the only thing that tables are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mosel_gym.benchmark.comparing import compare_rows
from mosel_gym.benchmark.metrics import Comparison
from mosel_gym.benchmark.paper.cells import Cell, success_cell
from mosel_gym.benchmark.paper.gaps import Notes
from mosel_gym.benchmark.paper.labels import short, trials
from mosel_gym.benchmark.rows import Row, read_rows
from mosel_gym.errors import SpecMismatch


@dataclass(frozen=True)
class Source:
    """Rows, and why some are missing."""

    rows: tuple[Row, ...]
    notes: Notes
    command: str
    """Makes what is missing, such as "mosel bench table1"."""

    @classmethod
    def read(cls, results: str | Path, command: str) -> Source:
        """Everything in a folder; an episode that two files hold counts once."""
        folder = Path(results)
        found = read_rows(folder) if folder.is_dir() else []
        return cls(tuple({row.key: row for row in found}.values()), Notes(folder), command)

    def missing(
        self, label: str, env_id: str, repeat: int = 0, what: str = "trials"
    ) -> Callable[[], str]:
        """The reason of a gap, asked for only where there is one."""

        def reason() -> str:
            noted = self.notes.reason(label, env_id, repeat, what)
            return noted or f"not run yet; `{self.command}` runs it"

        return reason

    def trials(
        self, label: str, env_id: str, repeat: int = 0, disturbed: bool = False
    ) -> list[Row]:
        """See `labels.trials`."""
        return trials(self.rows, label, env_id, repeat=repeat, disturbed=disturbed)

    def success(
        self,
        label: str,
        env_id: str,
        paper: float | None = None,
        *,
        repeat: int = 0,
        disturbed: bool = False,
    ) -> Cell:
        """The cell of one agent on one task."""
        what = "disturbed trials" if disturbed else "trials"
        gap = self.missing(label, env_id, repeat, what)
        return success_cell(self.trials(label, env_id, repeat, disturbed), paper, gap)

    def compared(self, first: str, second: str, env_id: str, repeat: int = 0) -> Comparison | None:
        """Two agents on the seeds that they share; None if there are none.

        None as well where rows of one must not be pooled: its cell says so.
        """
        a, b = (self.trials(label, env_id, repeat) for label in (first, second))
        try:
            found = compare_rows(first, second, a, b)
        except SpecMismatch:
            return None
        return found if found.pairs else None

    def against_controls(
        self, pairs: list[tuple[str, str]], env_ids: tuple[str, ...], repeat: int = 0
    ) -> list[str]:
        """One line for every task and pair of labels that share seeds."""
        lines = []
        for env_id in env_ids:
            for first, second in pairs:
                found = self.compared(first, second, env_id, repeat)
                if found is not None:
                    where = short(env_id) + (f", repeat {repeat}" if repeat else "")
                    lines.append(f"{where}: {found}")
        return lines
