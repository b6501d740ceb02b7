"""What is said to the models, as text files with named slots: one file a call.

`plan` and `replan` are the task planner's, `subgoals` the sub-goal book's, `judge_subgoals`,
`critique` and `identify_failure` the video analyzer's; `system` stands above all of them.

A slot is written `{{name}}`. What fills it is data: it is written as JSON, so that a text stands in
double quotes that it cannot leave, and braces inside it are never looked at again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources

from mosel_gym.errors import SpecMismatch, UnknownId

_SLOT = re.compile(r"\{\{(\w+)\}\}")
_LINE_BREAKS = (0x7F, 0x85, 0x2028, 0x2029)
"""JSON leaves these raw; some readers end a line at them."""
_HALVES = range(0xD800, 0xE000)
"""Half characters, from a goal in another encoding for instance; no request can hold one."""
_ESCAPED = {code: f"\\u{code:04x}" for code in (*_LINE_BREAKS, *_HALVES)}


class Words(str):
    """Our own words for a slot, such as "20 frames": they stand as they are, without quotes."""


def names() -> tuple[str, ...]:
    """The prompts there are."""
    files = (entry.name for entry in resources.files(__name__).iterdir())
    return tuple(sorted(name.removesuffix(".md") for name in files if name.endswith(".md")))


def slots(name: str) -> frozenset[str]:
    """The slots of a prompt."""
    return frozenset(_SLOT.findall(_template(name)))


def render(name: str, **values: object) -> str:
    """A prompt with its slots filled.

    Args:
        name: One of `names()`.
        values: One for each slot. A text becomes a quoted JSON string; a list becomes one line of
            JSON for each entry, "(none)" if it is empty; numbers and mappings become JSON. Only
            `Words` are taken as they are.

    Raises:
        UnknownId: There is no such prompt.
        SpecMismatch: A slot is missing, or one is given that the prompt does not have.
    """
    template = _template(name)
    wanted = slots(name)
    if wanted != set(values):
        missing, unknown = sorted(wanted - set(values)), sorted(set(values) - wanted)
        raise SpecMismatch(
            f"The prompt {name!r} has the slots {sorted(wanted)}; missing: {missing or 'none'}, "
            f"unknown: {unknown or 'none'}. Give one value for each slot."
        )
    # One pass over the template: what a value brings in is not searched for slots.
    return _SLOT.sub(lambda slot: _quoted(values[slot.group(1)]), template)


def quoted(text: str) -> str:
    """A text as data: one line in double quotes, everything that could end them escaped."""
    return json.dumps(text, ensure_ascii=False).translate(_ESCAPED)


def one_line(text: str, most: int) -> str:
    """A model's words as one line of at most `most` letters."""
    words = " ".join(text.split())
    return words if len(words) <= most else f"{words[: most - 4]} ..."


def _quoted(value: object) -> str:
    if isinstance(value, Words):
        return str(value)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "\n".join(f"- {_json(entry)}" for entry in value) or "(none)"
    return _json(value)


def _json(value: object) -> str:
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, Mapping):
        pairs = (f"{quoted(str(key))}: {_json(entry)}" for key, entry in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, Sequence):
        return "[" + ", ".join(_json(entry) for entry in value) + "]"
    return json.dumps(value)


@cache
def _template(name: str) -> str:
    if name not in names():
        raise UnknownId(f"No prompt {name!r}; there are {list(names())}.")
    return (resources.files(__name__) / f"{name}.md").read_text(encoding="utf-8").strip()
