"""Answers from a file instead of a model: for rehearsals, for teaching, and for tests."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from mosel_gym.errors import DamagedFile, ModelUnavailable
from mosel_gym.llm.chat import Answer, Usage
from mosel_gym.llm.messages import Message

_FORM = (
    "A script is JSON in UTF-8: a list of answers, or an object that gives each schema name a list "
    'of answers. An answer is an object, a string, or {"refusal": "why"}.'
)
_ANY = ""


class ScriptedProvider:
    """Reads its answers from a JSON file, in order; it looks at no message and at no picture.

    The file holds a list of answers, whatever is asked for, or one list per schema:

    ```json
    {
      "PlanAnswer": [{"steps": ["open the drawer"]}, {"refusal": "I would rather not."}],
      "JudgeAnswer": ["this is not JSON", {"success": true}]
    }
    ```

    An object is given back as JSON, a string exactly as it stands (to rehearse bad answers), and an
    object whose only field is "refusal" as the model's word that it declines. **The last answer of
    a list repeats**, so that a script of one answer serves a run of any length. Every new provider
    starts at the top of its file. With a cache (`ChatConfig.cache`) a question that was answered
    before does not reach the script again; leave it off where the order matters.

    Args:
        path: The file; it is read once, here.

    Raises:
        DamagedFile: It is missing, or holds something else.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path).expanduser()
        self._answers = _read(self._path)
        written = json.dumps(self._answers, sort_keys=True).encode()
        self.endpoint = hashlib.sha256(written).hexdigest()
        """What the script says; part of the cache's key, as another file may have the same name."""
        self._next = dict.fromkeys(self._answers, 0)
        self._lock = threading.Lock()  # analyzers may ask from several threads

    @property
    def name(self) -> str:
        """The file's name without its ending, after "scripted:"."""
        return f"scripted:{self._path.stem}"

    @property
    def spec(self) -> str:
        """The text that chooses this file again, from any folder."""
        return f"scripted:{self._path.resolve()}"

    def ask(self, messages: Sequence[Message], schema: type[BaseModel]) -> Answer:
        """The next answer for that schema.

        Raises:
            ModelUnavailable: The script has none for that schema.
        """
        key = _ANY if _ANY in self._answers else schema.__name__
        if key not in self._answers:
            raise ModelUnavailable(
                f"{self._path} has no answers for {key}; it has some for "
                f"{', '.join(sorted(self._answers))}. Add a list under {key!r}."
            )
        answers = self._answers[key]
        with self._lock:
            place = self._next[key]
            self._next[key] = min(place + 1, len(answers) - 1)
        return _answer(answers[place])


def _read(path: Path) -> dict[str, list[Any]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise DamagedFile(
            f"The script {path} cannot be read: {error.strerror or error}. {_FORM}"
        ) from error
    except (ValueError, RecursionError) as error:  # no JSON, no UTF-8, nested without end
        raise DamagedFile(f"The script {path} holds no JSON: {error}. {_FORM}") from error
    lists = {_ANY: content} if isinstance(content, list) else content
    if not isinstance(lists, dict) or not lists or (_ANY in lists and lists is content):
        raise DamagedFile(f"The script {path} holds neither lists nor names for them. {_FORM}")
    for key, answers in lists.items():
        where = f"{path}, {key or 'the list'}"
        if not isinstance(answers, list) or not answers:
            raise DamagedFile(f"{where}: one answer or more is needed, as a list. {_FORM}")
        for number, entry in enumerate(answers, start=1):
            if not isinstance(entry, dict | str):
                kind = type(entry).__name__
                raise DamagedFile(f"{where}, answer {number} is a {kind}. {_FORM}")
    return lists


def _answer(entry: dict[str, Any] | str) -> Answer:
    usage = Usage(calls=1)
    if isinstance(entry, str):
        return Answer(entry, usage)
    if set(entry) == {"refusal"} and isinstance(entry["refusal"], str):
        return Answer("", usage, refusal=entry["refusal"] or "(no reason given)")
    return Answer(json.dumps(entry, ensure_ascii=False), usage)
