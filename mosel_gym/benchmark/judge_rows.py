"""One line of JSON for each episode and analyzer: what was asked once is not asked again."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from mosel_gym.benchmark.provenance import plain
from mosel_gym.benchmark.results import JudgedSegment
from mosel_gym.data.atomic import atomic_path
from mosel_gym.data.judge_cost import JudgeCost
from mosel_gym.errors import DamagedFile


@dataclass(frozen=True)
class JudgedRow:
    """An analyzer's word on one episode, beside the truth."""

    key: str
    """Of the episode's contents."""
    spec: str
    """The analyzer as it was asked for."""
    identity: str
    """Differs where the analyzer would judge differently, weights included."""
    file: str
    demo: str = ""
    task: str = ""
    source: str = ""
    """Renderer and assets."""
    status: Literal["ok", "error"] = "ok"
    """An error is no verdict: it leaves the rates, is counted beside them, and is asked again."""
    error: str = ""
    analyzer: str = ""
    privileged: bool = False
    hints: bool = False
    """Whether the analyzer was given a person's hints for this task."""
    judged: bool | None = None
    """Whether the analyzer says that every sub-goal of the plan was reached."""
    truth: bool | None = None
    """PRIVILEGED: `Episode.success`, the simulator's verdict; None = not recorded."""
    verdicts: tuple[JudgedSegment, ...] = ()
    fault: str = ""
    failed_skill: str | None = None
    rationale: str = ""
    cost: JudgeCost = field(default_factory=JudgeCost)


class RowStore:
    """The rows of one folder, in `judged.jsonl`.

    Each row is written out before the next question is asked, so that a killed run loses at most
    the answer that was under way.

    Args:
        path: The file; made if missing.

    Raises:
        DamagedFile: A line is no such row. The last line of a killed run may be half; it is
            dropped.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._rows: dict[tuple[str, str, str], JudgedRow] = {}
        text = self.path.read_text(encoding="utf-8") if self.path.exists() else ""
        whole = text.endswith("\n")
        lines = text.splitlines()
        for number, line in enumerate(lines, start=1):
            try:
                row = _row(json.loads(line))
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                if number == len(lines) and not whole:
                    continue  # half a line
                raise DamagedFile(
                    f"{self.path}, line {number}: no judged row ({error})."
                ) from error
            self._rows[row.key, row.spec, row.identity] = row
        if len(self._rows) < len(lines) or (lines and not whole):
            self._write_all()

    def done(self, key: str, spec: str, identity: str) -> bool:
        """Whether this very analyzer has judged this very episode."""
        row = self._rows.get((key, spec, identity))
        return row is not None and row.status == "ok"

    def add(self, row: JudgedRow) -> None:
        """Store a row; an older one of the same episode and analyzer gives way.

        Those of the same analyzer with other settings stay: they may be asked for again.
        """
        self._rows[row.key, row.spec, row.identity] = row
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(plain(row)) + "\n")

    def rows(self, wanted: Callable[[JudgedRow], bool]) -> list[JudgedRow]:
        """The rows that are wanted, in the order of their first judgement."""
        return [row for row in self._rows.values() if wanted(row)]

    def _write_all(self) -> None:
        with atomic_path(self.path) as draft:
            text = "".join(json.dumps(plain(row)) + "\n" for row in self._rows.values())
            draft.write_text(text, encoding="utf-8")


def _row(content: dict[str, Any]) -> JudgedRow:
    verdicts = tuple(JudgedSegment(**verdict) for verdict in content.pop("verdicts"))
    cost = JudgeCost(**content.pop("cost"))
    return JudgedRow(**content, verdicts=verdicts, cost=cost)
