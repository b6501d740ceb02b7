"""Tables of success rates, from rows: 1, 2, 4, 7 and 10."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from mosel_gym.benchmark.paper import published as paper
from mosel_gym.benchmark.paper.cells import Cell, Line, Table, mean_cell, percent
from mosel_gym.benchmark.paper.labels import (
    CONTROL,
    HIP,
    MOSEL,
    NO_IDENTIFICATION,
    PALM_E,
    UNIPI,
    VLA_RL,
    chain_label,
    short,
)
from mosel_gym.benchmark.paper.source import Source

VIDEO, POLICY = chain_label(("video",)), chain_label(("video", "policy"))
LANGUAGE = chain_label(("language",))
LANGUAGE_VIDEO = chain_label(("language", "video"))
ALL_THREE = chain_label(("language", "video", "policy"))


@dataclass(frozen=True)
class Wanted:
    """A line to be: its title, the label of its rows, and the paper's row beside it."""

    title: str
    label: str
    published: str | None = None


TABLE_1 = (
    Wanted("UniPi", UNIPI, "UniPi"),
    Wanted("PaLM-E", PALM_E, "PaLM-E"),
    Wanted("MOSEL (Baseline): HiP", HIP, "baseline"),
    Wanted("  ours: judge in the loop", MOSEL),
    Wanted("+Self-Improved Video", VIDEO, "video"),
    Wanted("  control, demos alone", VIDEO + CONTROL),
    Wanted("++Self-Improved Policy", POLICY, "policy"),
    Wanted("  control, demos alone", POLICY + CONTROL),
    Wanted("VLA-RL", VLA_RL, "VLA-RL"),
)
TABLE_2 = (
    Wanted("UniPi", UNIPI, "UniPi"),
    Wanted("PaLM-E", PALM_E, "PaLM-E"),
    Wanted("MOSEL (Baseline): HiP", HIP, "baseline"),
    Wanted("  ours: judge in the loop", MOSEL),
    Wanted("+Self-Improved LVLM", LANGUAGE, "language"),
    Wanted("++Self-Improved Video", LANGUAGE_VIDEO, "video"),
    Wanted("  control, demos alone", LANGUAGE_VIDEO + CONTROL),
    Wanted("+++Self-Improved Policy", ALL_THREE, "policy"),
    Wanted("  control, demos alone", ALL_THREE + CONTROL),
)
TABLE_4 = (
    Wanted("Baseline (video refined)", VIDEO, "baseline"),
    Wanted("w/o FI", POLICY + NO_IDENTIFICATION, "without"),
    Wanted("w/ FI", POLICY, "with"),
    Wanted("  control, demos alone", POLICY + CONTROL),
)
TABLE_10 = (
    Wanted("Baseline: HiP", HIP, "baseline"),
    Wanted("  ours: judge in the loop", MOSEL),
    Wanted("+Strengthen Video", VIDEO, "video"),
    Wanted("  control, demos alone", VIDEO + CONTROL),
    Wanted("++Strengthen Policy", POLICY, "policy"),
    Wanted("  control, demos alone", POLICY + CONTROL),
)
_CONTROL_NOTE = (
    "A control starts from the same agent and takes the same number of gradient steps as all "
    "rounds before its row together, on demonstrations alone."
)
_HIP_NOTE = (
    "HiP has the same networks as MOSEL, and no judge that is asked while a skill is carried out."
)


def table_1(source: Source, env_ids: tuple[str, ...]) -> Table:
    """LIBERO-Long."""
    title = "Table 1: success on LIBERO-Long"
    return _success(source, "table1", title, TABLE_1, paper.TABLE_1, env_ids, _HIP_NOTE)


def table_2(source: Source, env_ids: tuple[str, ...]) -> Table:
    """RoboTwin."""
    title = "Table 2: success on RoboTwin's tool-use tasks"
    note = "Refining the plan takes no gradient steps, so that it has no control."
    return _success(source, "table2", title, TABLE_2, paper.TABLE_2, env_ids, _HIP_NOTE, note)


def table_4(source: Source, env_ids: tuple[str, ...]) -> Table:
    """Failure identification."""
    title = "Table 4: refining the policy without and with failure identification (FI)"
    note = "Without FI every skill of every interaction counts as a success."
    return _success(source, "table4", title, TABLE_4, paper.TABLE_4, env_ids, note)


