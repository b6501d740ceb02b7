"""A policy on larger pictures than it was trained on."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from mosel_gym.errors import SpecMismatch
from mosel_gym.models.goal_conditioned import GoalConditionedPolicy
from mosel_gym.models.inverse_dynamics import GoalPolicy, GoalPolicyConfig
from mosel_gym.models.resizing import resized

CONFIG = GoalPolicyConfig(size=32, features=16, width=32, depth=2)


def seen(policy: GoalConditionedPolicy, pixels: torch.Tensor) -> torch.Tensor:
    """What the scene encoder's first matrix makes of a last grid."""
    matrix = policy.scene_encoder.head[1]
    assert isinstance(matrix, torch.nn.Linear)
    features: torch.Tensor = matrix(pixels.flatten(1))
    return features


def test_a_thing_is_looked_for_at_the_same_place() -> None:
    torch.manual_seed(0)
    small = GoalPolicy(CONFIG)
    large = resized(small, 64)
    assert large.config == replace(CONFIG, size=64)
    grid = torch.rand(3, 32, 2, 2).repeat_interleave(2, 2).repeat_interleave(2, 3)  # 4 x 4, smooth
    finer = grid.repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert grid.shape[-1] == 4
    with torch.no_grad():
        before, after = seen(small, grid), seen(large, finer)
        other = seen(large, finer.flip(3))
    error = (before - after).abs().mean()
    assert error < 0.35 * before.std()
    assert error < 0.5 * (before - other).abs().mean()


def test_everything_else_stays() -> None:
    small = GoalPolicy(CONFIG)
    large = resized(small, 48)
    shapes = {name: value.shape for name, value in small.state_dict().items()}
    changed = [name for name, value in large.state_dict().items() if value.shape != shapes[name]]
    assert changed == ["scene_encoder.head.1.weight", "wrist_encoder.head.1.weight"]
    for name in set(shapes) - set(changed):
        assert torch.equal(small.state_dict()[name], large.state_dict()[name])


@pytest.mark.parametrize("size", [0, 33, -8])
def test_sizes_that_have_no_grid_are_refused(size: int) -> None:
    with pytest.raises(SpecMismatch, match="multiple of 8"):
        resized(GoalPolicy(CONFIG), size)
