"""A chat model whose provider's answers are written down; the repair loop is the real one."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from mosel_gym.llm.chat import Answer, AnswerT, Usage, checked_answer
from mosel_gym.llm.messages import Image, Message, Text, Video

Scripted = str | Mapping[str, Any] | Exception


class ScriptedChat:
    """Gives the answers one after the other, and remembers what it was asked."""

    def __init__(self, *answers: Scripted, name: str = "scripted:test") -> None:
        self.name = name
        self.usage = Usage()
        self.answers = list(answers)
        self.asked: list[list[Message]] = []
        self.schemas: list[type[BaseModel]] = []

    def complete(
        self,
        messages: Sequence[Message],
        schema: type[AnswerT],
        check: Callable[[AnswerT], None] | None = None,
    ) -> AnswerT:
        self.schemas.append(schema)
        return checked_answer(self._ask, messages, schema, check, self.name)

    def _ask(self, messages: Sequence[Message]) -> Answer:
        self.asked.append(list(messages))
        self.usage += Usage(calls=1, input_tokens=10, output_tokens=5)
        assert self.answers, "the model was asked more often than the test foresees"
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        text = answer if isinstance(answer, str) else json.dumps(answer)
        return Answer(text, Usage(calls=1))

    def text(self, call: int = -1) -> str:
        """All words of one call."""
        parts = [part for message in self.asked[call] for part in message.parts]
        return "\n".join(part.text for part in parts if isinstance(part, Text))

    def pictures(self, call: int = -1) -> list[Image | Video]:
        """All pictures and clips of one call."""
        parts = [part for message in self.asked[call] for part in message.parts]
        return [part for part in parts if not isinstance(part, Text)]


def plan_answer(*skills: str, **fields: str) -> dict[str, Any]:
    """A planner's answer."""
    thoughts = dict.fromkeys(("scene", "targets", "order"), "seen") | {"reasoning": "It works."}
    return {**thoughts, **fields, "skills": list(skills)}


def attempt(number: int, reached: bool = True, **fields: Any) -> dict[str, Any]:
    """One row of step (a)."""
    row = {
        "attempt": number,
        "seen": "The gripper moves.",
        "evidence": [1] if reached else [],
        "reached": reached,
        "holds_at_end": reached,
        "undone_by": 0,
        "reason": "It looks so.",
        "confidence": 0.8,
    }
    return row | fields


def judged(*rows: dict[str, Any], goal: bool = True) -> dict[str, Any]:
    """An answer of step (a)."""
    return {"attempts": list(rows), "goal_reached": goal, "goal_reason": "The end shows it."}


def failure(plan: bool, failed: int, reason: str = "It slipped.", advice: str = "Take care."):
    """An answer of step (b)."""
    return {
        "what_happened": "Something went wrong.",
        "plan_at_fault": plan,
        "failed_attempt": failed,
        "reason": reason,
        "advice": advice,
    }
