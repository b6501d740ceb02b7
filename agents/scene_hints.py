"""Hints that a person gives to a model about a scene: human input, which results have to admit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Given = str | Mapping[str, str]
"""One text for every task, or task id -> text."""


@dataclass(frozen=True)
class SceneHints:
    """What to say about which task; empty by default."""

    given: Given = ""

    def of(self, task_id: str) -> list[str]:
        """The hints for a task as a list: of one text, or empty."""
        text = self.given if isinstance(self.given, str) else self.given.get(task_id, "")
        return [text.strip()] if text.strip() else []

    def used(self, task_id: str) -> bool:
        """Whether a result for this task rests on human input."""
        return bool(self.of(task_id))

    def plain(self) -> str | dict[str, str]:
        """What was given, as plain data for a file."""
        return self.given if isinstance(self.given, str) else dict(self.given)
