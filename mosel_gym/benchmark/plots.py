"""The report's figures, as PNGs inside data URIs so that one file holds everything."""

from __future__ import annotations

import base64
import io
import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ARM_COLOURS = {"before": "#9aa5b1", "control": "#d9a441", "after": "#2f7d5b"}
_OTHER = "#4a6fa5"
_INK = "#1f2933"


def success_bars(arms: Mapping[str, Any]) -> str:
    """First-hit and held success of each arm with Wilson intervals."""
    figure, axes = _figure(6.4, 3.0)
    groups = {"first hit": "first_hit", "held 10 steps": "held"}
    width = 0.8 / max(1, len(arms))
    for at, (name, arm) in enumerate(arms.items()):
        for group, key in enumerate(groups.values()):
            place = group + (at - (len(arms) - 1) / 2) * width
            _bar(axes, place, width * 0.92, arm[key], _colour(name), name if group == 0 else None)
    axes.set_xticks(range(len(groups)), list(groups))
    _percent_axis(axes)
    axes.legend(frameon=False, ncols=len(arms), loc="upper center", bbox_to_anchor=(0.5, 1.16))
    return _data_uri(figure)


def skill_bars(arms: Mapping[str, Any]) -> str:
    """Held success of each skill that any arm was asked for."""
    skills = list(dict.fromkeys(skill for arm in arms.values() for skill in arm["asked"]))
    figure, axes = _figure(6.4, 3.0)
    width = 0.8 / max(1, len(arms))
    for at, (name, arm) in enumerate(arms.items()):
        for group, skill in enumerate(skills):
            place = group + (at - (len(arms) - 1) / 2) * width
            rate = arm["skills_held"].get(skill)
            if rate:
                _bar(axes, place, width * 0.92, rate, _colour(name), None)
    labels = [textwrap.fill(skill, 26) for skill in skills]
    axes.set_xticks(range(len(skills)), labels, fontsize=8)
    _percent_axis(axes)
    return _data_uri(figure)


def confusion_matrix(verdicts: Mapping[str, Any]) -> str:
    """The analyzer's verdicts against the truth."""
    grid = [
        [verdicts["true_positives"], verdicts["false_positives"]],
        [verdicts["false_negatives"], verdicts["true_negatives"]],
    ]
    figure, axes = _figure(3.4, 3.0)
    most = max(1, *(cell for row in grid for cell in row))
    axes.imshow(grid, cmap="Greens", vmin=0, vmax=most * 1.3)
    for row, cells in enumerate(grid):
        for column, cell in enumerate(cells):
            axes.text(column, row, str(cell), ha="center", va="center", fontsize=15, color=_INK)
    axes.set_xticks([0, 1], ["reached", "not reached"])
    axes.set_yticks([0, 1], ["said\nreached", "said not\nreached"])
    axes.set_xlabel("simulator's truth")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return _data_uri(figure)


def time_bars(seconds: Mapping[str, float]) -> str:
    """Seconds by part, largest on top."""
    rows = sorted(seconds.items(), key=lambda item: item[1])
    figure, axes = _figure(6.4, 0.5 + 0.28 * max(1, len(rows)))
    bars = axes.barh([name for name, _ in rows], [value for _, value in rows], color=_OTHER)
    axes.bar_label(bars, [f" {value:.0f} s" for _, value in rows], fontsize=8, color=_INK)
    axes.margins(x=0.12)
    axes.tick_params(axis="y", length=0, labelsize=8)
    axes.xaxis.set_visible(False)
    axes.spines["bottom"].set_visible(False)
    return _data_uri(figure)


def _bar(
    axes: Axes, place: float, width: float, rate: Mapping[str, Any], colour: str, label: str | None
) -> None:
    if not rate["trials"]:
        return
    value = rate["successes"] / rate["trials"]
    ends = [[max(0.0, value - rate["low"])], [max(0.0, rate["high"] - value)]]
    axes.bar(place, value, width, color=colour, label=label)
    axes.errorbar(place, value, yerr=ends, color=_INK, capsize=3, linewidth=1)
    axes.text(place, 0.03, f"{rate['successes']}/{rate['trials']}", ha="center", fontsize=8)


def _percent_axis(axes: Axes) -> None:
    axes.set_ylim(0, 1)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"], fontsize=8)
    axes.grid(axis="y", color="#e4e7eb", linewidth=0.8)
    axes.set_axisbelow(True)


def _colour(arm: str) -> str:
    return ARM_COLOURS.get(arm, _OTHER)


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    # Not pyplot: it keeps figures alive, and picks a backend that may want a window.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.spines[["top", "right", "left"]].set_visible(False)
    return figure, axes


def _data_uri(figure: Figure) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=144, format="png")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
