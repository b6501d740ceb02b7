"""Skill texts as vectors of a frozen text encoder, computed once and kept beside the weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class TextConfig:
    """How a network reads the skill."""

    encoder: Literal["table", "words", "clip", "t5"] = "table"
    """"table": a learned row for each skill, the default; a skill set is finite. "words": a fixed
    vector for each word, so that skills share what their words share. "clip" and "t5": vectors of a
    frozen text encoder."""
    width: int = 0
    """Size of a vector, D; set when the skills are embedded."""
    tokens: int = 0
    """Vectors of the longest skill, L; set when the skills are embedded."""


class TextVectors(nn.Module):
    """A buffer with the encoder's vectors of every skill, so that running needs no encoder."""

    vectors: Tensor
    """float32 `[skills, L, D]`, zero after a skill's last token."""
    lengths: Tensor
    """int64 `[skills]`: tokens of each skill."""

    def __init__(self, skills: int, config: TextConfig) -> None:
        """Make room; `put` fills it."""
        super().__init__()
        self.register_buffer("vectors", torch.zeros(skills, config.tokens, config.width))
        self.register_buffer("lengths", torch.ones(skills, dtype=torch.int64))

    def put(self, rows: Sequence[Tensor]) -> None:
        """Replace all rows by one `[n, D]` for each skill; n may differ and be new."""
        device = self.vectors.device
        self.vectors = nn.utils.rnn.pad_sequence(list(rows), batch_first=True).float().to(device)
        self.lengths = torch.tensor([len(row) for row in rows], device=device)

    def rows(self) -> list[Tensor]:
        """What `put` was given."""
        counts = self.lengths.tolist()
        return [row[:count] for row, count in zip(self.vectors, counts, strict=True)]

    def sequence(self, skill: Tensor) -> Tensor:
        """Vectors `[B, L, D]` of skills `[B]`, for a network that attends to them."""
        return self.vectors[skill]

    def mean(self, skill: Tensor) -> Tensor:
        """Their means over the tokens, `[B, D]`, for a network that adds one vector."""
        return self.vectors[skill].sum(dim=1) / self.lengths[skill, None]


class TextProjection(nn.Sequential):
    """From a frozen encoder's width to a network's own, `[..., D] -> [..., width]`, trained."""

    def __init__(self, width_in: int, width: int) -> None:
        """Make two layers; the first sees vectors of unit size, whatever the encoder's is."""
        super().__init__(
            nn.LayerNorm(width_in, elementwise_affine=False),
            nn.Linear(width_in, width),
            nn.SiLU(),
            nn.Linear(width, width),
        )
