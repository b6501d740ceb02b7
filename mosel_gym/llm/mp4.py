"""A clip as an mp4, for models that watch video."""

from __future__ import annotations

import tempfile
from pathlib import Path

from mosel_gym.data.video_file import encode_mp4
from mosel_gym.llm.messages import Video
from mosel_gym.llm.pictures import even_sides

MP4 = "video/mp4"


def mp4(video: Video) -> bytes:
    """Encode every frame, at the clip's own rate, so that times in the file are true ones.

    Args:
        video: uint8 `[T, H, W, 3]`; an odd side grows by one pixel.

    Raises:
        MoselError: ffmpeg failed.
    """
    frames = even_sides(video.frames)
    with tempfile.TemporaryDirectory(prefix="mosel-") as folder:
        path = Path(folder) / "clip.mp4"
        encode_mp4(path, frames, (frames.shape[2], frames.shape[1]), video.fps)
        return path.read_bytes()