def table_7(source: Source, env_ids: tuple[str, ...]) -> Table:
    """Visual disturbances."""
    lines = []
    for title, key, disturbed in (
        ("Without visual disturbances", "undisturbed", False),
        ("With visual disturbances", "disturbed", True),
    ):
        cells = [
            source.success(POLICY, env_id, paper.TABLE_7[key].get(env_id), disturbed=disturbed)
            for env_id in env_ids
        ]
        lines.append(Line.of(title, _and_mean(cells, env_ids)))
    return Table(
        "table7",
        "Table 7: the final agent without and with visual disturbances",
        (*map(short, env_ids), "mean"),
        tuple(lines),
        (f"Both rows are {POLICY}, on the same seeds.",),
    )


def table_10(source: Source, env_ids: tuple[str, ...], repeats: int) -> Table:
    """Mean and spread over repetitions of the whole improvement."""
    lines, details, compared = [], [], []
    for wanted in TABLE_10:
        cells = []
        for env_id in env_ids:
            found = [
                source.success(wanted.label, env_id, repeat=repeat) for repeat in range(repeats)
            ]
            cells.append(_spread(found, *_published_spread(wanted.published, env_id)))
            told = "; ".join(f"repeat {at}: {c.ours}" for at, c in enumerate(found) if c.ours)
            if told:
                details.append(f"{short(env_id)}, {wanted.label}: {told}")
        lines.append(Line.of(wanted.title, cells))
    for repeat in range(repeats):
        compared += source.against_controls(_pairs(TABLE_10), env_ids, repeat)
    return Table(
        "table10",
        "Table 10: mean and spread over repetitions of the whole improvement",
        tuple(map(short, env_ids)),
        tuple(lines),
        (
            "A repetition has interactions, trial seeds and training seeds of its own. Spread: "
            "population standard deviation; for two repetitions that is half their difference.",
            _CONTROL_NOTE,
            *details,
        ),
        tuple(compared),
        "paper: mean ± spread · ours: mean ± spread (successes/trials of each repetition)",
    )


def _success(
    source: Source,
    name: str,
    title: str,
    wanted: tuple[Wanted, ...],
    published: Mapping[str, Mapping[str, float]],
    env_ids: tuple[str, ...],
    *notes: str,
) -> Table:
    lines = []
    for row in wanted:
        known = {} if row.published is None else published[row.published]
        cells = [source.success(row.label, env_id, known.get(env_id)) for env_id in env_ids]
        lines.append(Line.of(row.title, _and_mean(cells, env_ids)))
    return Table(
        name,
        title,
        (*map(short, env_ids), "mean"),
        tuple(lines),
        (*notes, _CONTROL_NOTE),
        tuple(source.against_controls(_pairs(wanted), env_ids)),
    )


def _and_mean(cells: list[Cell], env_ids: tuple[str, ...]) -> list[Cell]:
    return [*cells, mean_cell(cells, [short(env_id) for env_id in env_ids])]


def _pairs(wanted: tuple[Wanted, ...]) -> list[tuple[str, str]]:
    """Every refined agent with its control, and with what it started from."""
    labels = [row.label for row in wanted]
    pairs = [(label, label + CONTROL) for label in labels if label + CONTROL in labels]
    pairs += [(label, label + NO_IDENTIFICATION) for label in labels
              if label + NO_IDENTIFICATION in labels]  # fmt: skip
    start = MOSEL if MOSEL in labels else labels[0]
    refined = [label for label in labels if label.startswith(f"{MOSEL} +") and "," not in label]
    return pairs + [(label, start) for label in refined if label != start]


def _published_spread(row: str | None, env_id: str) -> tuple[float | None, str]:
    """The paper's mean, and its text with the spread."""
    value = None if row is None else paper.TABLE_10[row].get(env_id)
    if row is None or value is None:
        return None, ""
    return value, f"{value:.3g} ± {paper.TABLE_10_SPREAD[row][env_id]:.3g}"


def _spread(cells: list[Cell], value: float | None, told: str) -> Cell:
    """Mean and population standard deviation of the repetitions that there are."""
    filled = [cell for cell in cells if cell.value is not None]
    if not filled:
        return Cell(told, gap=cells[0].gap if cells else "no repetition", paper_value=value)
    values = [cell.value or 0.0 for cell in filled]
    mean = math.fsum(values) / len(values)
    spread = math.sqrt(math.fsum((one - mean) ** 2 for one in values) / len(values))
    counts = ", ".join(f"{c.rate.successes}/{c.rate.trials}" for c in filled if c.rate)
    text = f"{100 * mean:.0f} % ± {100 * spread:.0f} ({counts})"
    if len(filled) == 1:
        text = f"{100 * mean:.0f} % ({counts}; 1 repetition has no spread)"
    elif len(filled) < len(cells):
        text += f", {len(filled)} of {len(cells)} repetitions"
    rows = tuple(row for cell in filled for row in cell.rows)
    return Cell(told or percent(value), text, value=mean, paper_value=value, rows=rows)
