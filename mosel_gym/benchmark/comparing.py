"""Agents beside each other, from rows: rates by task, and paired tests on shared seeds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations

from mosel_gym.benchmark.metrics import Comparison, compare
from mosel_gym.benchmark.rows import Row, check_pool, rate_of
from mosel_gym.benchmark.tables import table
from mosel_gym.errors import SpecMismatch

Arm = tuple[str, int, int, str]
"""Label, round, repeat and conditions of an agent: what one line of a comparison is."""


def rates_text(rows: Sequence[Row]) -> str:
    """Success of every agent on every task; one line for each set of conditions.

    Raises:
        SpecMismatch: Rows of one cell must not be pooled.
    """
    tasks = list(dict.fromkeys(row.env_id for row in rows))
    arms = _arms(rows)
    names = _names(arms)
    lines: list[list[object]] = []
    for arm, found in arms.items():
        cells: list[object] = []
        for task in tasks:
            here = [row for row in found if row.env_id == task]
            cells.append(rate_of(here, f"{names[arm]} on {task}") if here else "–")
        lines.append([names[arm], *cells, sum(row.status == "error" for row in found)])
    header = ["success, first hit", *(task.removeprefix("MOSEL-") for task in tasks), "broken"]
    told = [line for arm, found in arms.items() for line in given_lines(names[arm], found)]
    privileged = dict.fromkeys(
        names[arm] for arm, found in arms.items() if any(row.privileged_agent for row in found)
    )
    told += [f"{name}: PRIVILEGED, it acts on simulator truth" for name in privileged]
    return "\n".join([table(header, lines), *told])


def paired_text(rows: Sequence[Row], first: Iterable[Row] = ()) -> str:
    """Exact McNemar tests of agents on the same seeds of the same task.

    Only rows that were run the same way are paired: protocol, renderer, assets and conditions.

    Args:
        rows: Of any agents.
        first: If given, only the agents of these rows are compared with the others.
    """
    arms = _arms(rows)
    names = _names(arms)
    mine = {_arm(row) for row in first}
    lines = []
    for a, b in combinations(arms, 2):
        if mine and a not in mine and b not in mine:
            continue
        if mine and a not in mine:
            a, b = b, a
        lines += _paired(names[a], names[b], arms[a], arms[b])
    if not lines:
        return "No two agents have run on the same seeds of the same task in the same way."
    return "\n".join(["Paired by seed (exact McNemar):", *lines])


def given_lines(name: str, rows: Iterable[Row]) -> list[str]:
    """What an agent was given to learn from; task by task where that differs."""
    given: dict[str, list[str]] = {}
    for row in rows:
        tasks = given.setdefault(row.information, [])
        if row.env_id not in tasks:
            tasks.append(row.env_id)
    alone = len(given) == 1
    return [
        f"{name}{'' if alone else _on(tasks)} was given: {text}"
        for text, tasks in given.items()
        if text
    ]


def _on(tasks: Sequence[str]) -> str:
    return f" on {', '.join(task.removeprefix('MOSEL-') for task in tasks)}"


def compare_rows(first: str, second: str, a: Sequence[Row], b: Sequence[Row]) -> Comparison:
    """First hits of two agents on the seeds that they share, run in the same way.

    Raises:
        SpecMismatch: The rows of one of them must not be pooled, as those of two versions of it.
    """
    check_pool(a, first)
    check_pool(b, second)
    others = {_episode(row): row.success for row in b if row.status == "ok"}
    pairs = [
        (row.success, others[_episode(row)])
        for row in a
        if row.status == "ok" and _episode(row) in others
    ]
    return compare(first, second, pairs)


def _paired(name: str, other: str, a: Sequence[Row], b: Sequence[Row]) -> list[str]:
    lines = []
    for task in dict.fromkeys(row.env_id for row in a):
        here = [row for row in a if row.env_id == task]
        there = [row for row in b if row.env_id == task]
        try:
            found = compare_rows(name, other, here, there)
        except SpecMismatch as error:  # never pooled; the other pairs still stand
            lines.append(
                f"  {task.removeprefix('MOSEL-')}: {name} vs {other}: not counted: {error}"
            )
            continue
        if found.pairs:
            lines.append(f"  {task.removeprefix('MOSEL-')}: {found}")
    return lines


def _episode(row: Row) -> tuple[str, ...]:
    """The same for two rows whose robots saw the same start in the same setting."""
    pool = row.pool
    names = ("env_id", "protocol", "renderer", "assets", "conditions")
    return (*(pool[name] for name in names), str(row.seed))


def _arm(row: Row) -> Arm:
    return row.agent, row.round, row.repeat, row.pool["conditions"]


def _arms(rows: Iterable[Row]) -> dict[Arm, list[Row]]:
    found: dict[Arm, list[Row]] = {}
    for row in rows:
        found.setdefault(_arm(row), []).append(row)
    return found


def _names(arms: Iterable[Arm]) -> dict[Arm, str]:
    """Labels, with round, repeat or conditions where they are needed to tell agents apart."""
    arms = list(arms)
    names = {}
    for arm in arms:
        label, round, repeat, conditions = arm
        same = [other for other in arms if other[0] == label and other != arm]
        name = label
        if any(other[1] != round for other in same):
            name += f", round {round}"
        if any(other[2] != repeat for other in same):
            name += f", repeat {repeat}"
        if any(other[3] != conditions and other[1:3] == arm[1:3] for other in same):
            name += f", {conditions}"
        names[arm] = name
    return names
