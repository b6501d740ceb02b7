"""pydantic models as strict schemas."""

from __future__ import annotations

import json
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from mosel_gym.llm.schema import schema_in_words, strict_schema


class Place(BaseModel):
    """Where."""

    name: str = Field(min_length=1, pattern="^[a-z ]+$", title="A name")
    height_m: float = Field(ge=0.0, description="Above the table.")


class Move(BaseModel):
    """What."""

    kind: Literal["pick", "place"]
    once: Literal["yes"]
    where: Place = Field(description="A place that is in view.")
    then: Place | None = None
    frames: list[int] = Field(default_factory=list, max_length=5)


class Tree(BaseModel):
    """A node."""

    name: str
    below: list[Tree]


def _walk(entry: Any):
    if isinstance(entry, dict):
        yield entry
        for inner in entry.values():
            yield from _walk(inner)
    elif isinstance(entry, list):
        for inner in entry:
            yield from _walk(inner)


@pytest.mark.parametrize("model", [Place, Move, Tree])
def test_every_object_is_closed_and_complete(model: type[BaseModel]) -> None:
    schema = strict_schema(model)
    json.dumps(schema)
    objects = [entry for entry in _walk(schema) if entry.get("type") == "object"]
    assert objects
    for entry in objects:
        assert entry["additionalProperties"] is False
        assert entry["required"] == list(entry["properties"])
    words = {word for entry in _walk(schema) for word in entry}
    assert not words & {"default", "title", "pattern", "minLength", "minimum", "maxItems", "const"}
    for entry in _walk(schema):
        assert "$ref" not in entry or list(entry) == ["$ref"], "nothing may stand beside it"


def test_fields_keep_their_meaning() -> None:
    properties = strict_schema(Move)["properties"]
    assert properties["kind"] == {"type": "string", "enum": ["pick", "place"]}
    assert properties["once"] == {"type": "string", "enum": ["yes"]}
    assert properties["where"] == {"$ref": "#/$defs/Place"}
    assert properties["then"] == {"anyOf": [{"$ref": "#/$defs/Place"}, {"type": "null"}]}
    assert properties["frames"] == {"type": "array", "items": {"type": "integer"}}
    place = strict_schema(Place)["properties"]
    assert place["height_m"] == {"type": "number", "description": "Above the table."}


def test_a_model_may_contain_itself() -> None:
    schema = strict_schema(Tree)
    assert schema["type"] == "object"
    assert schema["properties"]["below"]["items"] == {"$ref": "#/$defs/Tree"}
    assert set(schema["$defs"]) == {"Tree"}


def test_words_hold_the_same_schema() -> None:
    words = schema_in_words(Move)
    assert json.loads(words[words.index("{") :]) == strict_schema(Move)


class WithDict(BaseModel):
    """Free keys."""

    places: dict[str, str]


class WithTuple(BaseModel):
    """A tuple."""

    pair: tuple[int, str]


class WithAnything(BaseModel):
    """No type."""

    extra: Any


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (WithDict, "WithDict.places: a dict with free keys"),
        (WithTuple, "WithTuple.pair: a tuple"),
        (WithAnything, "WithAnything.extra: a field without a type"),
    ],
)
def test_what_cannot_be_asked_for_is_named(model: type[BaseModel], said: str) -> None:
    with pytest.raises(TypeError, match=said):
        strict_schema(model)
