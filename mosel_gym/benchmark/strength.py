"""Success before and after improvement beside its goals, from stored rows alone.

Before, control and after are tried on the same start scenes. What is missing is a gap with its
reason: nothing is filled in, and a goal that was tried on fewer scenes is neither reached nor not.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mosel_gym.benchmark.comparing import compare_rows
from mosel_gym.benchmark.metrics import Comparison, mcnemar_exact, rate
from mosel_gym.benchmark.paper.cells import DASH, Cell, percent, success_cell
from mosel_gym.benchmark.paper.labels import short, trials
from mosel_gym.benchmark.rows import Row
from mosel_gym.benchmark.strength_goals import (
    GROUPS,
    MOST_ROUNDS,
    PAPER_AFTER,
    PAPER_BEFORE,
    SEEDS,
    Arm,
    ArmKind,
    Group,
    arm_of,
)
from mosel_gym.benchmark.tables import table
from mosel_gym.errors import SpecMismatch

ARMS: tuple[ArmKind, ...] = ("base", "control", "after")


@dataclass(frozen=True)
class Strength:
    """The rows, and what a cell of the table is made of."""

    rows: tuple[Row, ...]

    def last_round(self, group: Group) -> int:
        """The last round of which the group's suite has rows, up to `MOST_ROUNDS`; 0 = none.

        Of the suite, not of each task: it is one agent that must reach the goals.
        """
        suite = group.tasks[0].rpartition("-")[0]
        arms = (arm_of(row.agent) for row in self.rows if row.env_id.startswith(f"{suite}-"))
        found = [arm.round for arm in arms if arm and arm.kind == "after" and not arm.variant]
        return max((number for number in found if number <= MOST_ROUNDS), default=0)

    def trials(self, arm: Arm, env_id: str) -> list[Row]:
        """Rows of the held-out scenes of one cell."""
        return [row for row in trials(self.rows, arm.label, env_id) if row.seed in SEEDS]

    def cell(self, arm: Arm, env_id: str, paper: float | None = None) -> Cell:
        """Success of an arm on a task."""
        if arm.kind != "base" and not arm.round:
            return Cell(percent(paper), gap="no round of improvement has rows", paper_value=paper)
        return success_cell(
            self.trials(arm, env_id), paper, lambda: f"no row labelled {arm.label!r}"
        )

    def compared(self, first: Arm, second: Arm, env_ids: Iterable[str]) -> Comparison | None:
        """Two arms on the scenes that they share, over some tasks; None if there are none."""
        found = []
        for env_id in env_ids:
            a, b = self.trials(first, env_id), self.trials(second, env_id)
            try:
                found.append(compare_rows(first.label, second.label, a, b))
            except SpecMismatch:  # the cell says so
                continue
        gained, lost = sum(one.gained for one in found), sum(one.lost for one in found)
        pairs = sum(one.pairs for one in found)
        if not pairs:
            return None
        p_value = mcnemar_exact(gained, lost)
        return Comparison(first.label, second.label, gained, lost, pairs, p_value)


@dataclass
class Gaps:
    """Reasons, numbered as they come."""

    reasons: list[str]

    def text(self, cell: Cell) -> str:
        """Ours, or a dash with the number of its reason."""
        if cell.ours:
            count = cell.rate.trials if cell.rate else len(SEEDS)
            short_of = f" ({count} of {len(SEEDS)} scenes)" if count < len(SEEDS) else ""
            return cell.ours + short_of
        if cell.gap not in self.reasons:
            self.reasons.append(cell.gap)
        return f"{DASH} [{self.reasons.index(cell.gap) + 1}]"


def group_text(strength: Strength, group: Group, gaps: Gaps) -> str:
    """The lines of one group: its table, and the paired tests below."""
    number = strength.last_round(group)
    arms = {kind: Arm(kind, 0 if kind == "base" else number) for kind in ARMS}
    rows: list[list[object]] = []
    cells: dict[ArmKind, list[Cell]] = {kind: [] for kind in ARMS}
    for env_id in group.tasks:
        for kind, arm in arms.items():
            cells[kind].append(strength.cell(arm, env_id))
        after = cells["after"][-1]
        rows.append(
            [
                short(env_id),
                percent(PAPER_BEFORE.get(env_id)) or DASH,
                percent(PAPER_AFTER.get(env_id)) or DASH,
                *(gaps.text(cells[kind][-1]) for kind in ARMS),
                group.goal,
                _word(_complete(after), after.value is not None and group.reached(after.value)),
            ]
        )
    rows.append(_mean_line(group, cells))
    heads = ["task", "paper before", "paper after", "before", "control", "after", "goal", "reached"]
    name = f"after round {number}, at most {MOST_ROUNDS}" if number else "no round has rows"
    lines = [f"{group.title} ({name})", table(heads, rows)]
    return "\n".join([*lines, *_tests(strength, group, arms)])


def _mean_line(group: Group, cells: dict[ArmKind, list[Cell]]) -> list[object]:
    goal = DASH if group.mean is None else f">= {group.mean:.2f}"
    after = cells["after"]
    complete = all(map(_complete, after))
    value = math.fsum(cell.value or 0.0 for cell in after) / len(after)
    reached = group.mean is None or value >= group.mean
    return [
        "mean",
        _paper_mean(group, PAPER_BEFORE),
        _paper_mean(group, PAPER_AFTER),
        *(_mean(cells[kind]) for kind in ARMS),
        goal,
        DASH if group.mean is None else _word(complete, reached),
    ]


def _mean(cells: Sequence[Cell]) -> str:
    """Mean over the filled tasks; the interval is that of all their scenes together."""
    filled = [cell for cell in cells if cell.value is not None and cell.rate is not None]
    if not filled:
        return DASH
    rates = [cell.rate for cell in filled if cell.rate is not None]
    mean = math.fsum(one.value for one in rates) / len(rates)
    text = f"{100 * mean:.0f} %"
    if len({one.trials for one in rates}) == 1:  # then the mean is the share of all scenes
        pooled = rate(sum(one.successes for one in rates), sum(one.trials for one in rates))
        text += f" [{100 * pooled.low:.0f}, {100 * pooled.high:.0f}]"
    return text if len(filled) == len(cells) else f"{text} over {len(filled)} of {len(cells)} tasks"


def _paper_mean(group: Group, known: Mapping[str, float]) -> str:
    values = [known[env_id] for env_id in group.tasks if env_id in known]
    return percent(math.fsum(values) / len(values)) if values else DASH


def _complete(cell: Cell) -> bool:
    """Whether every held-out scene was tried."""
    return cell.rate is not None and cell.rate.trials >= len(SEEDS)


def _word(complete: bool, reached: bool) -> str:
    if not complete:
        return "not known"
    return "yes" if reached else "NO"


def _tests(strength: Strength, group: Group, arms: dict[ArmKind, Arm]) -> list[str]:
    """After against control and before, task by task and over the group."""
    lines = []
    others: tuple[ArmKind, ...] = ("control", "base")
    for other in others:
        pair = (arms["after"], arms[other])
        for env_id in group.tasks:
            found = strength.compared(*pair, [env_id])
            if found is not None:
                lines.append(f"  {short(env_id)}: {found}")
        found = strength.compared(*pair, group.tasks)
        if found is not None:
            lines.append(f"  all: {found}")
    return ["Paired by seed (exact McNemar):", *lines] if lines else []


def groups_text(strength: Strength) -> str:
    """All groups, and the reasons of their gaps."""
    gaps = Gaps([])
    parts = [group_text(strength, group, gaps) for group in GROUPS]
    if gaps.reasons:
        told = [f"[{at}] {reason}" for at, reason in enumerate(gaps.reasons, start=1)]
        parts.append("\n".join(["Gaps, which are never filled:", *told]))
    return "\n\n".join(parts)
