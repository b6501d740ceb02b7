"""A policy for larger pictures, from one that was trained on smaller ones."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from mosel_gym.errors import SpecMismatch
from mosel_gym.models.goal_conditioned import GoalConditionedPolicy

PolicyT = TypeVar("PolicyT", bound=GoalConditionedPolicy)

_GRID = "_encoder.head.1.weight"
"""Of the encoders' first matrix behind the flattened grid: the only weights that know the size."""


def resized(policy: PolicyT, size: int) -> PolicyT:
    """The same policy on pictures of `size` px: where to begin a training, not what to act with.

    The matrix behind the last grid is interpolated from its places to those of the new grid, so
    that what was seen at the left edge of the small picture is looked for at the left edge of the
    large one. The convolutions stay, although everything looks larger to them; they adapt soon.

    Args:
        policy: Of any kind; it is left as it was.
        size: Height and width, px; a multiple of 8.

    Raises:
        SpecMismatch: `size` is no positive multiple of 8.
    """
    if size <= 0 or size % 8:
        raise SpecMismatch(
            f"--model.size is {size} px; give a positive multiple of 8, such as 64 or 96."
        )
    larger = type(policy)(replace(policy.config, size=size))
    weights = policy.state_dict()
    for name, value in weights.items():
        if name.endswith(_GRID):
            weights[name] = _regridded(value, policy.config.size // 8, size // 8)
    larger.load_state_dict(weights)
    return larger.to(policy.home_rotvec.device)


def _regridded(matrix: Tensor, old: int, new: int) -> Tensor:
    """`[features, channels * old^2]` -> `[features, channels * new^2]`, with the same sums."""
    grids = matrix.view(len(matrix), -1, old, old)
    finer = F.interpolate(grids, size=(new, new), mode="bilinear", align_corners=False)
    return torch.flatten(finer * (old / new) ** 2, start_dim=1)
