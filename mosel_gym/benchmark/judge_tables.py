"""Tables 8 and 9 of the paper (G.2): what an analyzer is worth, by task and over all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from mosel_gym.benchmark.judge_rows import JudgedRow
from mosel_gym.benchmark.metrics import Confusion, confusion
from mosel_gym.benchmark.tables import table
from mosel_gym.data.judge_cost import JudgeCost

Level = Literal["episode", "skill"]
ALL = "all tasks"
_DRAWS = 2000
_HEADER = ("accuracy", "precision", "recall", "F1 [95 %]", "TP", "FP", "FN", "TN", "n", "left out")


@dataclass(frozen=True)
class Score:
    """An analyzer against the truth, on one task or on all tasks of one source."""

    spec: str
    """The analyzer as it was asked for."""
    analyzer: str
    """Its own name."""
    source: str
    """Renderer and assets."""
    task: str
    privileged: bool
    confusion: Confusion
    f1_low: float | None
    f1_high: float | None
    """95 % interval, by drawing episodes with replacement; None without any positive."""
    episodes: int
    """Judged ones whose truth is known."""
    unknown: int
    """Judged ones whose truth nobody recorded; they are in no rate."""
    errors: int
    """Episodes on which the analyzer failed; they are in no rate."""
    cost: JudgeCost
    """Of all judged episodes."""
    failed_usd: float
    """Of the episodes on which the analyzer failed: their answers were paid for as well."""

    @property
    def judged(self) -> int:
        """Episodes with a verdict."""
        return self.episodes + self.unknown

    def to_plain(self) -> dict[str, Any]:
        """For a JSON file."""
        return {**asdict(self), "confusion": self.confusion.to_plain(), "judged": self.judged}


def score(rows: Sequence[JudgedRow], level: Level, task: str) -> Score:
    """Rates over some rows of one analyzer and one source; success is the positive class.

    Args:
        rows: At least one.
        level: "episode" compares whole verdicts, "skill" those on single skills.
        task: For the label.
    """
    judged = [row for row in rows if row.status == "ok"]
    pairs = [_pairs(row, level) for row in judged]
    known = [found for found in pairs if found]
    counts = [confusion(found) for found in known]
    low, high = f1_interval(counts)
    return Score(
        spec=rows[0].spec,
        analyzer=next((row.analyzer for row in judged), rows[0].spec),
        source=rows[0].source,
        task=task,
        privileged=any(row.privileged for row in rows),
        confusion=confusion(pair for found in known for pair in found),
        f1_low=low,
        f1_high=high,
        episodes=len(known),
        unknown=len(judged) - len(known),
        errors=len(rows) - len(judged),
        cost=sum((row.cost for row in judged), JudgeCost()),
        failed_usd=sum(row.cost.usd for row in rows if row.status == "error"),
    )


def scores(rows: Sequence[JudgedRow], level: Level) -> list[Score]:
    """By analyzer, source and task; where a source has several tasks, one pooled row after them."""
    found: list[Score] = []
    rows = [row for row in rows if row.source]  # files that could not be read have none
    for spec in dict.fromkeys(row.spec for row in rows):
        for source in dict.fromkeys(row.source for row in rows if row.spec == spec):
            here = [row for row in rows if (row.spec, row.source) == (spec, source)]
            tasks = list(dict.fromkeys(row.task for row in here))
            for task in sorted(tasks):
                found.append(score([row for row in here if row.task == task], level, task))
            if len(tasks) > 1:
                found.append(score(here, level, ALL))
    return found


def overall(found: Sequence[Score]) -> list[Score]:
    """One row for each analyzer and source: the pooled one, or that of its only task."""
    last: dict[tuple[str, str], Score] = {}
    for row in found:
        last[row.spec, row.source] = row  # the pooled row comes last
    return list(last.values())


def f1_interval(
    counts: Sequence[Confusion], seed: int = 0, draws: int = _DRAWS
) -> tuple[float | None, float | None]:
    """95 % interval of F1 by the bootstrap, drawing whole episodes.

    Skills of one episode succeed and fail together, so that they are not drawn singly.

    Args:
        counts: One for each episode.
        seed: Of the draws; the same counts give the same interval.
        draws: Number of resampled sets.
    """
    if not counts:
        return None, None
    table8 = np.array([[c.true_positives, c.false_positives, c.false_negatives] for c in counts])
    times = np.random.default_rng(seed).multinomial(
        len(counts), np.full(len(counts), 1 / len(counts)), draws
    )
    positive, wrong, missed = (times @ table8).T
    whole = 2 * positive + wrong + missed
    values = 2 * positive[whole > 0] / whole[whole > 0]
    if len(values) == 0:
        return None, None
    low, high = np.quantile(values, (0.025, 0.975)).tolist()
    return low, high


def table_8(found: Sequence[Score], render: Callable[..., str] = table) -> str:
    """One block for each analyzer and source, one line a task."""
    blocks = []
    for key in dict.fromkeys((row.spec, row.source) for row in found):
        rows = [row for row in found if (row.spec, row.source) == key]
        mark = ", PRIVILEGED" if rows[0].privileged else ""
        cells = [[row.task, *_cells(row)] for row in rows]
        blocks.append(f"{key[0]}{mark}, on {key[1]}\n\n{render(['task', *_HEADER], cells)}")
    return "\n\n".join(blocks)


def table_9(found: Sequence[Score], render: Callable[..., str] = table) -> str:
    """One line for each analyzer and source, with what it costs."""
    header = ["analyzer", "episodes from", *_HEADER, "USD/episode", "USD in all", "s/episode"]
    cells = [
        [
            f"{row.spec}{' (PRIVILEGED)' if row.privileged else ''}",
            row.source,
            *_cells(row),
            *_money(row),
            f"{row.cost.seconds / row.judged:.2f}" if row.judged else "–",
        ]
        for row in overall(found)
    ]
    return render(header, cells)


def markdown(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [list(header), ["---"] * len(header), *([str(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)


def _pairs(row: JudgedRow, level: Level) -> list[tuple[bool, bool]]:
    if level == "skill":
        return [(v.judged, v.truth) for v in row.verdicts if v.truth is not None]
    known = row.judged is not None and row.truth is not None
    return [(bool(row.judged), bool(row.truth))] if known else []


def _cells(row: Score) -> list[object]:
    counts = row.confusion
    f1 = "–"
    if row.f1_low is not None and row.f1_high is not None:
        f1 = f"{counts.f1:.2f} [{row.f1_low:.2f}, {row.f1_high:.2f}]"
    four = asdict(counts).values()
    left = [f"{row.unknown} without truth"] * (row.unknown > 0)
    left += [f"{row.errors} errors"] * (row.errors > 0)
    return [
        counts.accuracy,
        counts.precision,
        counts.recall,
        f1,
        *four,
        sum(four),
        ", ".join(left) or "0",
    ]


def _money(row: Score) -> tuple[str, str]:
    cost = row.cost
    if cost.usd + row.failed_usd == 0.0 and cost.calls:
        return "price not known", "price not known"
    return f"{cost.usd / row.judged:.4f}" if row.judged else "–", f"{cost.usd + row.failed_usd:.2f}"


def plain_scores(found: Sequence[Score]) -> list[Mapping[str, Any]]:
    """For a JSON file."""
    return [row.to_plain() for row in found]
