"""What a kind of video planner is trained with, where the user did not say otherwise."""

from __future__ import annotations

import dataclasses
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from mosel_gym.errors import SpecMismatch, UnknownId
from mosel_gym.models.pixel_planner import PixelPlannerConfig
from mosel_gym.models.text_encoder import TABLE
from mosel_gym.models.text_vectors import TextConfig
from mosel_gym.models.video_planner import VideoPlannerConfig
from mosel_gym.models.video_planners import CONFIGS, PLANNER_KINDS, PlannerKind
from mosel_gym.training.codec import CodecTrainConfig
from mosel_gym.training.loop import LoopConfig

_SHARED = ("skills", "frames", "seed", "scene_camera")
"""What `model` says for every kind."""
_LOOP = LoopConfig(steps=1000, batch_size=32, lr=1e-3, weight_decay=1e-2, ema_decay=0.998)
_LOOPS: dict[str, dict[str, Any]] = {
    "pixel-small": {"steps": 20_000, "lr": 5e-4, "ema_decay": 0.999},
    # 0.999 every 10 steps, as AVDC, is 0.9999 every step.
    "paper": {
        "steps": 180_000,
        "batch_size": 16,
        "lr": 1e-4,
        "final_lr": 1.0,
        "weight_decay": 0.0,
        "ema_decay": 0.9999,
    },
}


@dataclass(frozen=True)
class PixelOptions:
    """Of the kinds "pixel-small" and "paper"; None = as the kind has it."""

    size: int | None = None
    """Height and width of the pictures, px: 64, or 128 of "paper"."""
    widths: tuple[int, ...] | None = None
    """U-Net widths, one a resolution; multiples of 8."""
    layers: int | None = None
    """Residual blocks a resolution."""
    attention: int | None = None
    """How many of the smallest resolutions have attention."""
    objective: Literal["flow", "v_prediction"] | None = None
    """"flow" (pixel-small) is sampled in 2 to 8 steps, "v_prediction" (paper) by DDIM."""
    num_steps: int | None = None
    """Passes for a plan: 4 of a flow, 50 of v-prediction."""
    text_dropout: float | None = None
    """Share of samples from which the skill is kept: 0, or 0.1 of "paper"."""
    guidance: float | None = None
    """w of classifier-free guidance: 0."""


@dataclass(frozen=True)
class VideoTrainConfig:
    """The recipe; its defaults are the ones that were measured to work."""

    model: VideoPlannerConfig = field(default_factory=VideoPlannerConfig)
    """If its `skills` are empty, those of the clips are taken. Skills, frames, seed and scene
    camera hold for every kind, the rest for planners in latents."""
    codec: CodecTrainConfig = field(default_factory=CodecTrainConfig)
    """Of planners in latents."""
    loop: LoopConfig = field(default_factory=lambda: _LOOP)
    """What is left at its default becomes the kind's own number, see docs/video_planners.md."""
    latest_start: int = 4
    """The first frame is one of the steps 0..latest_start of the clip."""
    jitter: float = 1.5
    """Imagined frames are taken up to this many steps early or late."""
    shift: int = 0
    """Half of the clips are moved by up to so many cells (8 px of 64, in latents) up or down and
    left or right: a text cannot stand for a place, and things are looked for in the picture."""
    kind: PlannerKind = "latent"
    """"latent": flow matching in the latents of a small autoencoder. "regression": the same network
    in one pass, the baseline. "pixel-small": frames as channels of a 2-D U-Net, 64 px. "paper": 3-D
    U-Net, 128 px, v-prediction and DDIM."""
    pixel: PixelOptions = field(default_factory=PixelOptions)
    """Of planners in pixels."""
    text: str = TABLE
    """How the skill is read: "table" is a learned row for each; "words" is by its words, so that
    what was learned of a word in one scene helps in another; "clip:FOLDER" or "t5:FOLDER" a frozen
    text encoder, whose vectors are computed once and kept in the checkpoint."""


def model_config(config: VideoTrainConfig) -> VideoPlannerConfig | PixelPlannerConfig:
    """Shape and sampling of the planner that a recipe is for.

    Raises:
        UnknownId: There is no such kind.
        SpecMismatch: Options of another kind were set.
    """
    kind, model = config.kind, config.model
    if kind not in PLANNER_KINDS:
        raise UnknownId(f"Unknown kind of video planner {kind!r}. Allowed: {list(PLANNER_KINDS)}.")
    if model.text != TextConfig():
        raise SpecMismatch(
            "--model.text is set by training itself. Give the encoder's folder: --text clip:FOLDER "
            "or --text t5:FOLDER."
        )
    base = CONFIGS[kind]
    pixels = {name: value for name, value in vars(config.pixel).items() if value is not None}
    if isinstance(base, VideoPlannerConfig):
        if pixels:
            raise SpecMismatch(
                f"--pixel.{_option(next(iter(pixels)))} was set, but a planner of the kind "
                f"{kind!r} works in latents. Leave it out, or choose --kind pixel-small or paper."
            )
        return replace(model, objective="regression") if kind == "regression" else model
    default = VideoPlannerConfig()
    for entry in dataclasses.fields(model):
        same = getattr(model, entry.name) == getattr(default, entry.name)
        if entry.name not in _SHARED and not same:
            raise SpecMismatch(
                f"--model.{_option(entry.name)} was set, but a planner of the kind {kind!r} works "
                "in pixels, and its options begin with --pixel. Of --model there are "
                f"{list(_SHARED)} for it."
            )
    if "objective" in pixels:
        pixels.setdefault("num_steps", 4 if pixels["objective"] == "flow" else 50)
    shared = {name: getattr(model, name) for name in _SHARED}
    return replace(base, **shared, **pixels)


def loop_config(config: VideoTrainConfig) -> LoopConfig:
    """The loop of a recipe: the kind's numbers, where the user left the default."""
    own = {
        name: value
        for name, value in _LOOPS.get(config.kind, {}).items()
        if getattr(config.loop, name) == getattr(_LOOP, name)
    }
    return replace(config.loop, **own)


def picture_size(config: VideoTrainConfig) -> int:
    """Pixels per side of the clips that it needs."""
    model = model_config(config)
    return model.codec.size if isinstance(model, VideoPlannerConfig) else model.size


def plain_recipe(config: VideoTrainConfig) -> dict[str, Any]:
    """The recipe for a checkpoint's metadata, without the folder of a text encoder."""
    return asdict(config) | {"text": config.text.partition(":")[0]}


def _option(name: str) -> str:
    return name.replace("_", "-")
