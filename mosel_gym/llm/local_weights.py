"""A vision-language model's files: found in a folder or on the hub, and loaded without any code."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from mosel_gym.errors import ModelUnavailable

# Weights as safetensors, and what describes them; neither pickles nor Python files are fetched.
_FILES = ["*.safetensors", "*.json", "*.jinja", "*.txt", "*.model"]


def find(name: str) -> Path:
    """Where the model's files lie; downloads those of a hub name that are not here yet.

    Args:
        name: A folder, or a name on the hub.

    Raises:
        ModelUnavailable: There is no such folder, or nothing can be downloaded.
    """
    from huggingface_hub import snapshot_download

    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    if name.startswith((".", "/", "~")) or name.count(os.sep) > 1:
        raise ModelUnavailable(
            f"There is no folder {name!r}. Give the folder that holds the model's config.json, or "
            "a name on the hub, such as Qwen/Qwen2.5-VL-7B-Instruct."
        )
    try:
        return Path(snapshot_download(name, allow_patterns=_FILES))
    except (OSError, ValueError) as error:  # no network, no such name, not allowed, disk full
        raise ModelUnavailable(
            f"{name!r} is no folder here, and cannot be had from the hub: {_short(error)} On a "
            f"machine with network run `hf download {name}` once, or copy the model's folder and "
            "give its path. Without any model, `scripted:FILE` answers from a file."
        ) from error


def load(folder: Path, name: str, device: str) -> tuple[Any, Any]:
    """Processor and model, ready to answer.

    No code from the folder runs, and weights other than safetensors are refused.

    Args:
        folder: Where its files lie, see `find`.
        name: As it was chosen, for messages.
        device: As torch names it, or "auto".

    Raises:
        ModelUnavailable: Says what is missing and how to get it.
    """
    from safetensors import SafetensorError
    from transformers import AutoModelForImageTextToText, AutoProcessor

    place = _device(device)
    try:
        processor = AutoProcessor.from_pretrained(  # type: ignore[no-untyped-call]
            folder, local_files_only=True, trust_remote_code=False
        )
        loaded: Any = AutoModelForImageTextToText.from_pretrained(
            folder,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            dtype="auto",
            output_loading_info=True,
        )
    except (OSError, ValueError, KeyError, ImportError, SafetensorError) as error:
        raise ModelUnavailable(
            f"transformers cannot load {name!r} as a vision-language model: {_short(error)} "
            "It needs config.json, a processor with its tokenizer, and weights as safetensors, of "
            "an architecture that transformers knows itself; code from a model's folder is not run."
        ) from error
    if getattr(processor, "image_processor", None) is None or not processor.chat_template:
        raise ModelUnavailable(
            f"{name!r} takes no pictures, or has no chat template. Take an instruction-tuned "
            "vision-language model, such as Qwen/Qwen2.5-VL-7B-Instruct."
        )
    model, told = loaded  # a pair, because of output_loading_info
    gaps = sorted(told["missing_keys"])
    if gaps:  # transformers would fill them with random numbers, and say so in its log only
        raise ModelUnavailable(
            f"The weights of {name!r} lack {len(gaps)} of its tensors, such as {gaps[0]}. Download "
            "them again, or take a model whose weights fit its config.json."
        )
    try:
        model.to(place)
    except (RuntimeError, AssertionError) as error:  # no such device, or too little memory
        raise ModelUnavailable(
            f"{name!r} cannot be put on device={device!r}: {_short(error)} Free memory on it, or "
            'choose another: "cpu", "cuda", "mps", "auto".'
        ) from error
    return processor, model.eval()


def _device(device: str) -> str:
    import torch

    if device != "auto":
        return device
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _short(error: Exception) -> str:
    """The first lines of a message; those of transformers go on for pages."""
    text = " ".join(str(error).split())[:300]
    return text if text.endswith(".") else f"{text}."
