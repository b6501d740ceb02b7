"""Success against interactions, drawn."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mosel_gym.benchmark.rl_curve import CurvePoint
from mosel_gym.benchmark.rows import Row, rate_of
from mosel_gym.data.atomic import atomic_path
from mosel_gym.errors import NotEnoughData


@dataclass(frozen=True)
class Line:
    """One agent's measurements."""

    name: str
    information: str
    """What it was given; stands in the legend."""
    interactions: tuple[float, ...]
    success: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    """Wilson 95 % intervals."""


def line_of_curve(
    name: str, information: str, points: Sequence[CurvePoint], *, by_steps: bool = False
) -> Line:
    """The measurements of a learning curve, against episodes or steps.

    Raises:
        NotEnoughData: There is no measurement.
    """
    found = [point for point in points if point.kind == "evaluation"]
    if not found:
        raise NotEnoughData(f"The curve of {name} holds no measurement; train with eval_episodes.")
    return Line(
        name,
        information,
        tuple(float(p.env_steps if by_steps else p.episodes) for p in found),
        tuple(p.success for p in found),
        tuple(p.low for p in found),
        tuple(p.high for p in found),
    )


def line_of_rows(name: str, rows: Sequence[Row], interactions: int) -> Line:
    """The rounds of an improvement, `interactions` episodes each; rows with errors left out.

    Raises:
        NotEnoughData: There is no row.
        SpecMismatch: Rows of one round were run under different conditions.
    """
    good = [row for row in rows if row.status == "ok"]
    if not good:
        raise NotEnoughData(f"There is no episode of {name}; `mosel eval` writes rows.")
    rounds = sorted({row.round for row in good})
    rates = [
        rate_of([row for row in good if row.round == number], f"{name}, round {number}")
        for number in rounds
    ]
    return Line(
        name,
        good[-1].information,
        tuple(float(interactions * number) for number in rounds),
        tuple(found.successes / found.trials for found in rates),
        tuple(found.low for found in rates),
        tuple(found.high for found in rates),
    )


def draw(lines: Sequence[Line], path: str | Path, title: str, unit: str = "episodes") -> Path:
    """Write a PNG; an interval is a band, so that nobody reads a difference into noise."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 4.8 + 0.4 * len(lines)), layout="constrained")
    axes = figure.add_subplot()
    for line in lines:
        said = f"{line.name}: {line.information or 'not told what it was given'}"
        label = textwrap.fill(said, 95, subsequent_indent="    ")
        (drawn,) = axes.plot(line.interactions, line.success, marker="o", label=label)
        axes.fill_between(
            line.interactions, line.low, line.high, alpha=0.15, color=drawn.get_color()
        )
    axes.set(xlabel=f"interactions ({unit})", ylabel="success", ylim=(-0.02, 1.02), title=title)
    figure.legend(loc="outside lower left", fontsize="small", frameon=False)
    with atomic_path(path) as draft:
        figure.savefig(draft, format="png", dpi=120)
    return Path(path)
