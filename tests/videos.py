"""Reading the videos that tests have written."""

from __future__ import annotations

import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray


def decode(path: Path, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Frames of a video of `size` (width, height), uint8 `[T, height, width, 3]`.

    By ffmpeg itself: the readers of moviepy and imageio-ffmpeg leave pipes open if it ends first.
    """
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-i", str(path), "-f", "rawvideo"]
    raw = subprocess.run([*command, "-pix_fmt", "rgb24", "-"], capture_output=True, check=True)
    return np.frombuffer(raw.stdout, np.uint8).reshape(-1, size[1], size[0], 3)
