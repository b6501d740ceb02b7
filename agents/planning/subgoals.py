"""Sub-goals, section 3.4: for each skill the sentence that a camera can check.

The shipped `subgoals.json` has one line for each skill of the task tables. A person corrects a
sentence in a file of their own, which comes first. A skill that neither file knows is asked of a
model once, and the answer is written to that file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path

from pydantic import BaseModel

from mosel_gym.agents.prompts import quoted, render
from mosel_gym.data.atomic import atomic_path
from mosel_gym.errors import DamagedFile
from mosel_gym.llm.chat import ChatModel
from mosel_gym.llm.messages import Image, Part, system, user
from mosel_gym.types import Frame, Skill

MAX_WORDS = 30
"""A longer sentence is more than one thing to check."""


class SubgoalRow(BaseModel):
    """One skill and its sentence."""

    skill: str
    subgoal: str


class SubgoalsAnswer(BaseModel):
    """A sentence for every skill that was asked about."""

    rows: list[SubgoalRow]


class SubgoalBook:
    """Looks up sub-goals: the user's file, the shipped file, a model, then the skill's own words.

    Non-obvious behaviour:
        - The user's file is read when the book is made, and read again before it is written, so
          that two processes that share it lose nothing but a repeated question.
        - Without a file, a model's answers are kept in memory, for as long as the book lives.

    Args:
        path: The user's file; it need not exist.
        model: Asked about unknown skills; None = never ask.
        own: Sentences that come before all others, skill text -> sub-goal.

    Raises:
        DamagedFile: The file is not a JSON object of texts; names its path.
    """

    def __init__(
        self,
        path: str | Path | None = None,
        model: ChatModel | None = None,
        *,
        own: Mapping[str, str] | None = None,
    ) -> None:
        self.path = None if path is None else Path(path)
        self.model = model
        self.own: dict[str, str] = {**self._read(), **(own or {})}
        """What is not shipped: the user's corrections, and the model's answers."""

    def of(self, skill: Skill | str, frame: Frame | None = None) -> str:
        """The sub-goal of one skill; see `of_all`."""
        skill = Skill(skill, skill) if isinstance(skill, str) else skill
        return self.of_all([skill], frame)[skill.text]

    def of_all(self, skills: Sequence[Skill], frame: Frame | None = None) -> dict[str, str]:
        """Skill text -> sub-goal, with at most one call for all that no file knows.

        Args:
            skills: Texts, and the sub-goals that are used where nothing better is known.
            frame: The scene, uint8 `[H, W, 3]`, for the model to look at.

        Raises:
            ModelError: The model was asked and gave no usable answer.
        """
        known = shipped_subgoals() | self.own
        unknown = [skill for skill in skills if skill.text not in known]
        if unknown and self.model is not None:
            known |= self._ask(self.model, list(dict.fromkeys(s.text for s in unknown)), frame)
        return {skill.text: known.get(skill.text, skill.subgoal) for skill in skills}

    def _ask(self, model: ChatModel, skills: list[str], frame: Frame | None) -> dict[str, str]:
        def check(answer: SubgoalsAnswer) -> None:
            said = [row.skill for row in answer.rows]
            if sorted(said) != sorted(skills):
                raise ValueError(
                    f"The skills of the answer are {said}; each of "
                    f"[{', '.join(map(quoted, skills))}] is needed once, letter by letter."
                )
            for row in answer.rows:
                if not 1 <= len(row.subgoal.split()) <= MAX_WORDS:
                    raise ValueError(
                        f"The sub-goal of {quoted(row.skill)} has {len(row.subgoal.split())} "
                        f"words; 1 to {MAX_WORDS} are allowed."
                    )

        prompt = render("subgoals", skills=skills, max_words=MAX_WORDS)
        picture: list[Part] = [] if frame is None else [Image(frame)]
        messages = [system(render("system")), user(*picture, prompt)]
        answer = model.complete(messages, SubgoalsAnswer, check)
        found = {row.skill: " ".join(row.subgoal.split()) for row in answer.rows}
        self.own |= found
        self._write(found)
        return found

    def _write(self, found: Mapping[str, str]) -> None:
        if self.path is None:
            return
        rows = {**found, **self._read()}  # what a person wrote in the meantime stands
        with atomic_path(self.path) as draft:
            text = json.dumps(rows, indent=2, ensure_ascii=False)
            draft.write_text(text + "\n", encoding="utf-8")

    def _read(self) -> dict[str, str]:
        if self.path is None or not self.path.exists():
            return {}
        try:
            # Some editors put a mark before the first letter.
            rows = json.loads(self.path.read_text(encoding="utf-8-sig"))
        except (OSError, ValueError) as error:
            raise DamagedFile(f"{self.path} cannot be read as JSON: {error}. {_FORM}") from error
        if not isinstance(rows, dict) or not all(
            isinstance(text, str) and text.strip() for text in rows.values()
        ):
            raise DamagedFile(f"{self.path} is no object of texts. {_FORM}")
        return rows


_FORM = 'A file of sub-goals is one JSON object: {"skill text": "sub-goal sentence", ...}.'


@cache
def _shipped() -> dict[str, str]:
    file = resources.files("mosel_gym.agents.planning") / "subgoals.json"
    rows: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
    return rows


def shipped_subgoals() -> dict[str, str]:
    """What ships with the package, for every skill of the task tables: skill text -> sub-goal."""
    return dict(_shipped())
