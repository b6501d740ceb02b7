"""What the video planner is trained on: whole clips, sampled at even distances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from mosel_gym.data.windows import Clip
from mosel_gym.errors import NotEnoughData
from mosel_gym.models.video_base import VideoPlannerNetwork
from mosel_gym.types import Frames


@dataclass(frozen=True)
class VideoBatch:
    """B clips as the planner sees them."""

    first: Tensor
    """Codes of the first frames, `[B, C, G, G]`: latents, or pixels in -1..1."""
    clip: Tensor
    """Codes of the frames to imagine, `[B, frames * C, G, G]`."""
    skill: Tensor
    """int64 `[B]`."""


class VideoWindows:
    """Clips in the form in which a planner keeps them, made once."""

    def __init__(
        self, clips: Sequence[Clip], planner: VideoPlannerNetwork, *, progress: bool = False
    ) -> None:
        """Take the fresh pictures of `clips`.

        Raises:
            NotEnoughData: No clip has two fresh pictures.
            UnknownId: A clip shows a skill that the planner was not built for.
        """
        usable = [clip for clip in clips if np.count_nonzero(clip.fresh) > 1]
        if not usable:
            raise NotEnoughData(
                f"none of the {len(clips)} clips has two pictures; at least one is needed."
            )
        self._planner = planner
        self._skills = torch.tensor([planner.index(clip.skill) for clip in usable])
        self._rows = [np.flatnonzero(clip.fresh) for clip in usable]
        bar = tqdm(usable, desc="encoding", unit="clip", disable=not progress)
        self._kept = [
            # A selection would copy pictures that need not be copied.
            planner.kept(clip.scene if clip.fresh.all() else clip.scene[clip.fresh])
            for clip in bar
        ]

    def __len__(self) -> int:
        """Number of clips."""
        return len(self._rows)

    def sample(
        self,
        rng: np.random.Generator,
        count: int,
        latest_start: int = 4,
        jitter: float = 1.5,
        shift: int = 0,
    ) -> VideoBatch:
        """Draw `count` clips with replacement.

        Args:
            rng: Randomness.
            count: B.
            latest_start: The first frame is one of the steps 0..latest_start.
            jitter: Each frame but the last is taken up to this many steps early or late.
            shift: Half of the clips are moved by up to this many cells of the grid of codes, up or
                down and left or right, all frames of one alike; edges are repeated. The other half
                stays, for that is where the camera really is.
        """
        chosen = rng.integers(len(self._rows), size=count)
        picked = [self._pick(self._rows[i], rng, latest_start, jitter) for i in chosen]
        rows = [self._kept[i][rows] for i, rows in zip(chosen, picked, strict=True)]
        codes = self._planner.from_kept(np.concatenate(rows))
        stacked = codes.view(count, len(picked[0]), *codes.shape[1:])
        if shift > 0:
            offsets = rng.integers(-shift, shift + 1, size=(count, 2))
            offsets[rng.random(count) < 0.5] = 0
            stacked = _moved(stacked, offsets + shift, shift)
        device = self._planner.device
        first, rest = stacked[:, 0], stacked[:, 1:].flatten(1, 2)
        return VideoBatch(first.to(device), rest.to(device), self._skills[chosen].to(device))

    def _pick(
        self, rows: NDArray[np.int64], rng: np.random.Generator, latest_start: int, jitter: float
    ) -> NDArray[np.int64]:
        frames = self._planner.config.frames
        early = np.searchsorted(rows, rows[0] + latest_start, side="right")
        start = int(rng.integers(min(early, len(rows) - 1)))
        times = np.linspace(rows[start], rows[-1], frames + 1)
        times[1:-1] += rng.uniform(-jitter, jitter, frames - 1)
        nearest: NDArray[np.int64] = np.abs(rows[None] - times[:, None]).argmin(axis=1)
        return nearest


def _moved(codes: Tensor, offsets: NDArray[np.int64], shift: int) -> Tensor:
    """Cut a window `[G, G]` out of each row of `[B, T, C, G, G]`, widened by `shift` cells."""
    size = codes.shape[-1]
    wide = F.pad(codes.flatten(1, 2), (shift,) * 4, mode="replicate").view(
        *codes.shape[:3], size + 2 * shift, size + 2 * shift
    )
    rows = zip(wide, offsets.tolist(), strict=True)
    return torch.stack([row[..., y : y + size, x : x + size] for row, (y, x) in rows])


def sample_frames(clips: Sequence[Clip], rng: np.random.Generator, count: int) -> Frames:
    """`count` scene pictures drawn from random clips, uint8 `[count, S, S, 3]`."""
    chosen = rng.integers(len(clips), size=count)
    return np.stack([clips[i].scene[rng.integers(len(clips[i].scene))] for i in chosen])
