"""The flow's solver against cases with a known answer."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mosel_gym.models.flow import (
    euler,
    euler_from_data_prediction,
    interpolate,
    logit_normal_times,
    normal,
    uniform_times,
)

CPU = torch.device("cpu")


def test_gaussian_data_follow_the_closed_form() -> None:
    """For data N(mu, s^2) the flow maps noise e to mu + s e."""
    mu, s = 0.7, 0.3

    def best_prediction(x: Tensor, t: float) -> Tensor:
        gain = t * s**2 / (t**2 * s**2 + (1 - t) ** 2)
        return mu + gain * (x - t * mu)

    noise = torch.linspace(-2, 2, 9)[:, None]
    end = euler_from_data_prediction(best_prediction, noise, 2000)
    assert torch.allclose(end, mu + s * noise, atol=2e-3)


def test_a_constant_is_reached_in_any_number_of_steps() -> None:
    target = torch.tensor([[1.0, -2.0]])
    for steps in (1, 2, 7):
        end = euler_from_data_prediction(lambda x, t: target, torch.randn(3, 2), steps)
        assert torch.allclose(end, target.expand(3, 2), atol=1e-5)


def test_a_constant_velocity_goes_its_distance() -> None:
    assert torch.allclose(
        euler(lambda x, t: torch.full_like(x, 3.0), torch.zeros(2), 5), torch.tensor(3.0)
    )
    with pytest.raises(ValueError, match="at least 1"):
        euler(lambda x, t: x, torch.zeros(1), 0)


def test_draws_are_reproducible_and_within_their_range() -> None:
    one, two = torch.Generator().manual_seed(5), torch.Generator().manual_seed(5)
    assert torch.equal(normal((3, 2), one, CPU), normal((3, 2), two, CPU))
    for draw in (uniform_times, logit_normal_times):
        times = draw(1000, one, CPU)
        assert times.min() >= 0
        assert times.max() <= 1
        assert times.mean() == pytest.approx(0.5, abs=0.05)


def test_the_path_starts_at_noise_and_ends_at_data() -> None:
    noise, data = torch.zeros(3, 2), torch.ones(3, 2)
    path = interpolate(noise, data, torch.tensor([0.0, 0.25, 1.0]))
    assert path[:, 0].tolist() == [0.0, 0.25, 1.0]
