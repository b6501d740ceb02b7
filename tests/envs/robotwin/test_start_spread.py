"""Demonstrations that begin with a tool in hand can be made with grasps that differ."""

from __future__ import annotations

import numpy as np
import pytest

from mosel_gym.envs.robotwin.env import RobotwinEnv
from mosel_gym.errors import SpecMismatch
from tests.envs.robotwin.conftest import Make

SEEDS = range(6)


def along_the_handle(env: RobotwinEnv, seed: int) -> float:
    """Where the left hand is along the hammer's handle after `reset`, m."""
    env.reset(seed=seed)
    assert env.predicates.held("left", "hammer")
    hand = np.linalg.inv(env.scene.pose("hammer")) @ env.scene.pose("left_hand")
    return float(hand[1, 3])


def test_grasps_differ_and_follow_the_seed(make: Make) -> None:
    same = [along_the_handle(make("Skill-14"), seed) for seed in SEEDS]
    spread = make("Skill-14", start_spread_m=0.025)
    differ = [along_the_handle(spread, seed) for seed in SEEDS]
    assert np.ptp(same) < 0.01
    assert np.ptp(differ) > 0.02
    assert differ[2] == along_the_handle(spread, 2)


def test_some_grasps_are_deeper_between_the_fingers(make: Make) -> None:
    def depth(env: RobotwinEnv, seed: int) -> float:
        env.reset(seed=seed)
        hammer = np.linalg.inv(env.controls["left"].end_effector()) @ env.scene.pose("hammer")
        return float(hammer[2, 3])

    spread, middle = make("Skill-14", start_spread_m=0.025), make("Skill-14")
    depths = [depth(spread, seed) for seed in SEEDS]
    assert min(depths) < min(depth(middle, seed) for seed in SEEDS) - 0.008
    assert min(depths) > 0.0  # the handle is still between the fingertips


@pytest.mark.parametrize("spread_m", [-0.01, 0.2])
def test_a_spread_that_misses_the_handle_is_refused(make: Make, spread_m: float) -> None:
    with pytest.raises(ValueError, match="start_spread_m"):
        make("Skill-14", start_spread_m=spread_m)


def test_a_task_that_begins_with_empty_hands_refuses_it(make: Make) -> None:
    with pytest.raises(ValueError, match="no effect"):
        make("-BeatBlock", start_spread_m=0.02)


def test_a_state_goes_back_into_the_same_spread_only(make: Make) -> None:
    spread, same = make("Skill-14", start_spread_m=0.025), make("Skill-14", start_spread_m=0.025)
    along_the_handle(spread, 3)
    same.set_state(spread.get_state())
    np.testing.assert_array_equal(same.record_state(), spread.record_state())
    with pytest.raises(SpecMismatch, match="start_spread_m"):
        make("Skill-14").set_state(spread.get_state())
