"""Frames as the bytes and the labels that models are sent."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image as PillowImage

from mosel_gym.llm.messages import Image, Video
from mosel_gym.types import Frame, Frames

JPEG = "image/jpeg"


def jpeg(frame: Frame) -> bytes:
    """Encode a picture, colour in full resolution: simulators draw small, coloured things.

    Args:
        frame: uint8 `[H, W, 3]`, RGB.
    """
    buffer = io.BytesIO()
    PillowImage.fromarray(frame).save(buffer, "JPEG", quality=92, subsampling=0)
    return buffer.getvalue()


def labelled_frames(video: Video, most: int) -> list[tuple[str, Frame]]:
    """At most so many evenly spaced frames, the last one included, each with its place in time.

    Args:
        video: `[T, H, W, 3]`.
        most: At least 1; of a shorter clip all frames come back.

    Returns:
        Pairs of a label such as "frame 3 of 20, 4.5 s" and the frame.
    """
    frames = video.frames
    count = min(most, len(frames))
    chosen = np.linspace(0, len(frames) - 1, count).round().astype(int) if count > 1 else [-1]
    places = [int(index) % len(frames) for index in chosen]
    return [
        (f"frame {number} of {count}, {place / video.fps:.1f} s", frames[place])
        for number, place in enumerate(places, start=1)
    ]


def even_sides(frames: Frames) -> Frames:
    """Repeat the last row or column where a side is odd, as H.264 needs even ones."""
    rows, columns = frames.shape[1] % 2, frames.shape[2] % 2
    if not rows and not columns:
        return frames
    return np.pad(frames, ((0, 0), (0, rows), (0, columns), (0, 0)), mode="edge")


def count_pictures(parts: tuple[object, ...]) -> int:
    """Pictures and frames that are handed to a provider, before it picks from the latter."""
    return sum(
        1 if isinstance(part, Image) else len(part.frames) if isinstance(part, Video) else 0
        for part in parts
    )
