"""Batches of pictures from clips, with the augmentations, cheap enough for one CPU core."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from mosel_gym.data.cameras import Cameras
from mosel_gym.errors import SpecMismatch
from mosel_gym.types import Frame, Frames


class HasPictures(Protocol):
    """What `check_pictures` looks at; a `Clip` has it."""

    @property
    def skill(self) -> str:
        """The skill text."""
        ...

    @property
    def scene(self) -> Frames:
        """uint8 `[n, S, S, 3]`."""
        ...

    @property
    def hands(self) -> Frames:
        """uint8 `[n, S, S, 3 K]`."""
        ...


def check_pictures(clips: Sequence[HasPictures], size: int, cameras: Cameras, who: str) -> None:
    """Insist that every clip shows what a network was made for.

    Raises:
        SpecMismatch: A clip has another picture size, or another number of hand cameras.
    """
    hands = len(cameras.hands)
    for clip in clips:
        pixels, channels = clip.scene.shape[1], clip.hands.shape[-1]
        if pixels != size or channels != 3 * hands:
            raise SpecMismatch(
                f"a clip of {clip.skill!r} has {pixels} px and {channels // 3} hand cameras, {who} "
                f"needs {size} px and {hands}; load the clips with size={size} and "
                f"cameras={cameras}."
            )


def shift_into(out: Frame, frame: Frame, dy: int, dx: int) -> None:
    """Copy `frame` `[H, W, C]` to `out`, moved down by dy and right by dx; edges are repeated.

    A block copy and up to two edge fills: a gather of every pixel would cost a fifth of a training
    step.
    """
    height, width = frame.shape[:2]
    top, bottom = max(dy, 0), height + min(dy, 0)
    left, right = max(dx, 0), width + min(dx, 0)
    out[top:bottom, left:right] = frame[top - dy : bottom - dy, left - dx : right - dx]
    if left:
        out[top:bottom, :left] = out[top:bottom, left : left + 1]
    if right < width:
        out[top:bottom, right:] = out[top:bottom, right - 1 : right]
    if top:
        out[:top] = out[top]
    if bottom < height:
        out[bottom:] = out[bottom - 1]


def shifted(frames: list[Frame], shifts: NDArray[np.int64]) -> Frames:
    """Stack pictures, each moved by its row (dy, dx) of `shifts` `[B, 2]`: uint8 `[B, H, W, C]`."""
    out = np.empty((len(frames), *frames[0].shape), np.uint8)
    for target, frame, (dy, dx) in zip(out, frames, shifts, strict=True):
        shift_into(target, frame, int(dy), int(dx))
    return out


def random_shifts(rng: np.random.Generator, count: int, largest: int) -> NDArray[np.int64]:
    """`[count, 2]` pixels within +-largest."""
    return rng.integers(-largest, largest + 1, size=(count, 2))


def put_patches(
    views: Sequence[Frames], rng: np.random.Generator, often: float, sides: tuple[int, int]
) -> None:
    """Put a rectangle of a random row of the first view into some rows of all views, in place.

    Args:
        views: uint8 `[B, H, W, C]` each; a row gets the same rectangle in all of them.
        rng: Draws rows, rectangles and where they come from.
        often: Share of the rows.
        sides: Smallest and largest side, px; cut to the picture's.
    """
    source = views[0].copy()
    count, height, width = source.shape[:3]
    if not source.size:  # a robot without hand cameras
        return
    smallest, largest = (min(side, height, width) for side in sides)
    for row in np.flatnonzero(rng.random(count) < often):
        high, wide = rng.integers(smallest, largest + 1, size=2)
        top, from_top = rng.integers(0, height - high + 1, size=2)
        left, from_left = rng.integers(0, width - wide + 1, size=2)
        other = source[rng.integers(count)]
        patch = other[from_top : from_top + high, from_left : from_left + wide]
        for view in views:
            view[row, top : top + high, left : left + wide] = patch


def scale_brightness(pixels: Tensor, factors: Tensor) -> Tensor:
    """Multiply pixels `[B, C, H, W]` in -1..1 by `factors` `[B]` as seen from black; in place."""
    return pixels.add_(1).mul_(factors.view(-1, 1, 1, 1)).sub_(1)


def soften(pixels: Tensor, rows: Tensor) -> None:
    """Halve and restore the resolution of some rows (bool `[B]`) of `[B, 3, H, W]`, in place."""
    if bool(rows.any()):
        chosen = F.interpolate(pixels[rows], scale_factor=0.5, mode="area")
        pixels[rows] = F.interpolate(chosen, size=pixels.shape[-2:], mode="bilinear")


class NoiseBank:
    """Pixel noise drawn once: fresh normal numbers for every batch would cost a tenth of a step."""

    def __init__(self, size: int, count: int = 128) -> None:
        """Draw `count` noise pictures of `size` px, always the same ones."""
        generator = torch.Generator().manual_seed(0)
        self._bank = torch.randn((count, 3, size, size), generator=generator)

    def add(self, pixels: Tensor, sigma: Tensor, rng: np.random.Generator) -> None:
        """Add noise of deviation `sigma` `[B]` (of pixels in -1..1) in place, with random signs."""
        chosen = torch.from_numpy(rng.integers(len(self._bank), size=len(pixels)))
        signs = torch.from_numpy(rng.choice([-1.0, 1.0], size=len(pixels))).float()
        noise = self._bank[chosen].to(pixels.device)
        pixels.addcmul_(noise, (signs * sigma.cpu()).view(-1, 1, 1, 1).to(pixels.device))
