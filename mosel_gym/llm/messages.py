"""What is said to a model: messages of text, pictures and video, for every provider alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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


@dataclass(frozen=True, eq=False)
class Video:
    """A clip; a provider sends it as an mp4 or as pictures, whichever it takes."""

    frames: Frames
    """uint8 `[T, H, W, 3]`, evenly spaced in time."""
    fps: float
    """Frames a second of the recording, as given here: 20 evenly spaced frames of 30 s are 0.67."""

    @property
    def seconds(self) -> float:
        """How long the recording lasts."""
        return len(self.frames) / self.fps


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
