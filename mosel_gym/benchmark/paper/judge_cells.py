"""Tables 8 and 9, from rows: what a judge says of interactions against the truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from mosel_gym.benchmark.judge_tables import f1_interval
from mosel_gym.benchmark.metrics import confusion
from mosel_gym.benchmark.paper import published as paper
from mosel_gym.benchmark.paper.cells import Cell, Line, Table, percent
from mosel_gym.benchmark.paper.labels import INTERACTIONS, JUDGED, short, with_purpose
from mosel_gym.benchmark.paper.source import Source
from mosel_gym.benchmark.paper.success_tables import POLICY, VIDEO
from mosel_gym.benchmark.rows import Row, check_pool
from mosel_gym.errors import SpecMismatch
from mosel_gym.llm.choose import looks_like_model

_NAMES = ("accuracy", "precision", "recall", "f1")
_HEADER = ("accuracy", "precision", "recall", "F1 [95 %]")
_NOTE = (
    "Verdicts on whole interactions against the simulator's; positive: success. The interval of F1 "
    "is a bootstrap over interactions."
)
_WHOSE = f"The interactions are those of {VIDEO}, from which the policy round learns."
OWN = "agent's own judge"


def judge_name(spec: str) -> str:
    """An analyzer as tables name it: without the address of a server."""
    return spec.partition("@")[0]


def table_8(source: Source, env_ids: tuple[str, ...]) -> Table:
    """The agent's own judge, and what became of the round that it judged."""
    lines = []
    for env_id in env_ids:
        known = paper.TABLE_8.get(env_id, {})
        rows = with_purpose(source.rows, INTERACTIONS, VIDEO, env_id)
        cells = judged_cells(rows, known, source.missing(VIDEO, env_id, what=INTERACTIONS))
        cells.append(source.success(POLICY, env_id, known.get("success")))
        lines.append(Line.of(short(env_id), cells))
    return Table(
        "table8",
        "Table 8: failure identification and the success after refinement",
        (*_HEADER, "success after refinement"),
        tuple(lines),
        (_NOTE, _WHOSE, "The paper's judge is GPT-4.1; ours is named below as video analyzer."),
        unit="paper · ours: share with counts [Wilson 95 %]",
    )


def table_9(source: Source, env_ids: tuple[str, ...], judges: Sequence[str]) -> Table:
    """Other judges on the same interactions."""
    lines = []
    models = [spec for spec in judges if looks_like_model(spec)]
    for spec in (*judges, *(() if models else ("an open video model",))):
        name, missing = judge_name(spec), spec not in judges
        for env_id in env_ids:
            known = paper.TABLE_9.get(env_id, {}) if spec in models or missing else {}
            gap = source.missing(f"{VIDEO} judged by {name}", env_id, what=JUDGED)
            if missing:
                gap = _no_model
            rows = with_purpose(source.rows, JUDGED, VIDEO, env_id, by=name)
            lines.append(Line.of(f"{name}, {short(env_id)}", judged_cells(rows, known, gap)))
    for env_id in env_ids:
        rows = with_purpose(source.rows, INTERACTIONS, VIDEO, env_id)
        gap = source.missing(VIDEO, env_id, what=INTERACTIONS)
        lines.append(Line.of(f"{OWN}, {short(env_id)}", judged_cells(rows, {}, gap)))
    return Table(
        "table9",
        "Table 9: other judges on the same interactions",
        _HEADER,
        tuple(lines),
        (_NOTE, _WHOSE, "The paper's numbers are those of Qwen-2.5-72B-Instruct."),
        unit="paper · ours: share with counts [Wilson 95 %]",
    )


def judged_cells(
    rows: Sequence[Row], known: Mapping[str, float], gap: Callable[[], str]
) -> list[Cell]:
    """Accuracy, precision, recall and F1 of the verdicts in some rows."""
    fine = [
        row
        for row in rows
        if row.status == "ok" and row.success is not None and row.judged_success is not None
    ]
    told = [percent(known.get(name)) for name in _NAMES]
    try:
        check_pool(fine)
    except SpecMismatch as error:
        return [Cell(paper_text, gap=f"not counted: {error}") for paper_text in told]
    if not fine:
        broken = [row.error for row in rows if row.error]
        why = f"{len(broken)} were not judged: {broken[0]}" if broken else gap()
        return [Cell(paper_text, gap=why) for paper_text in told]
    pairs = [(bool(row.judged_success), row.success) for row in fine]
    counts = confusion(pairs)
    rates = (counts.accuracy, counts.precision, counts.recall)
    none = ("", "the judge called none a success", "no interaction was a success")
    cells = [
        Cell(text, str(rate) if rate.trials else "", "" if rate.trials else why, rate=rate)
        for text, rate, why in zip(told, rates, none, strict=False)
    ]
    low, high = f1_interval([confusion([pair]) for pair in pairs])
    f1 = Cell(told[3], gap="no success, neither judged nor true")
    if low is not None and high is not None:
        f1 = Cell(told[3], f"{counts.f1:.2f} [{low:.2f}, {high:.2f}]", value=counts.f1)
    first, *others = [*cells, f1]
    return [
        Cell(first.paper, first.ours, first.gap, rate=first.rate, rows=tuple(fine)),
        *others,
    ]


def _no_model() -> str:
    return (
        "no foundation model was named; `mosel bench table9 --judges pixel "
        "openai-compatible:MODEL@URL` asks one"
    )
