"""Skill names and pictures on their way into a network."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mosel_gym.data.images import area_resize
from mosel_gym.errors import SpecMismatch, UnknownId
from mosel_gym.models.images import checked, to_frames, to_tensor
from mosel_gym.models.text import SkillTable

MUG, PUDDING = "put the white mug on the plate", "put the pudding to the left of the plate"


def test_known_skills_have_their_row_in_any_spelling() -> None:
    table = SkillTable((MUG, PUDDING))
    assert table.indices([PUDDING, "  Put the white mug on the plate. "]) == [1, 0]
    assert len(table) == 2


def test_an_unknown_skill_names_the_nearest() -> None:
    with pytest.raises(UnknownId, match=f"nearest.*{MUG}"):
        SkillTable((MUG, PUDDING)).index("put the red mug on the plate")
    with pytest.raises(ValueError, match="twice"):
        SkillTable((MUG, MUG.upper()))


def test_pixels_survive_the_way_to_floats_and_back() -> None:
    frames = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 16, 16, 3)
    pixels = to_tensor(frames)
    assert pixels.shape == (1, 3, 16, 16)
    assert float(pixels.min()) == pytest.approx(-1)
    assert float(pixels.max()) == pytest.approx(1)
    np.testing.assert_array_equal(to_frames(pixels), frames)
    assert to_frames(torch.full((1, 3, 2, 2), 9.0)).max() == 255


def test_pictures_are_resized_as_the_training_data_are() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (128, 128, 3), dtype=np.uint8)
    np.testing.assert_array_equal(checked(frame, 64), area_resize(frame, 64))
    assert checked(np.zeros((96, 128, 3), np.uint8), 64).shape == (64, 64, 3)


@pytest.mark.parametrize(
    "bad", [np.zeros((8, 8, 3), np.float32), np.zeros((8, 8, 4), np.uint8), np.zeros(3, np.uint8)]
)
def test_what_is_no_picture_is_refused(bad: np.ndarray) -> None:
    with pytest.raises(SpecMismatch, match="uint8"):
        checked(bad, 8)
