"""Pictures between environments (uint8, any size) and networks (float, fixed size)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from mosel_gym.data.images import area_resize
from mosel_gym.errors import SpecMismatch
from mosel_gym.types import Frame, Frames


def checked(frames: Frames, size: int) -> Frames:
    """Pictures uint8 `[..., H, W, 3]` of any size -> uint8 `[..., size, size, 3]`.

    Raises:
        SpecMismatch: Not uint8 RGB pictures.
    """
    frames = np.asarray(frames)
    if frames.dtype != np.uint8 or frames.ndim < 3 or frames.shape[-1] != 3:
        raise SpecMismatch(
            f"pictures must be uint8 [..., H, W, 3], got {frames.dtype} {list(frames.shape)}; "
            "give upright RGB frames as the environment returns them."
        )
    return area_resize(frames, size)


def to_tensor(frames: Frames, device: torch.device | str = "cpu") -> Tensor:
    """uint8 `[B, H, W, 3]` -> float32 `[B, 3, H, W]` in -1..1."""
    pixels = torch.from_numpy(np.ascontiguousarray(frames)).to(device)
    # channels first before float: permuting bytes is four times cheaper than permuting floats
    return pixels.permute(0, 3, 1, 2).contiguous().float().mul_(1 / 127.5).sub_(1.0)


def to_frames(pixels: Tensor) -> Frames:
    """Float `[B, 3, H, W]` in -1..1 (clipped) -> uint8 `[B, H, W, 3]`."""
    scaled = (pixels.detach().float().clamp(-1, 1) + 1) * 127.5
    return np.ascontiguousarray((scaled + 0.5).to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy())


def one(frame: Frame, size: int, device: torch.device | str = "cpu") -> Tensor:
    """One picture of any size, uint8 `[H, W, 3]` -> float32 `[1, 3, size, size]`."""
    return to_tensor(checked(frame, size)[None], device)
