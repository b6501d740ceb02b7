"""Augmentations."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mosel_gym.training.pictures import (
    NoiseBank,
    put_patches,
    random_shifts,
    scale_brightness,
    shift_into,
    shifted,
    soften,
)


@pytest.mark.parametrize("dy", [-3, 0, 2])
@pytest.mark.parametrize("dx", [-1, 0, 4])
def test_a_shift_repeats_the_edges(dy: int, dx: int) -> None:
    frame = np.random.default_rng(0).integers(0, 256, (9, 8, 3), dtype=np.uint8)
    out = np.zeros_like(frame)
    shift_into(out, frame, dy, dx)
    padded = np.pad(frame, ((4, 4), (4, 4), (0, 0)), mode="edge")
    np.testing.assert_array_equal(out, padded[4 - dy : 13 - dy, 4 - dx : 12 - dx])


def test_shifts_are_within_their_bound_and_per_sample() -> None:
    rng = np.random.default_rng(0)
    shifts = random_shifts(rng, 500, 2)
    assert set(np.unique(shifts)) == {-2, -1, 0, 1, 2}
    frames = [np.full((4, 4, 3), i, np.uint8) for i in range(3)]
    np.testing.assert_array_equal(shifted(frames, shifts[:3]), np.stack(frames))


def test_brightness_is_seen_from_black() -> None:
    pixels = torch.tensor([-1.0, 0.0]).view(1, 1, 1, 2).repeat(1, 3, 1, 1)
    scale_brightness(pixels, torch.tensor([0.5]))
    assert pixels[0, 0, 0].tolist() == [-1.0, -0.5]


def test_only_chosen_rows_are_softened() -> None:
    pixels = torch.rand(2, 3, 8, 8)
    before = pixels.clone()
    soften(pixels, torch.tensor([False, True]))
    assert torch.equal(pixels[0], before[0])
    assert pixels[1].var() < before[1].var()
    assert float(pixels[1].mean()) == pytest.approx(float(before[1].mean()), abs=0.02)


def test_noise_has_the_asked_deviation() -> None:
    pixels = torch.zeros(3, 3, 32, 32)
    NoiseBank(32).add(pixels, torch.tensor([0.0, 0.1, 0.5]), np.random.default_rng(0))
    assert pixels.std(dim=(1, 2, 3)).tolist() == pytest.approx([0.0, 0.1, 0.5], abs=0.02)


def test_a_patch_lies_at_the_same_place_in_all_views_and_comes_from_another_row() -> None:
    rng = np.random.default_rng(0)
    scene = np.repeat(np.arange(40, dtype=np.uint8), 32 * 32 * 3).reshape(40, 32, 32, 3)
    goal = scene + 100
    put_patches([scene, goal], rng, often=0.5, sides=(4, 10))
    rows = np.arange(40, dtype=np.uint8)[:, None, None, None]
    changed = scene != rows
    assert 10 < changed.any(axis=(1, 2, 3)).sum() < 30
    assert np.array_equal(goal, np.where(changed, scene, rows + 100))  # one source, one place
    sides = changed[..., 0].any(axis=2).sum(axis=1), changed[..., 0].any(axis=1).sum(axis=1)
    assert all(set(side[side > 0]) <= set(range(4, 11)) for side in sides)


def test_no_patch_is_larger_than_the_picture_and_no_picture_is_needed() -> None:
    tiny = np.zeros((4, 8, 8, 3), np.uint8)
    put_patches([tiny], np.random.default_rng(0), often=1.0, sides=(6, 20))
    put_patches([np.zeros((4, 8, 8, 0), np.uint8)], np.random.default_rng(0), 1.0, (6, 20))
