"""Cells, gaps and tables: what a rendered table is made of, before it becomes text."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from mosel_gym.benchmark.metrics import Rate
from mosel_gym.benchmark.rows import Row, rate_of
from mosel_gym.errors import SpecMismatch

DASH = "–"
BETWEEN = " · "
"""Stands between the paper's number and ours."""


@dataclass(frozen=True)
class Cell:
    """The paper's number beside ours."""

    paper: str = ""
    """As the paper prints it; "" = it has no such number."""
    ours: str = ""
    gap: str = ""
    """Why there is nothing of ours."""
    value: float | None = None
    """Ours as a number, for means and plots."""
    paper_value: float | None = None
    rate: Rate | None = None
    rows: tuple[Row, ...] = ()
    """What it was made of."""


@dataclass(frozen=True)
class Line:
    """One row of a table."""

    title: str
    cells: tuple[Cell, ...]
    rows: tuple[Row, ...] = ()
    """What all cells were made of."""

    @classmethod
    def of(cls, title: str, cells: Sequence[Cell]) -> Line:
        """A line that is marked where its agent, or its judge, read simulator truth."""
        rows = tuple(row for cell in cells for row in cell.rows)
        acts = any(row.privileged_agent for row in rows)
        judges = any(row.privileged for row in rows)
        mark = " (PRIVILEGED)" if acts or judges else ""
        return cls(title + mark, tuple(cells), rows)


@dataclass(frozen=True)
class Table:
    """A table, or the numbers behind a figure."""

    name: str
    """As on the command line: "table1", "fig6"."""
    title: str
    header: tuple[str, ...]
    """Titles of the columns after the first."""
    lines: tuple[Line, ...]
    notes: tuple[str, ...] = ()
    comparisons: tuple[str, ...] = ()
    unit: str = "paper · ours: successes/trials = % [Wilson 95 %]"
    extra: dict[str, object] = field(default_factory=dict)
    """For a picture."""

    @property
    def rows(self) -> list[Row]:
        """Everything that entered it, once each."""
        return list({row.key: row for line in self.lines for row in line.rows}.values())


def percent(value: float | None) -> str:
    """A share as the paper prints it: "0.34"."""
    return "" if value is None else f"{value:.2f}"


def success_cell(rows: Sequence[Row], paper: float | None, gap: Callable[[], str]) -> Cell:
    """First hits of one agent on one task.

    Args:
        rows: Of that agent and task.
        paper: The published share.
        gap: Says why there is nothing, where there is nothing.
    """
    told = percent(paper)
    fine = [row for row in rows if row.status == "ok" and row.success is not None]
    broken = [row for row in rows if row.status == "error"]
    if not fine:
        why = f"{len(broken)} trials broke: {broken[0].error}" if broken else gap()
        return Cell(told, gap=why, paper_value=paper)
    try:
        rate = rate_of(rows)
    except SpecMismatch as error:  # never pooled; the rest of the table still stands
        return Cell(told, gap=f"not counted: {error}", paper_value=paper)
    text = str(rate) + (f" ({len(broken)} broken)" if broken else "")
    return Cell(told, text, "", rate.value, paper, rate, tuple(fine))


def mean_cell(cells: Sequence[Cell], names: Sequence[str]) -> Cell:
    """Mean of the filled cells, which it names, beside the paper's over the same columns."""
    filled = [
        (name, cell) for name, cell in zip(names, cells, strict=True) if cell.value is not None
    ]
    if not filled:
        return Cell(gap="no filled column")
    over = "all" if len(filled) == len(cells) else ", ".join(name for name, _ in filled)
    ours = math.fsum(cell.value or 0.0 for _, cell in filled) / len(filled)
    known = [cell.paper_value for _, cell in filled if cell.paper_value is not None]
    paper = math.fsum(known) / len(known) if len(known) == len(filled) else None
    return Cell(percent(paper), f"{100 * ours:.0f} % (over {over})", value=ours, paper_value=paper)
