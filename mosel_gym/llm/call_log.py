"""One line of JSON for each call: what it cost and how it ended, never what was said."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

Outcome = Literal["ok", "bad_answer", "refused", "unavailable", "key", "error"]


@dataclass
class CallRecord:
    """A line of the log."""

    time: str
    """UTC, ISO 8601."""
    model: str
    schema: str
    """Name of the answer's schema."""
    attempt: int
    """1, or 2 for a repair."""
    cached: bool
    pictures: int
    """Pictures and video frames handed over; the provider may send fewer of the latter."""
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None
    """None where no price is known."""
    seconds: float = 0.0
    outcome: Outcome = "error"


class CallLog:
    """Appends to a file, one write a line, so that threads and processes can share it.

    Args:
        path: None writes nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()  # a wrong place is known before any call

    def write(self, record: CallRecord) -> None:
        """Append one line."""
        if self._path is None:
            return
        line = (json.dumps(asdict(record)) + "\n").encode()
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(file, line)
        finally:
            os.close(file)
