"""Reflections as JSON text, for indexes and result files."""

from __future__ import annotations

import json
from dataclasses import asdict

from mosel_gym.types import Reflection, Verdict


def reflection_to_json(reflection: Reflection) -> str:
    """One line of JSON with every field of the reflection and of its verdicts."""
    return json.dumps(asdict(reflection))


def reflection_from_json(text: str) -> Reflection:
    """The reflection that `reflection_to_json` wrote.

    Raises:
        ValueError: The text is not JSON.
        TypeError: A field is missing or unknown.
    """
    fields = json.loads(text)
    verdicts = tuple(Verdict(**verdict) for verdict in fields.pop("verdicts", ()))
    return Reflection(verdicts=verdicts, **fields)
