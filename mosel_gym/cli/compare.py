"""`mosel compare`."""

from __future__ import annotations

from pathlib import Path

from mosel_gym.benchmark.comparing import paired_text, rates_text
from mosel_gym.benchmark.rows import RESULTS, read_rows
from mosel_gym.benchmark.specs import env_ids


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
    wanted = set(env_ids(tasks))
    found = [
        row
        for row in read_rows(rows)
        if (not wanted or row.env_id in wanted) and (not agents or row.agent in agents)
    ]
    print(f"{rates_text(found)}\n\n{paired_text(found)}")
