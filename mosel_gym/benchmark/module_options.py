"""What foundation models that plan and judge are shown, as plain values of the command line."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from mosel_gym.errors import DamagedFile, SpecMismatch

if TYPE_CHECKING:
    from mosel_gym.agents.analysis.video_language import VideoLanguageConfig
    from mosel_gym.agents.planning.subgoals import SubgoalBook
    from mosel_gym.agents.scene_hints import Given
    from mosel_gym.llm.chat import ChatModel

_HINTS_FORM = (
    "Hints are a .txt file with one text for every task, or a .json file with one object: "
    '{"task id": "text", ...}.'
)


@dataclass(frozen=True)
class ModuleOptions:
    """What models see besides the episode. Other planners and analyzers take none of it."""

    hints: Path | None = None
    """Hints of a person, to planner and analyzer: a .txt file for every task, or a .json file with
    {"task id": "text"}. Results say that there were some."""
    subgoals: Path | None = None
    """Your sub-goals, which come before the shipped ones: a .json file with {"skill": "sub-goal"}.
    It is read, never written."""
    frames: int = 20
    """Evenly spaced pictures of an episode that an analyzer sees, the last one included."""
    whole: bool = False
    """Analyzer: send the whole clip as a video in place of pictures."""
    wrist: bool = False
    """Analyzer: show the hands' cameras as well as the scene's."""
    borders: bool = False
    """Analyzer: show also where each attempt at a skill begins and ends."""
    critique: bool = False
    """Analyzer: ask once more, to refute each success. Precision for one more call."""

    def check(self, *, planner: bool, analyzer: bool) -> None:
        """Find out before anything runs whether the files can be read and all of it is used.

        Args:
            planner: Whether the task planner is a model that these settings reach.
            analyzer: Whether a video analyzer is one.

        Raises:
            SpecMismatch: A number shows nothing, or a setting would have no effect.
            DamagedFile: A file cannot be read.
        """
        if self.frames < 2:
            raise SpecMismatch(f"--shown.frames is {self.frames}; at least 2 are needed.")
        changed = [f.name for f in fields(self) if getattr(self, f.name) != f.default]
        for name in changed:
            if not (analyzer or (planner and name == "hints")):
                who = "a planner or an analyzer" if name == "hints" else "an analyzer"
                raise SpecMismatch(
                    f"--shown.{name} is {getattr(self, name)}, and nothing here would look at it: "
                    f"it needs {who} that is a foundation model by name, such as "
                    f"--analyzer google:gemini-2.5-pro. Name one, or leave --shown.{name} out."
                )
        self.given_hints()
        if self.subgoals is not None:
            self.book()

    def given_hints(self) -> Given:
        """The hints that the file holds; "" without one.

        Raises:
            DamagedFile: It cannot be read, or is of another form.
        """
        if self.hints is None:
            return ""
        text = _read(self.hints, _HINTS_FORM).strip()
        if not text:
            raise DamagedFile(f"{self.hints} is empty. {_HINTS_FORM}")
        if self.hints.suffix == ".txt":
            return text
        if self.hints.suffix != ".json":
            raise DamagedFile(f"{self.hints} ends in {self.hints.suffix!r}. {_HINTS_FORM}")
        try:
            rows = json.loads(text)
        except ValueError as error:
            raise DamagedFile(
                f"{self.hints} cannot be read as JSON: {error}. {_HINTS_FORM}"
            ) from error
        if not isinstance(rows, dict) or not all(isinstance(row, str) for row in rows.values()):
            raise DamagedFile(f"{self.hints} is no object of texts. {_HINTS_FORM}")
        return rows

    def book(self, model: ChatModel | None = None) -> SubgoalBook:
        """Where an analyzer looks up sub-goals.

        What the model says of unknown skills stays in memory: the file is an input, and a run that
        goes on must find it as it was.

        Raises:
            DamagedFile: The file is missing or of another form.
        """
        from mosel_gym.llm.extra import require

        require("pydantic")
        from mosel_gym.agents.planning.subgoals import SubgoalBook

        if self.subgoals is None:
            return SubgoalBook(model=model)
        if not self.subgoals.is_file():
            raise DamagedFile(
                f"There is no file of sub-goals at {self.subgoals}. It is one JSON object: "
                '{"skill text": "sub-goal sentence", ...}.'
            )
        return SubgoalBook(model=model, own=SubgoalBook(self.subgoals).own)

    def video(self) -> VideoLanguageConfig:
        """The settings of a video language analyzer."""
        from mosel_gym.agents.analysis.video_language import VideoLanguageConfig

        return VideoLanguageConfig(
            frames=self.frames,
            whole=self.whole,
            wrist=self.wrist,
            borders=self.borders,
            critique=self.critique,
        )

    def planner_identity(self) -> str:
        """Differs where a planner would be shown something else; "" for the defaults."""
        return _digest("hints", self.given_hints())

    def analyzer_identity(self) -> str:
        """Differs where an analyzer would be shown something else; "" for the defaults."""
        told = [self.planner_identity()]
        if self.subgoals is not None:
            told.append(_digest("sub-goals", self.book().own))
        told += [
            f"{field.name} {getattr(self, field.name)}"
            for field in fields(self)
            if field.name not in ("hints", "subgoals")
            and getattr(self, field.name) != field.default
        ]
        return ", ".join(word for word in told if word)


def _read(path: Path, form: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DamagedFile(f"{path} cannot be read: {error}. {form}") from error


def _digest(name: str, given: object) -> str:
    """The contents count, not the file's path."""
    if not given:
        return ""
    text = json.dumps(given, sort_keys=True)
    return f"{name} {hashlib.sha256(text.encode()).hexdigest()[:16]}"
