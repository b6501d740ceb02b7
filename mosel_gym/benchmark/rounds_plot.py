"""Success by round as a picture: what the analyzer said, and beside it the simulator's truth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mosel_gym.benchmark.rounds_state import Round
from mosel_gym.data.atomic import atomic_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = ("#2f7d5b", "#4a6fa5", "#d9a441", "#9a4f6a", "#6b7f3a", "#7a5fa0", "#b0603a")
_INK, _GRID = "#1f2933", "#e4e7eb"


def plot_rounds(path: Path, rounds: Sequence[Round]) -> Path:
    """Draw the interactions of each round, which are those of the agent that began it.

    Judged success has Wilson intervals; the truth is dashed. With several tasks there is a thin
    line for each, and a thick one for all together. Below each round stands what became of it.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.4, 4.4), layout="constrained")
    FigureCanvasAgg(figure)  # not pyplot: it keeps figures alive, and may want a window
    axes = figure.add_subplot()
    tasks = list(rounds[0].rollouts["tasks"])
    if len(tasks) > 1:
        for at, task in enumerate(tasks):
            rates = [row.rollouts["tasks"][task]["judged"] for row in rounds]
            colour = _COLOURS[at % (len(_COLOURS) - 1) + 1]
            _line(axes, rates, task.removeprefix("MOSEL-"), colour, thin=True)
    together = "all tasks" if len(tasks) > 1 else tasks[0].removeprefix("MOSEL-")
    judged = [row.rollouts["judged"] for row in rounds]
    _line(axes, judged, f"{together}, judged", _COLOURS[0])
    truth = [row.rollouts["truth"] for row in rounds]
    _line(axes, truth, f"{together}, simulator's truth", _INK, dashed=True)
    labels = [f"round {row.number}\n{row.module}, {row.outcome}" for row in rounds]
    axes.set_xticks(range(len(rounds)), labels, fontsize=8)
    axes.set_xlim(-0.4, len(rounds) - 0.6)
    axes.set_ylim(0, 1)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    axes.set_ylabel("success of the interactions")
    axes.grid(axis="y", color=_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    figure.legend(frameon=False, fontsize=8, ncols=3, loc="outside upper center")
    with atomic_path(path) as draft:
        figure.savefig(draft, dpi=144, format="png")
    return path


def _line(
    axes: Axes,
    rates: Sequence[dict[str, Any]],
    label: str,
    colour: str,
    *,
    thin: bool = False,
    dashed: bool = False,
) -> None:
    points = [(at, rate) for at, rate in enumerate(rates) if rate["trials"]]
    values = [rate["successes"] / rate["trials"] for _, rate in points]
    ends = None
    if not thin and not dashed:
        low = [max(0.0, v - rate["low"]) for v, (_, rate) in zip(values, points, strict=True)]
        high = [max(0.0, rate["high"] - v) for v, (_, rate) in zip(values, points, strict=True)]
        ends = [low, high]
    axes.errorbar(
        [at for at, _ in points],
        values,
        yerr=ends,
        label=label,
        color=colour,
        linestyle="--" if dashed else "-",
        marker="o",
        markersize=3 if thin else 5,
        linewidth=0.9 if thin else 1.8,
        alpha=0.7 if thin else 1.0,
        capsize=3,
    )
