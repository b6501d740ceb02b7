"""Messages in the form that the processors of transformers take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image as PillowImage

from mosel_gym.llm.messages import Image, Message, Part, Text, Video
from mosel_gym.llm.pictures import labelled_frames
from mosel_gym.types import Frame, Frames


@dataclass(frozen=True, eq=False)
class Clip:
    """The frames of a video that a model sees."""

    frames: Frames
    """uint8 `[n, H, W, 3]`."""
    fps: float
    """How many of these frames make a second of the recording."""

    @property
    def metadata(self) -> dict[str, Any]:
        """What a processor wants to know, so that its time stamps are right and it drops none."""
        count, height, width, _ = self.frames.shape
        return {
            "total_num_frames": count,
            "fps": self.fps,
            "duration": count / self.fps,
            "frames_indices": list(range(count)),
            "height": height,
            "width": width,
        }


def clip_of(video: Video, most: int) -> Clip:
    """At most so many evenly spaced frames of a video, the last one included."""
    frames = np.stack([frame for _, frame in labelled_frames(video, most)])
    steps, chosen = len(video.frames) - 1, len(frames) - 1
    return Clip(frames, video.fps * chosen / steps if chosen else video.fps)


def clips_of(messages: Sequence[Message], most: int) -> list[Clip]:
    """All videos of a conversation, in order."""
    return [
        clip_of(part, most)
        for message in messages
        for part in message.parts
        if isinstance(part, Video)
    ]


def control_tokens(processor: Any) -> list[str]:
    """What a tokenizer takes for more than words: ends of turns, places of pictures, and so on."""
    template = str(processor.chat_template)
    return sorted(
        token.content
        for token in processor.tokenizer.added_tokens_decoder.values()
        if len(token.content.strip()) > 1 and (token.special or token.content in template)
    )


def chat_of(
    messages: Sequence[Message], most: int, ending: str, controls: Sequence[str], *, video: bool
) -> list[dict[str, Any]]:
    """A conversation for `apply_chat_template`.

    Args:
        messages: The conversation; what a user says comes last.
        most: Frames of each video that are shown.
        ending: Added to the last message.
        controls: Tokens that no message may contain, see `control_tokens`; they are broken up by a
            space, so that a task text can neither end its turn nor stand for a picture.
        video: Send videos as such; else as pictures, each with its place in time before it.

    Returns:
        One dict a message, with "role" and a list "content". Pictures are arrays and never names
        of files or addresses, which a processor would open.
    """
    chat: list[dict[str, Any]] = [
        {
            "role": message.role,
            "content": [item for part in message.parts for item in _content(part, most, video)],
        }
        for message in messages
    ]
    chat[-1]["content"].append(_text(f"\n\n{ending}"))
    for item in (item for message in chat for item in message["content"]):
        for token in controls if item["type"] == "text" else ():
            item["text"] = item["text"].replace(token, f"{token[0]} {token[1:]}")
    return chat


def _content(part: Part, most: int, video: bool) -> list[dict[str, Any]]:
    if isinstance(part, Text):
        return [_text(part.text)]
    if isinstance(part, Image):
        return [_picture(part.frame)]
    if video:
        return [{"type": "video", "video": clip_of(part, most).frames}]
    return [
        item
        for label, frame in labelled_frames(part, most)
        for item in (_text(f"\n{label}:\n"), _picture(frame))
    ]


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _picture(frame: Frame) -> dict[str, Any]:
    return {"type": "image", "image": PillowImage.fromarray(frame)}
