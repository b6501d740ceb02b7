"""The curve of success against judge precision as table, Markdown, JSON and picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mosel_gym.benchmark.judge_tables import markdown
from mosel_gym.benchmark.metrics import Rate
from mosel_gym.benchmark.provenance import provenance, write_json
from mosel_gym.benchmark.tables import table
from mosel_gym.data.atomic import atomic_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from mosel_gym.benchmark.judge_curve import JudgeCurveConfig

Row = Mapping[str, Any]
_COLOURS = ("#2f7d5b", "#4a6fa5", "#d9a441", "#9a4f6a")
_GREY = "#9aa5b1"


def write_curve(folder: Path, config: JudgeCurveConfig, rows: Sequence[Row]) -> str:
    """Write `curve.json`, `curve.md` and `curve.png`.

    Args:
        folder: Where to.
        config: What was run.
        rows: As `judge_curve` makes them, "before" first.

    Returns:
        The table and what there is to say about it, as plain text.
    """
    title = (
        f"PRIVILEGED. Success of {config.agent} on {config.task} after refining its "
        f"{config.target}, by the precision of the judge"
    )
    notes = _notes(config, rows)
    text = "\n\n".join([title, curve_table(rows), *notes])
    page = [f"# {title}", curve_table(rows, markdown), "![curve](curve.png)", *notes]
    plot_curve(folder / "curve.png", config, rows)
    with atomic_path(folder / "curve.md") as draft:
        draft.write_text("\n\n".join(page) + "\n", encoding="utf-8")
    content = {
        "privileged": True,
        "points": list(rows),
        "text": text,
        "provenance": provenance(config, config.seed),
    }
    write_json(folder / "curve.json", content)
    return text


def curve_table(rows: Sequence[Row], render: Callable[..., str] = table) -> str:
    """One line for each judge, "before" first."""
    most = max(len(row["rounds"]) for row in rows)
    plans = [f"success after {at} new plans" for at in range(most)]
    success = plans if most > 1 else ["success, first hit", "held"]
    header = ["judge", "its precision here", "its recall here", *success, "against before"]
    return render(header, [_cells(row, most) for row in rows])


def plot_curve(path: Path, config: JudgeCurveConfig, rows: Sequence[Row]) -> None:
    """Success with Wilson intervals against the precision that the judge really had."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    FigureCanvasAgg(figure)  # not pyplot, which keeps figures and may want a window
    axes = figure.add_subplot()
    for row, style in ((_found(rows, "before"), "-"), (_found(rows, "control"), "--")):
        if row is not None and row["rounds"]:
            _line(axes, row, style)
    rounds = max(len(row["rounds"]) for row in rows)
    for at in range(min(1, rounds - 1), rounds):
        label = f"after {at} new plans" if rounds > 1 else "refined"
        _points(axes, rows, at, label, _COLOURS[at % len(_COLOURS)])
    axes.set_xlabel(f"precision of the judge on skill segments (recall {config.recall:g} wanted)")
    axes.set_ylabel("success, first hit")
    axes.set_ylim(-0.03, 1.03)
    axes.set_title(f"{config.task}, {config.target} refined (privileged judge)", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)
    with atomic_path(path) as draft:
        figure.savefig(draft, dpi=144, format="png")


def _points(axes: Axes, rows: Sequence[Row], at: int, label: str, colour: str) -> None:
    found = [
        (_rate(row["judged"]["precision"]), _rate(row["rounds"][at]["first_hit"]))
        for row in rows
        if row["precision"] is not None and row["rounds"]
    ]
    found = [(x, y) for x, y in found if x.trials and y.trials]
    if not found:
        return
    found.sort(key=lambda pair: pair[0].value)
    xs, ys = [x.value for x, _ in found], [y.value for _, y in found]
    axes.errorbar(
        xs,
        ys,
        xerr=_bars([x for x, _ in found]),
        yerr=_bars([y for _, y in found]),
        fmt="o-",
        color=colour,
        capsize=2,
        linewidth=1.2,
        elinewidth=0.7,
        label=label,
    )


def _line(axes: Axes, row: Row, style: str) -> None:
    value = _rate(row["rounds"][0]["first_hit"])
    if value.trials:
        axes.axhline(value.value, color=_GREY, linestyle=style, label=row["label"])
        if style == "-":
            axes.axhspan(value.low, value.high, color=_GREY, alpha=0.2, linewidth=0)


def _bars(rates: Sequence[Rate]) -> list[list[float]]:
    return [
        [max(0.0, rate.value - rate.low) for rate in rates],
        [max(0.0, rate.high - rate.value) for rate in rates],
    ]


def _cells(row: Row, most: int) -> list[object]:
    name = row["label"]
    judge: list[object] = ["", ""]
    if row["precision"] is not None:
        name = f"precision {row['precision']:g}, recall {row['recall']:g} wanted"
        judge = [_rate(row["judged"]["precision"]), _rate(row["judged"]["recall"])]
    rounds = row["rounds"]
    if not rounds:
        return [name, *judge, row["note"], *[""] * max(most, 2)]
    hits: list[object] = [_rate(arm["first_hit"]) for arm in rounds]
    if most > 1:
        hits += [""] * (most - len(hits))
    else:
        hits.append(_rate(rounds[0]["held"]))
    return [name, *judge, *hits, row["versus_text"]]


def _notes(config: JudgeCurveConfig, rows: Sequence[Row]) -> list[str]:
    notes = [
        "The judges are simulator truth with wrong verdicts mixed in; none of these numbers is "
        "autonomous. Wilson 95 % intervals; exact McNemar test on the same seeds.",
    ]
    if config.target == "language":
        notes.append(
            "A plan is written anew as long as the judge sees a failure; what it takes for a "
            "success is left at that."
        )
    else:
        notes.append(
            "All agents were refined from the same rollouts with the same number of steps, and "
            "evaluated on the same held-out seeds; only the labels differ."
        )
    broken = sum(arm["errors"] for row in rows for arm in row["rounds"][-1:])
    if broken:
        notes.append(f"{broken} episodes broke; they are in no rate.")
    return notes


def _found(rows: Sequence[Row], label: str) -> Row | None:
    return next((row for row in rows if row["label"] == label), None)


def _rate(content: Mapping[str, Any]) -> Rate:
    return Rate(**content)
