"""Encoding frames to an mp4, through moviepy."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mosel_gym.data.atomic import atomic_path
from mosel_gym.errors import MoselError
from mosel_gym.types import Frame

# "stillimage" keeps text sharp; with "faststart" a page can play the file before it has all of it.
_H264 = ["-crf", "23", "-tune", "stillimage", "-movflags", "+faststart"]


def encode_mp4(
    path: str | Path, frames: Iterable[Frame], size: tuple[int, int], fps: float
) -> None:
    """Write frames as H.264; the file appears complete or not at all.

    Args:
        path: The `.mp4`.
        frames: uint8 `[height, width, 3]` each; consumed one at a time.
        size: Width and height in pixels, both even, so that every browser plays the file.
        fps: Frames a second.

    Raises:
        MoselError: A side is odd, or ffmpeg failed, for instance on a full disk.
    """
    if size[0] % 2 or size[1] % 2:
        raise MoselError(f"{path}: the pictures are {size[0]} x {size[1]}; H.264 needs even sides.")
    from moviepy.video.io.ffmpeg_writer import FFMPEG_VideoWriter

    with atomic_path(path) as draft:
        # One thread, because there is one process a core.
        writer = FFMPEG_VideoWriter(
            str(draft), size, fps, preset="superfast", threads=1, ffmpeg_params=_H264
        )
        try:
            for frame in frames:
                writer.write_frame(frame)
        except OSError as error:
            raise MoselError(f"{path}: the video could not be written: {error}") from error
        finally:
            process = writer.proc  # close() forgets it, and does not look at its exit status
            writer.close()
        if process.returncode:
            raise MoselError(
                f"{path}: ffmpeg could not write the video (exit status {process.returncode}). "
                "Is the disk full?"
            )
