"""Which kinds of video planner there are, and reading one from disk, of whichever kind."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Literal, get_args

import torch

from mosel_gym.errors import SpecMismatch
from mosel_gym.models.checkpoint import load_module, read_metadata
from mosel_gym.models.pixel_planner import PixelPlannerConfig, PixelVideoPlanner
from mosel_gym.models.text_encoder import encode_texts, encoder_named
from mosel_gym.models.text_vectors import TextConfig
from mosel_gym.models.video_base import VideoPlannerNetwork
from mosel_gym.models.video_planner import LatentVideoPlanner, VideoPlannerConfig

PlannerKind = Literal["latent", "regression", "pixel-small", "paper"]
"""As `mosel train video --kind` names it."""
PLANNER_KINDS: tuple[str, ...] = get_args(PlannerKind)
CONFIGS: dict[str, VideoPlannerConfig | PixelPlannerConfig] = {
    "latent": VideoPlannerConfig(),
    "regression": VideoPlannerConfig(objective="regression"),
    "pixel-small": PixelPlannerConfig(),
    "paper": PixelPlannerConfig(
        network="unet3d",
        size=128,
        widths=(128, 256, 384, 512, 640),
        layers=2,
        attention=2,
        objective="v_prediction",
        num_steps=50,
        text_dropout=0.1,
    ),
}
"""Kind -> shape and sampling, without skills."""
_CLASSES: dict[str, type[VideoPlannerNetwork]] = {
    planner.__name__: planner for planner in (LatentVideoPlanner, PixelVideoPlanner)
}


def build_planner(config: VideoPlannerConfig | PixelPlannerConfig) -> VideoPlannerNetwork:
    """An untrained planner; its weights are drawn from torch's global generator."""
    if isinstance(config, VideoPlannerConfig):
        return LatentVideoPlanner(config)
    return PixelVideoPlanner(config)


def stored_kind(path: str | Path) -> str:
    """The kind of the planner in a file, without reading its weights.

    Raises:
        DamagedFile: The file is missing or damaged.
        SpecMismatch: It holds no video planner.
    """
    metadata = read_metadata(path)
    if metadata["class"] not in _CLASSES:
        raise SpecMismatch(
            f"{path} holds a {metadata['class']}, not a video planner. Give the "
            "planner.safetensors that `mosel train video` wrote."
        )
    config = json.loads(metadata["config"])
    if metadata["class"] == LatentVideoPlanner.__name__:
        return "regression" if config.get("objective") == "regression" else "latent"
    return "paper" if config.get("network") == "unet3d" else "pixel-small"


def load_planner(
    path: str | Path, device: str = "cpu", kind: str | None = None
) -> VideoPlannerNetwork:
    """Read a video planner, ready for inference.

    Args:
        path: planner.safetensors of `mosel train video`.
        device: "cpu" or "cuda".
        kind: Insist on this kind; None takes any.

    Raises:
        DamagedFile: The file is missing or damaged.
        SpecMismatch: It holds no video planner, or one of another kind.
    """
    found = stored_kind(path)
    if kind is not None and found != kind:
        raise SpecMismatch(
            f"{path} holds a video planner of the kind {found!r}, and one of the kind {kind!r} is "
            f"asked for. Give another file, or ask for `--kind {found}`."
        )
    return load_module(path, _CLASSES[read_metadata(path)["class"]], device=device)


def with_text(config: VideoPlannerConfig | PixelPlannerConfig, encoder: str) -> VideoPlannerNetwork:
    """An untrained planner whose `skills` are read with a frozen encoder.

    Args:
        config: With its skills.
        encoder: "words", "clip:FOLDER" or "t5:FOLDER".

    Raises:
        SpecMismatch, MissingLibrary, DamagedFile: As `text_encoder.encode_texts`.
    """
    name, _ = encoder_named(encoder)
    rows = encode_texts(encoder, config.skills)
    text = replace(
        config.text, encoder=name, width=rows[0].shape[1], tokens=max(len(row) for row in rows)
    )
    planner = build_planner(replace(config, text=text))
    assert planner.texts is not None
    planner.texts.put(rows)
    return planner


def reading_anew(planner: VideoPlannerNetwork, encoder: str, seed: int = 0) -> VideoPlannerNetwork:
    """The same planner, but its `skills` are read with a frozen encoder, which has to be learned.

    Args:
        planner: Of any kind and any way of reading.
        encoder: "words", "clip:FOLDER" or "t5:FOLDER".
        seed: Of the weights that are new.

    Raises:
        SpecMismatch, MissingLibrary, DamagedFile: As `text_encoder.encode_texts`.
    """
    plain = replace(planner.config, text=TextConfig())
    with torch.random.fork_rng(devices=[]):  # module initialisers know only the global generator
        torch.manual_seed(seed)
        anew = with_text(plain, encoder)
    own = anew.state_dict()
    kept = {
        name: value
        for name, value in planner.state_dict().items()
        if name in own and own[name].shape == value.shape and not name.startswith("texts.")
    }
    anew.load_state_dict(kept, strict=False)
    return anew.to(planner.device)
