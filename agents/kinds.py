"""The kinds of agents on disk: which class reads which, and texts that name a kind in front."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mosel_gym.errors import DamagedFile, SpecMismatch, UnknownId

MOSEL = "mosel"
KINDS: dict[str, str] = {
    MOSEL: "mosel_gym.agents.mosel:MoselAgent",
    "unipi": "mosel_gym.agents.baselines.unipi:UniPiAgent",
    "palm-e": "mosel_gym.agents.baselines.palm_e:PalmEAgent",
    "hip": "mosel_gym.agents.baselines.hip:HipAgent",
    "rl": "mosel_gym.agents.baselines.rl:RLAgent",
}
"""Kind in `agent.json` -> class; imported when first asked for, since each brings libraries."""
READS: dict[str, tuple[str, ...]] = {kind: (kind,) for kind in KINDS} | {"hip": ("hip", MOSEL)}
"""Kind -> kinds of folders that its class reads. HiP is MOSEL without reflection."""


def split_source(name_or_dir: str | Path) -> tuple[str | None, str | Path]:
    """The kind that is named in front of a source, if any: "hip:libero-long" is the first example.

    Returns:
        Kind and source; (None, source) where no kind is named, or where a path is called so.
    """
    if isinstance(name_or_dir, str) and not Path(name_or_dir).exists():
        kind, colon, source = name_or_dir.partition(":")
        if colon and kind in KINDS:
            return kind, source
    return None, name_or_dir


def read_index(path: Path) -> dict[str, Any]:
    """The content of an `agent.json`.

    Raises:
        DamagedFile: It cannot be read.
    """
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(index, dict):
            raise ValueError(f"it holds a {type(index).__name__}, not an object")
    except (OSError, ValueError) as error:
        raise DamagedFile(
            f"{path} cannot be read as an agent: {type(error).__name__}: {error}. Give a folder "
            "that `mosel pack` or an agent's `save` wrote."
        ) from error
    return index


def named_kind(index: Mapping[str, Any], path: Path) -> str:
    """The kind in an `agent.json`; files from before there were several are MOSEL's own.

    Raises:
        UnknownId: This version does not know it.
    """
    kind = index.get("kind", MOSEL)
    if kind not in KINDS:
        raise UnknownId(f"{path} names the kind {kind!r}. Allowed: {sorted(KINDS)}.")
    return str(kind)


def require_kind(wanted: str, index: Mapping[str, Any], path: Path) -> str:
    """Insist on a folder that the class of the kind `wanted` reads.

    Returns:
        The kind that was found.

    Raises:
        SpecMismatch: It is of another kind; names the class that reads it.
        UnknownId: This version does not know its kind.
    """
    found = named_kind(index, path)
    if found not in READS[wanted]:
        module, _, reader = KINDS[found].partition(":")
        here = KINDS[wanted].partition(":")[2]
        raise SpecMismatch(
            f"{path.parent} holds an agent of the kind {found!r}; {here} reads "
            f"{list(READS[wanted])}. Use `{reader}.from_pretrained` of {module}, or "
            "`mosel_gym.agents.pretrained.load_any`, which reads every kind."
        )
    return found
