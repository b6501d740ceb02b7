"""`mosel compare`."""

from __future__ import annotations

from pathlib import Path

from mosel_gym.benchmark.comparing import paired_text, rates_text
from mosel_gym.benchmark.rows import RESULTS, read_rows
from mosel_gym.benchmark.specs import env_ids
from mosel_gym.errors import NotEnoughData, UnknownId


def main(
    rows: tuple[Path, ...] = (RESULTS / "eval.jsonl",),
    tasks: tuple[str, ...] = (),
    agents: tuple[str, ...] = (),
) -> None:
    """Compare agents from the rows that `mosel eval` wrote: rates by task, tests paired by seed.

    Rows of two protocols, renderers, asset packs or versions of an agent are never pooled.

    Args:
        rows: Files of JSON lines, or folders of them.
        tasks: Only these ids, numbers of LIBERO-Long tasks, or suites; none named = all.
        agents: Only agents with these labels; none named = all.
    """
    wanted, known = set(env_ids(tasks)), read_rows(rows)
    labels = dict.fromkeys(row.agent for row in known)
    if unknown := [name for name in agents if name not in labels]:
        raise UnknownId(
            f"No row has the label {', '.join(map(repr, unknown))}. In {_told(rows)} there are "
            f"{', '.join(map(repr, labels)) or 'none at all; `mosel eval` writes rows'}."
        )
    found = [
        row
        for row in known
        if (not wanted or row.env_id in wanted) and (not agents or row.agent in agents)
    ]
    if not found:
        there = ", ".join(dict.fromkeys(row.env_id for row in known))
        raise NotEnoughData(
            f"{_told(rows)} holds no row of these tasks; there are rows of {there}."
            if known
            else f"{_told(rows)} holds no row. `mosel eval` writes rows."
        )
    print(f"{rates_text(found)}\n\n{paired_text(found)}")


def _told(rows: tuple[Path, ...]) -> str:
    return ", ".join(map(str, rows))
