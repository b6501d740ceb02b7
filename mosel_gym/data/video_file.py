"""Encoding frames to an mp4 with the ffmpeg that comes with imageio-ffmpeg."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

import imageio_ffmpeg

from mosel_gym.data.atomic import atomic_path
from mosel_gym.errors import MoselError
from mosel_gym.types import Frame

# "stillimage" keeps text sharp; yuv420p is what every browser plays; one thread, because there is
# one process a core; with "faststart" a page can play the file before it has all of it.
_H264 = (
    *("-c:v", "libx264", "-preset", "superfast", "-crf", "23", "-tune", "stillimage"),
    *("-pix_fmt", "yuv420p", "-threads", "1", "-movflags", "+faststart"),
)


def encode_mp4(
    path: str | Path, frames: Iterable[Frame], size: tuple[int, int], fps: float
) -> None:
    """Write frames as H.264; the file appears complete or not at all.

    Args:
        path: The `.mp4`.
        frames: uint8 `[height, width, 3]` each; consumed one at a time.
        size: Width and height in pixels, both even.
        fps: Frames a second.

    Raises:
        MoselError: ffmpeg failed, for instance on a full disk; the message has its words.
    """
    with atomic_path(path) as draft, tempfile.TemporaryFile() as log:
        command = [
            *(imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-loglevel", "error"),
            *("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{size[0]}x{size[1]}"),
            *("-r", f"{fps:g}", "-i", "-", *_H264, str(draft)),
        ]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=log) as process:
            try:
                _feed(process, frames)
            except BaseException:
                process.kill()
                raise
        if process.returncode:
            log.seek(0)
            said = log.read().decode(errors="replace").strip()
            raise MoselError(
                f"{path}: ffmpeg could not write the video: {said or 'no reason given'}"
            )


def _feed(process: subprocess.Popen[bytes], frames: Iterable[Frame]) -> None:
    assert process.stdin is not None
    try:
        for frame in frames:
            process.stdin.write(frame.tobytes())
        process.stdin.close()
    except BrokenPipeError:
        pass  # ffmpeg gave up first; its exit status and its words say why
