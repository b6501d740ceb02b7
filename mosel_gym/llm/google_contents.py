"""Messages as the parts that the Gemini API takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mosel_gym.llm.messages import Image, Message, Part, Text, Video
from mosel_gym.llm.mp4 import MP4, mp4
from mosel_gym.llm.pictures import JPEG, jpeg

_FASTEST_FPS = 24.0
"""The service looks at no more frames a second."""

Videos = dict[int, bytes]
"""mp4 files by the `id` of their part."""


def encode_videos(messages: Sequence[Message]) -> Videos:
    """Every video of a conversation as an mp4.

    Raises:
        MoselError: ffmpeg failed.
    """
    parts = (part for message in messages for part in message.parts)
    return {id(part): mp4(part) for part in parts if isinstance(part, Video)}


def contents(
    messages: Sequence[Message],
    videos: Videos,
    video_fps: float,
    upload: Callable[[bytes], str] | None,
) -> list[Any]:
    """All turns but the system's.

    Args:
        messages: The conversation.
        videos: From `encode_videos`.
        video_fps: Frames a second that the service shall look at.
        upload: Takes an mp4 and gives its address; None sends videos within the request.

    Returns:
        `google.genai.types.Content`, one a turn.
    """
    from google.genai import types

    def part_of(part: Part) -> Any:
        if isinstance(part, Text):
            return types.Part(text=part.text)
        if isinstance(part, Image):
            return types.Part(inline_data=types.Blob(data=jpeg(part.frame), mime_type=JPEG))
        # A slow recording has no more to show than its own frames.
        looked_at = types.VideoMetadata(fps=min(video_fps, part.fps, _FASTEST_FPS))
        data = videos[id(part)]
        if upload is None:
            blob = types.Blob(data=data, mime_type=MP4)
            return types.Part(inline_data=blob, video_metadata=looked_at)
        file = types.FileData(file_uri=upload(data), mime_type=MP4)
        return types.Part(file_data=file, video_metadata=looked_at)

    return [
        types.Content(
            role="model" if message.role == "assistant" else "user",
            parts=[part_of(part) for part in message.parts],
        )
        for message in messages
        if message.role != "system"
    ]


def instruction(messages: Sequence[Message]) -> str | None:
    """What stands above the conversation."""
    words = [
        part.text
        for message in messages
        if message.role == "system"
        for part in message.parts
        if isinstance(part, Text)
    ]
    return "\n\n".join(words) or None
