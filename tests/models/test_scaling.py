"""Normalisers and relative rotations."""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from mosel_gym.models.normalizer import MinMax, Standardize
from mosel_gym.models.rotation import mean_rotvec, relative_rotvec


def test_min_max_scales_to_one_and_back_with_a_floor() -> None:
    values = np.array([[-0.5, 0.001], [0.25, -0.001]], np.float32)
    scaling = MinMax(2)
    scaling.fit(values)
    encoded = scaling.encode(torch.from_numpy(values))
    assert torch.allclose(encoded[:, 0], torch.tensor([-1.0, 1.0]))
    assert encoded[:, 1].abs().max() < 0.03  # half range .001, floor .05
    assert torch.allclose(scaling.decode(encoded), torch.from_numpy(values), atol=1e-6)


def test_standardize_survives_a_constant_dimension() -> None:
    values = np.stack([np.linspace(0, 4, 50), np.full(50, 2.0)], axis=1).astype(np.float32)
    scaling = Standardize(2)
    scaling.fit(values)
    encoded = scaling.encode(torch.from_numpy(values))
    assert torch.allclose(encoded.mean(0), torch.zeros(2), atol=1e-5)
    assert torch.isfinite(encoded).all()


def test_relative_rotation_agrees_with_scipy() -> None:
    rotvecs = Rotation.random(200, random_state=0).as_rotvec()
    home = np.array([3.0, 0.2, -0.1])
    expected = (Rotation.from_rotvec(home).inv() * Rotation.from_rotvec(rotvecs)).as_rotvec()
    ours = relative_rotvec(torch.from_numpy(rotvecs), torch.from_numpy(home)).numpy()
    np.testing.assert_allclose(ours, expected, atol=1e-6)


def test_the_flip_at_pi_disappears_and_home_is_zero() -> None:
    home = torch.tensor([torch.pi - 0.01, 0.0, 0.0])
    either_side = torch.tensor([[torch.pi - 0.001, 0.0, 0.0], [-torch.pi + 0.001, 0.0, 0.0]])
    turned = relative_rotvec(either_side, home)
    assert (turned[0] - turned[1]).norm() < 0.01
    assert relative_rotvec(home[None], home).abs().max() < 1e-3


def test_mean_rotation_ignores_the_sign_of_the_vectors() -> None:
    rotvecs = np.array([[3.1, 0, 0], [-3.1, 0, 0], [3.12, 0, 0], [-3.12, 0, 0]], np.float32)
    assert abs(np.linalg.norm(mean_rotvec(rotvecs)) - np.pi) < 1e-3
