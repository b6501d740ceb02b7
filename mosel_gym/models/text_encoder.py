"""Frozen readers of skill texts: words by themselves, or CLIP or T5 through transformers.

CLIP and T5 come from a folder on this machine: nothing is downloaded, no code of the folder runs,
and weights are read as safetensors only.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal, cast

import numpy as np
import torch
from torch import Tensor

from mosel_gym.errors import DamagedFile, MissingLibrary, SpecMismatch
from mosel_gym.models.hashed_text import hashed_text
from mosel_gym.models.text import normalized

EncoderName = Literal["words", "clip", "t5"]
TABLE = "table"
"""The text that stands for no encoder at all, see `TextConfig`."""
WORDS: Final = "words"
"""The text that stands for a vector of each word, which needs no weights."""
_WORD_WIDTH = 128


def encoder_named(text: str) -> tuple[EncoderName, Path]:
    """Take "clip:FOLDER" or "t5:FOLDER" apart; "words" has no folder, and gets an empty one.

    Raises:
        SpecMismatch: It is neither, or the folder lacks what is needed.
    """
    if text == WORDS:
        return WORDS, Path()
    name, _, place = text.partition(":")
    if name not in ("clip", "t5") or not place:
        raise SpecMismatch(
            f"The text encoder is {text!r}; allowed are {TABLE!r}, {WORDS!r}, 'clip:FOLDER' and "
            "'t5:FOLDER', with the folder of a model that transformers can read."
        )
    folder = Path(place).expanduser()
    if not (folder / "config.json").is_file():
        raise SpecMismatch(
            f"{folder} is no folder of a text encoder: it has no config.json. Nothing is "
            "downloaded here; fetch the model once (`hf download NAME --local-dir FOLDER`) and "
            f"give its folder as {name}:FOLDER."
        )
    if not any(folder.glob("*.safetensors")):
        raise SpecMismatch(
            f"{folder} holds no *.safetensors, and other weights are not read: a pickle may run "
            "code. Fetch a revision with safetensors, or convert it with "
            "`model.save_pretrained(FOLDER)` of transformers."
        )
    return cast(EncoderName, name), folder


@torch.no_grad()
def encode_texts(text: str, skills: Sequence[str]) -> list[Tensor]:
    """A vector for each word, or the last hidden states of an encoder.

    Args:
        text: "words", "clip:FOLDER" or "t5:FOLDER".
        skills: Texts to read.

    Returns:
        float32 `[n, D]` for each text, n its number of words or tokens, on the CPU.

    Raises:
        SpecMismatch: `text` names no encoder.
        MissingLibrary: transformers is not installed.
        DamagedFile: The folder holds another model, or cannot be read.
    """
    name, folder = encoder_named(text)
    if name == WORDS:
        return [_words(skill) for skill in skills]
    tokenizer, model = _load(name, folder)
    rows = []
    for skill in skills:
        tokens = tokenizer(skill, return_tensors="pt", truncation=True, max_length=77)
        states = model(
            input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"]
        ).last_hidden_state
        rows.append(states[0].float().contiguous())
    return rows


def _words(skill: str) -> Tensor:
    rows = [hashed_text(word, _WORD_WIDTH) for word in normalized(skill).split()]
    return torch.from_numpy(np.stack(rows))


def _load(name: EncoderName, folder: Path) -> tuple[Any, Any]:
    try:
        from transformers import AutoConfig, AutoTokenizer, CLIPTextModel, T5EncoderModel
    except ModuleNotFoundError as error:
        raise MissingLibrary(
            f"Reading skills with a text encoder needs {error.name}, which is not installed. "
            "`pip install mosel-gym[llm]` brings it; a stored planner runs without it."
        ) from error
    here: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    try:
        found = AutoConfig.from_pretrained(folder, **here).model_type
        if not str(found).startswith(name):
            raise DamagedFile(
                f"{folder} holds a model of the type {found!r}, not {name}. Give it as "
                f"{'t5' if str(found).startswith('t5') else 'clip'}:FOLDER if it is one of those."
            )
        tokenizer = AutoTokenizer.from_pretrained(folder, **here)
        kind: Any = CLIPTextModel if name == "clip" else T5EncoderModel
        model = kind.from_pretrained(folder, use_safetensors=True, dtype=torch.float32, **here)
    except DamagedFile:
        raise
    except Exception as error:  # whatever is wrong inside the folder, the user needs its path
        raise DamagedFile(
            f"transformers cannot load the {name} text encoder in {folder}: "
            f"{str(error).splitlines()[0] if str(error) else type(error).__name__} It needs "
            "config.json, a tokenizer and *.safetensors."
        ) from error
    return tokenizer, model.eval()
