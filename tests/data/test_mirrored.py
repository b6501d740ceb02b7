"""Mirror images of clips: against kinematics, and against the simulator."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

import mosel_gym  # noqa: F401
from mosel_gym.data.clip import Clip
from mosel_gym.data.mirrored import mirrored, mirrored_clips, other_hand
from mosel_gym.errors import SpecMismatch
from mosel_gym.rotations import axis_angle_to_matrix
from mosel_gym.specs import robot

DUAL = robot("dual-panda-ee")
MIRROR = np.diag([-1.0, 1.0, 1.0])
PICK, OTHER = "pick up the hammer with left hand", "pick up the hammer with right hand"


def clip(skill: str = PICK, hands: int = 2) -> Clip:
    rng = np.random.default_rng(0)
    return Clip(
        skill=skill,
        scene=rng.integers(0, 256, (4, 8, 8, 3), np.uint8),
        hands=rng.integers(0, 256, (4, 8, 8, 3 * hands), np.uint8),
        proprio=rng.normal(size=(4, 16)).astype(np.float32),
        actions=rng.uniform(-1, 1, (3, 14)).astype(np.float32),
        fresh=np.ones(4, bool),
        success=True,
        imagined=rng.integers(0, 256, (7, 8, 8, 3), np.uint8),
    )


def test_the_hands_are_where_a_mirror_between_the_feet_shows_them() -> None:
    proprio = np.random.default_rng(1).uniform(-0.8, 0.8, 16)
    left, right = DUAL.end_effectors(proprio)
    shown_left, shown_right = DUAL.end_effectors(DUAL.mirrored_proprio(proprio))
    for seen, hand in ((shown_left, right), (shown_right, left)):
        np.testing.assert_allclose(seen[0], MIRROR @ hand[0], atol=1e-6)
        # Mirrored in its own upright plane as well: a mirror alone makes a left-handed frame.
        wanted = MIRROR @ axis_angle_to_matrix(hand[1]) @ np.diag([1.0, -1.0, 1.0])
        np.testing.assert_allclose(axis_angle_to_matrix(seen[1]), wanted, atol=1e-6)
    swapped = DUAL.mirrored_proprio(proprio)[[7, 15]]
    np.testing.assert_allclose(swapped, proprio[[15, 7]], rtol=1e-6)


@pytest.mark.parametrize("control", ["ee_delta", "joint"])
def test_the_simulator_carries_out_the_mirror_image_of_an_action(control: str) -> None:
    env = gym.make("MOSEL-RoboTwin-PushBlock", renderer="none", control=control).unwrapped
    spec = robot(env.reset(seed=0)[1]["robot"])
    rng = np.random.default_rng(2)
    still = spec.still(env.reset(seed=0)[0]["proprio"])
    moves = rng.uniform(-0.3, 0.3, (12, spec.action_size)).astype(np.float32)
    actions = still + moves if control == "joint" else moves
    actions[:, list(spec.gripper_dims)] = [spec.close_grip, spec.open_grip]

    def carried_out(rows: np.ndarray) -> np.ndarray:
        env.reset(seed=0)
        return np.array([env.step(row)[0]["proprio"] for row in rows])

    seen, shown = carried_out(actions), carried_out(spec.mirrored_action(actions))
    env.close()
    assert np.abs(seen - spec.mirrored_proprio(seen)).max() > 0.1  # no symmetric motion
    np.testing.assert_allclose(shown, spec.mirrored_proprio(seen), atol=0.01)


def test_twice_mirrored_is_the_clip() -> None:
    once = mirrored(clip(), DUAL)
    twice = mirrored(once, DUAL)
    assert (once.skill, twice.skill) == (OTHER, PICK)
    assert not np.array_equal(once.scene, clip().scene)
    for name in ("scene", "hands", "imagined", "fresh"):
        np.testing.assert_array_equal(getattr(twice, name), getattr(clip(), name))
    np.testing.assert_allclose(twice.proprio, clip().proprio, atol=1e-5)
    np.testing.assert_array_equal(twice.actions, clip().actions)


def test_each_view_of_a_hand_takes_the_other_ones_place_and_is_flipped() -> None:
    before, after = clip().hands, mirrored(clip(), DUAL).hands
    np.testing.assert_array_equal(after[..., :3], before[:, :, ::-1, 3:])
    np.testing.assert_array_equal(after[..., 3:], before[:, :, ::-1, :3])


def test_only_what_both_hands_do_is_mirrored() -> None:
    alone = "pick up the brush with left hand"
    found = mirrored_clips([clip(PICK), clip(OTHER), clip(alone), clip("hand over it")], DUAL)
    assert [one.skill for one in found] == [OTHER, PICK]


def test_words_that_only_contain_a_side_stay() -> None:
    assert other_hand("put the leftover upright with right hand") == (
        "put the leftover upright with left hand"
    )


def test_what_cannot_be_mirrored_says_so() -> None:
    with pytest.raises(SpecMismatch, match="no skill of the clips"):
        mirrored_clips([clip(PICK)], DUAL)
    with pytest.raises(SpecMismatch, match="1 hand cameras"):
        mirrored(clip(hands=1), DUAL)
    with pytest.raises(SpecMismatch, match="two arms"):
        robot("panda").mirrored_action(np.zeros((3, 7)))
    with pytest.raises(SpecMismatch, match="two arms"):
        robot("panda").mirrored_proprio(np.zeros(8))
