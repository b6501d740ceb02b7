"""pydantic models as the strict JSON schemas that services enforce while a model writes."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel

Schema = dict[str, Any]

# Services reject other words or ignore them, by model and month. What they would have said is
# checked by pydantic afterwards.
_KEPT = ("type", "description", "enum", "$ref")


def strict_schema(model: type[BaseModel]) -> Schema:
    """The schema of a model in the subset that every service enforces.

    Every field is required, no object takes other fields, and there are no defaults, bounds,
    patterns or titles. A field that may be missing should therefore be `T | None` in the model.

    Raises:
        TypeError: The model has a field that the subset cannot say: a dict with free keys, a tuple,
            or one without a type.
    """
    full = model.model_json_schema()
    definitions = {
        name: _strict(entry, f"{model.__name__}.{name}")
        for name, entry in full.get("$defs", {}).items()
    }
    if "$ref" in full:  # a model that contains itself
        strict = dict(definitions[full["$ref"].rpartition("/")[2]])
    else:
        strict = _strict(full, model.__name__)
    if definitions:
        strict["$defs"] = definitions
    return strict


def schema_in_words(model: type[BaseModel]) -> str:
    """The same for a model whose server may not enforce it."""
    return (
        "Your whole answer is one JSON object, without prose or fences around it, that fits this "
        f"JSON schema:\n{json.dumps(strict_schema(model), ensure_ascii=False)}"
    )


def _strict(entry: Schema, where: str) -> Schema:
    if "const" in entry:
        entry = {**entry, "enum": [entry["const"]]}
    if "oneOf" in entry:
        entry = {**entry, "anyOf": entry["oneOf"]}
    if len(entry.get("allOf", ())) == 1:
        entry = {**entry, **entry["allOf"][0]}
    if "$ref" in entry:  # nothing may stand beside a reference
        return {"$ref": entry["$ref"]}
    if "prefixItems" in entry:
        raise TypeError(f"{where}: a tuple cannot be asked for; use a list or an object")
    strict: Schema = {name: entry[name] for name in _KEPT if name in entry}
    if "anyOf" in entry:
        strict["anyOf"] = [_strict(choice, where) for choice in entry["anyOf"]]
    elif entry.get("type") == "object":
        if "properties" not in entry and entry.get("additionalProperties") is not False:
            raise TypeError(f"{where}: a dict with free keys cannot be asked for; use a list")
        properties = entry.get("properties", {})
        strict["properties"] = {
            name: _strict(inner, f"{where}.{name}") for name, inner in properties.items()
        }
        strict["required"] = list(properties)
        strict["additionalProperties"] = False
    elif entry.get("type") == "array":
        strict["items"] = _strict(entry.get("items", {}), f"{where}[]")
    elif "type" not in entry and "enum" not in entry:
        raise TypeError(f"{where}: a field without a type cannot be asked for")
    return strict
