"""What is said to a model: messages of text, pictures and video, for every provider alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from mosel_gym.types import Frame, Frames

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True)
class Text:
    """Words."""

    text: str


@dataclass(frozen=True, eq=False)
class Image:
    """One upright RGB picture."""

    frame: Frame
    """uint8 `[H, W, 3]`."""

    def __post_init__(self) -> None:
        """Refuse what is no picture."""
        _require_pixels("a picture", self.frame, "[H, W, 3]", 3)


@dataclass(frozen=True, eq=False)
class Video:
    """A clip; a provider sends it as an mp4 or as pictures, whichever it takes."""

    frames: Frames
    """uint8 `[T, H, W, 3]`, evenly spaced in time."""
    fps: float
    """Frames a second of the recording, as given here: 20 evenly spaced frames of 30 s are 0.67."""

    def __post_init__(self) -> None:
        """Refuse what is no video."""
        _require_pixels("a video", self.frames, "[T, H, W, 3]", 4)
        if not self.fps > 0:
            raise ValueError(f"a video's fps={self.fps} must be greater than 0")

    @property
    def seconds(self) -> float:
        """How long the recording lasts."""
        return len(self.frames) / self.fps


def _require_pixels(what: str, pixels: Frames, shape: str, dimensions: int) -> None:
    if (
        pixels.dtype != np.uint8
        or pixels.ndim != dimensions
        or pixels.shape[-1] != 3
        or not pixels.size
    ):
        raise ValueError(
            f"{what} is RGB of the type uint8 and the shape {shape}, none of it 0; this is "
            f"{pixels.dtype} {list(pixels.shape)}"
        )


Part = Text | Image | Video


@dataclass(frozen=True)
class Message:
    """One turn of a conversation."""

    role: Role
    parts: tuple[Part, ...]


def system(text: str) -> Message:
    """Instructions that stand above the conversation."""
    return Message("system", (Text(text),))


def user(*parts: Part | str) -> Message:
    """What we say; strings become text."""
    return Message("user", tuple(Text(part) if isinstance(part, str) else part for part in parts))


def assistant(text: str) -> Message:
    """What the model said earlier."""
    return Message("assistant", (Text(text),))
