"""Fig. 6 from rows: success of one agent after each of four rounds, as numbers and as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mosel_gym.benchmark.paper.cells import Line, Table
from mosel_gym.benchmark.paper.labels import CONTROL, chain_label, chain_of, short
from mosel_gym.benchmark.paper.source import Source
from mosel_gym.data.atomic import atomic_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = ("#2f7d5b", "#4a6fa5", "#d9a441", "#9a4f6a", "#6b7f3a", "#7a5fa0", "#b0603a")
_INK, _GRID = "#1f2933", "#e4e7eb"


def labels(env_id: str, control: bool = False) -> list[str]:
    """The agents after 0, 1, ... rounds."""
    chain = chain_of(env_id)
    found = [chain_label(chain[:count]) for count in range(len(chain) + 1)]
    return [found[0], *(label + CONTROL for label in found[1:])] if control else found


def fig_6(source: Source, env_ids: tuple[str, ...]) -> Table:
    """One line a task, and one for its control."""
    lines, compared = [], []
    for env_id in env_ids:
        for name, wanted in (("", labels(env_id)), (", control", labels(env_id, control=True))):
            cells = [source.success(label, env_id) for label in wanted]
            lines.append(Line.of(short(env_id) + name, cells))
        pairs = list(zip(labels(env_id)[1:], labels(env_id, control=True)[1:], strict=True))
        pairs += [(label, labels(env_id)[0]) for label in labels(env_id)[1:]]
        compared += source.against_controls(pairs, (env_id,))
    rounds = chain_of(env_ids[0])
    header = ("round 0", *(f"{at}: {name}" for at, name in enumerate(rounds, start=1)))
    return Table(
        "fig6",
        "Fig. 6: success after each round of improvement",
        header,
        tuple(lines),
        (
            "The paper's figure has no numbers in its text, and does not name its three tasks "
            "there; the tasks are those of its appendix G unless --tasks names others.",
            "The first two rounds are those of Table 1.",
        ),
        tuple(compared),
        "paper: no numbers in its text · ours: successes/trials = % [Wilson 95 %]",
    )


def plot(path: Path, content: Table) -> Path:
    """Draw it: a line a task with Wilson intervals, its control dashed; gaps stay open."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 4.2), layout="constrained")
    FigureCanvasAgg(figure)  # not pyplot: it keeps figures alive, and may want a window
    axes = figure.add_subplot()
    for at, line in enumerate(content.lines):
        _draw(axes, line, at)
    axes.set_xticks(range(len(content.header)), list(content.header), fontsize=9)
    axes.set_xlim(-0.3, len(content.header) - 0.7)
    axes.set_ylim(0, 1)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    axes.set_ylabel("success, first hit")
    axes.grid(axis="y", color=_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=8, ncols=3, loc="upper center",
                    bbox_to_anchor=(0.5, 1.16))  # fmt: skip
    else:
        axes.text(0.5, 0.5, "no round was run yet", transform=axes.transAxes, ha="center")
    with atomic_path(path) as draft:
        figure.savefig(draft, dpi=144, format="png")
    return path


def _draw(axes: Axes, line: Line, number: int) -> None:
    points = [(at, cell.rate) for at, cell in enumerate(line.cells) if cell.rate is not None]
    if not points:
        return
    control = number % 2 == 1
    shift = 0.04 * (number - 2)
    values = [rate.value for _, rate in points]
    ends = [
        [max(0.0, rate.value - rate.low) for _, rate in points],
        [max(0.0, rate.high - rate.value) for _, rate in points],
    ]
    axes.errorbar(
        [at + shift for at, _ in points],
        values,
        yerr=ends,
        label=f"{line.title} (n = {points[0][1].trials})",
        color=_COLOURS[number // 2 % len(_COLOURS)],
        linestyle="--" if control else "-",
        marker="o",
        markersize=4,
        alpha=0.55 if control else 1.0,
        capsize=2,
        linewidth=1.4,
        ecolor=_COLOURS[number // 2 % len(_COLOURS)],
    )
