"""The hand that a plan names follows from where a coloured thing lies in the picture."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

import mosel_gym
from mosel_gym.agents.planning.offline import OfflinePlanner, OfflinePlannerConfig
from mosel_gym.agents.planning.sides import with_nearer_hand

HAMMER = tuple(
    f"{what} with {hand} hand"
    for what in ("pick up the hammer", "beat the red block with the hammer")
    for hand in ("left", "right")
)
LOOKS = OfflinePlanner(OfflinePlannerConfig(nearer_hand=True))
TABLE = (220, 212, 200)
RED, BLUE = (204, 28, 26), (38, 82, 217)


def picture(color: tuple[int, int, int], column: int) -> np.ndarray:
    frame = np.full((64, 64, 3), TABLE, np.uint8)
    frame[30:33, column : column + 3] = color
    return frame


@pytest.mark.parametrize(
    ("column", "hand"), [(4, "left"), (28, "left"), (33, "right"), (58, "right")]
)
def test_the_hand_on_the_things_side(column, hand):
    plan = LOOKS.plan(
        mosel_gym.task_of("MOSEL-RoboTwin-BeatBlock"), {"head_camera": picture(RED, column)}
    )
    assert plan.skills == (
        f"pick up the hammer with {hand} hand",
        f"beat the red block with the hammer with {hand} hand",
    )


@pytest.mark.parametrize(
    ("skill", "frame"),
    [
        (HAMMER[2], picture(BLUE, 58)),  # nothing red to be seen
        (HAMMER[2], np.full((64, 64, 3), 128, np.uint8)),
        (HAMMER[0], picture(RED, 58)),  # its text has no colour
        ("push the red block to the left", picture(RED, 58)),  # S has no other hand for it
    ],
)
def test_a_skill_stays_where_the_picture_does_not_tell(skill, frame):
    assert with_nearer_hand((skill,), (*HAMMER, skill), frame) == (skill,)


def test_without_being_asked_to_it_does_not_look():
    task = mosel_gym.task_of("MOSEL-RoboTwin-BeatBlock")
    plan = OfflinePlanner().plan(task, {"head_camera": picture(RED, 58)})
    assert plan.skills == HAMMER[::2]


def test_in_the_real_scenes():
    env = gym.make("MOSEL-RoboTwin-BeatBlock", disable_env_checker=True)
    try:
        for seed in range(30):
            observation, info = env.reset(seed=seed)
            plan = LOOKS.plan(mosel_gym.task_of(info["task_id"]), observation)
            right = env.get_wrapper_attr("scene").pose("block")[0, 3] > 0
            assert ("right" in plan.skills[-1]) == right
    finally:
        env.close()


def test_what_reset_brought_into_the_hands_is_not_picked_up_again():
    for number, row in [(14, 1), (17, 1), (18, 2), (20, 3)]:
        task = mosel_gym.task_of(f"MOSEL-RoboTwinSkill-{number}")
        assert len(task.start) == row
        for foresees in (False, True):
            planner = OfflinePlanner(OfflinePlannerConfig(foresee_hands=foresees))
            assert planner.plan(task).skills == (task.goal,)
