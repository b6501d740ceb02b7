"""Earlier answers on disk, found by everything that the answer depends on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydantic import BaseModel

from mosel_gym.data.atomic import atomic_path
from mosel_gym.llm.config import ChatConfig
from mosel_gym.llm.messages import Image, Message, Part, Text

_FORMAT = 1


class AnswerCache:
    """A folder of small JSON files, each the text of one answer that was good.

    Only answers that fit their schema and passed their check are stored, so that a run which ended
    in a bad one asks again. An answer that took a repair is stored under the first question, and
    the repair is not repeated either. Nothing of the question is stored but its hash.

    Args:
        folder: Made at once, so that a wrong place is known before any call. Several processes
            may share it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def get(self, key: str) -> str | None:
        """The text of an earlier answer; None where there is none, or a damaged one."""
        try:
            entry = json.loads(self._path(key).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        if not isinstance(entry, dict) or entry.get("key") != key:
            return None
        text = entry.get("text")
        return text if isinstance(text, str) else None

    def put(self, key: str, model: str, schema: str, text: str) -> None:
        """Store an answer; it appears completely or not at all."""
        entry = {"key": key, "model": model, "schema": schema, "text": text}
        with atomic_path(self._path(key)) as draft:
            draft.write_text(json.dumps(entry, ensure_ascii=False), encoding="utf-8")

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}.json"


def cache_key(
    name: str,
    endpoint: str,
    config: ChatConfig,
    messages: Sequence[Message],
    schema: type[BaseModel],
) -> str:
    """SHA-256 over the model, where it is, how it is asked, and the question's every pixel.

    Budgets, time-outs and rates do not change an answer and are left out.
    """
    digest = hashlib.sha256()
    asked = {
        "format": _FORMAT,
        "name": name,
        "endpoint": endpoint,
        "schema": schema.model_json_schema(),
        "temperature": config.temperature,
        "max_output_tokens": config.max_output_tokens,
        "video_fps": config.video_fps,
        "max_frames": config.max_frames,
    }
    digest.update(json.dumps(asked, sort_keys=True).encode())
    for message in messages:
        digest.update(f"\n{message.role} {len(message.parts)}".encode())
        for part in message.parts:
            _add(digest, part)
    return digest.hexdigest()


def _add(digest: hashlib._Hash, part: Part) -> None:
    """Every part with its length or shape before it, so that no two questions read alike."""
    if isinstance(part, Text):
        data = part.text.encode()
        digest.update(f"\ntext {len(data)}\n".encode())
        digest.update(data)
        return
    if isinstance(part, Image):
        pixels, kind = part.frame, "image"
    else:
        pixels, kind = part.frames, f"video {part.fps!r}"
    digest.update(f"\n{kind} {pixels.dtype} {pixels.shape}\n".encode())
    digest.update(np.ascontiguousarray(pixels).data)
