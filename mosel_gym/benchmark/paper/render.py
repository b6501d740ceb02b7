"""A table as aligned text for the terminal and as a Markdown page."""

from __future__ import annotations

from collections.abc import Sequence

from mosel_gym.benchmark.judge_tables import markdown
from mosel_gym.benchmark.paper.cells import BETWEEN, DASH, Cell, Table
from mosel_gym.benchmark.paper.footer import footer
from mosel_gym.benchmark.tables import table as aligned

_GAP = "  "


def as_text(content: Table, width: int = 120) -> str:
    """Aligned text; columns that do not fit side by side go into further blocks."""
    reasons: list[str] = []
    grid = _grid(content, reasons)
    blocks = [aligned(block[0], block[1:]) for block in _blocks(grid, width)]
    below = ["\n".join(lines) for lines in _below(content, reasons)]
    return "\n\n".join([content.title, f"Cells: {content.unit}", *blocks, *below])


def as_markdown(content: Table, picture: str = "") -> str:
    """A page."""
    reasons: list[str] = []
    grid = _grid(content, reasons)
    parts = [f"# {content.title}", f"Cells: {content.unit}", markdown(grid[0], grid[1:])]
    if picture:
        parts.append(f"![{content.name}]({picture})")
    for first, *others in _below(content, reasons):
        parts.append(first)
        if others:
            parts.append("\n".join(f"- {line}" for line in others))
    return "\n\n".join(parts) + "\n"


def _grid(content: Table, reasons: list[str]) -> list[list[str]]:
    grid = [["", *content.header]]
    for line in content.lines:
        grid.append([line.title, *(_text(cell, reasons) for cell in line.cells)])
    return grid


def _text(cell: Cell, reasons: list[str]) -> str:
    ours = cell.ours
    if not ours:
        if cell.gap not in reasons:
            reasons.append(cell.gap)
        ours = f"{DASH} [{reasons.index(cell.gap) + 1}]"
    return f"{cell.paper or DASH}{BETWEEN}{ours}"


def _blocks(grid: list[list[str]], width: int) -> list[list[list[str]]]:
    widths = [max(len(row[at]) for row in grid) for at in range(len(grid[0]))]
    groups: list[list[int]] = [[]]
    used = widths[0]
    for at in range(1, len(widths)):
        if groups[-1] and used + len(_GAP) + widths[at] > width:
            groups.append([])
            used = widths[0]
        groups[-1].append(at)
        used += len(_GAP) + widths[at]
    return [[[row[0], *(row[at] for at in group)] for row in grid] for group in groups]


def _below(content: Table, reasons: Sequence[str]) -> list[list[str]]:
    """Paragraphs of lines; the first line of each stands by itself or is a heading."""
    parts = []
    if reasons:
        lines = [f"[{number}] {_one_line(why)}" for number, why in enumerate(reasons, start=1)]
        parts.append(["Gaps, which are never filled:", *lines])
    if content.comparisons:
        parts.append(["Paired by seed (exact McNemar):", *content.comparisons])
    if content.notes:
        parts.append(["How to read it:", *content.notes])
    parts.append(["What it was made of:", *footer(content.rows)])
    return parts


def _one_line(text: str) -> str:
    return " ".join(text.split())
