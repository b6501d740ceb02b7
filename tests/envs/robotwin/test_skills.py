"""Every skill's predicate: true after its expert, false for doing nothing and for the other hand.

The paper's naive plans, which leave the handover out, fail for the physical reason.
"""

from __future__ import annotations

import numpy as np
import pytest

from mosel_gym.envs.aim_errors import AimErrors
from mosel_gym.envs.expert_episode import expert_episode, skill_actions, transition_actions
from mosel_gym.envs.robotwin.env import RobotwinEnv
from mosel_gym.envs.robotwin.objects import BEAT_BLOCK_HALF_M, HAMMER_FACE_M
from mosel_gym.envs.robotwin.tasks import ROBOTWIN_TASKS, SKILLS, goal_of_skill
from mosel_gym.errors import UnknownId
from tests.envs.robotwin.conftest import Make

NUMBERS = range(1, len(SKILLS) + 1)
BRUSH, OVER = "pick up the brush with left hand", "hand over the brush"
PUSH = "push the red block to the blue target region with the brush with right hand"
PAN = "pick up the dustpan with left hand"
SWEEP = "sweep the red block into the dustpan with the brush"


def run(env: RobotwinEnv, skill: str, errors: AimErrors | None = None) -> bool:
    """Whether the episode's goal was ever reached for five steps."""
    reached = False
    for action in skill_actions(env, skill, errors):
        *_, info = env.step(action.astype(np.float32))
        reached = reached or info["success"]
    return reached


def test_the_table_is_listing_1() -> None:
    texts = [row.skill.text for row in SKILLS]
    assert len(set(texts)) == 24
    assert [texts[i] for i in (0, 8, 14, 19, 23)] == [
        "open the cabinet with left hand",
        "pick up the red block with left hand",
        "beat the red block with the hammer with right hand",
        "sweep the red block into the dustpan with the brush",
        "hang the mug on the rack",
    ]
    assert len({row.skill.subgoal for row in SKILLS}) == 24
    assert [row.max_steps for row in ROBOTWIN_TASKS[:3]] == [400, 700, 900]


@pytest.mark.parametrize("number", NUMBERS)
def test_the_expert_reaches_it_and_doing_nothing_does_not(make: Make, number: int) -> None:
    env = make(f"Skill-{number}")
    _, info = env.reset(seed=number)
    skill = info["task"]
    assert not info["skill_done"][skill]
    for _ in range(60):  # nothing moves by itself; the slow test waits for the whole limit
        *_, info = env.step(np.zeros(14, np.float32))
        assert not info["success_once"]
    assert run(env, skill), "the expert can begin sixty steps later"
    assert env._skill_done()[skill], "and leaves it done"


@pytest.mark.parametrize("arm", ["left", "right"])
def test_the_hammer_is_held_where_it_does_not_turn(make: Make, arm: str) -> None:
    """Whoever imitates the expert sends the hand to where the hand was; so must the hammer be."""
    env = make(f"Skill-{12 if arm == 'left' else 13}")
    env.reset(seed=4)
    home = env._proprio()
    assert run(env, f"pick up the hammer with {arm} hand")
    before = np.linalg.inv(env.scene.pose("hammer")) @ env.scene.pose(f"{arm}_hand")
    for action in transition_actions(env, home):
        env.step(action.astype(np.float32))
    after = np.linalg.inv(env.scene.pose("hammer")) @ env.scene.pose(f"{arm}_hand")
    assert np.linalg.norm(after[:3, 3] - before[:3, 3]) < 0.012
    assert env.scene.pose("hammer")[2, 2] > np.cos(np.radians(8.0))


def test_the_last_picture_of_a_blow_is_not_the_one_before_it(make: Make) -> None:
    env = make("Skill-14")
    _, info = env.reset(seed=4)
    assert run(env, info["task"])
    face = env.scene.pose("hammer") @ np.array([*HAMMER_FACE_M, 1.0])
    top = env.scene.pose("block")[2, 3] + BEAT_BLOCK_HALF_M
    assert abs(face[2] - top) < 0.03  # before it, eight centimetres


@pytest.mark.parametrize("number", [12, 16, 19])
def test_a_hand_stands_still_before_it_closes(make: Make, number: int) -> None:
    env = make(f"Skill-{number}")
    _, info = env.reset(seed=number)
    heights: list[float] = []
    for action in skill_actions(env, info["task"]):
        if action[6] > 0:
            break
        env.step(action.astype(np.float32))
        heights.append(float(env.scene.pose("left_hand")[2, 3]))
    assert len(heights) > 10
    assert np.ptp(heights[-5:]) < 0.006


@pytest.mark.slow
@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("hands", ["still", "keep", "close"])
def test_no_still_policy_ever_succeeds(make: Make, number: int, hands: str) -> None:
    env = make(f"Skill-{number}")
    for seed in range(3):
        env.reset(seed=seed)
        for _ in range(env.max_steps):
            action = np.zeros(14, np.float32)
            if hands != "keep":
                action[[6, 13]] = -1.0 if hands == "still" else 1.0
            *_, info = env.step(action)
        assert not info["success_once"]


OTHER = {"left": "right", "right": "left"}


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 6, 7, 8, 12, 13, 14, 15])
def test_the_wrong_hand_never_succeeds(make: Make, number: int) -> None:
    env = make(f"Skill-{number}")
    _, info = env.reset(seed=7)
    text = info["task"]
    hand = "left" if text.endswith("left hand") else "right"
    wrong = text.removesuffix(f"{hand} hand") + f"{OTHER[hand]} hand"
    assert not run(env, wrong)
    assert not env._success_once


@pytest.mark.parametrize(
    ("number", "grasp", "place"),
    [(9, 0.09, 0.0), (16, 0.09, 0.0), (21, 0.09, 0.0), (14, 0.0, 0.06), (22, 0.0, 0.08)],
)
def test_an_expert_that_aims_beside_the_mark_fails(
    make: Make, number: int, grasp: float, place: float
) -> None:
    env = make(f"Skill-{number}")
    _, info = env.reset(seed=2)
    errors = AimErrors(np.array([0.0, grasp, 0.0]), np.array([0.0, place, 0.0]))
    assert not run(env, info["task"], errors)


@pytest.mark.parametrize("name", ["-BeatBlock", "-PushBlock", "-SweepBlock"])
def test_the_plan_with_its_handover_succeeds_in_time(make: Make, name: str) -> None:
    env = make(name)
    episode = expert_episode(env, None, 5, keep_states=False)
    assert episode.success
    assert episode.num_steps < env.max_steps
    assert episode.plan is not None
    if name != "-BeatBlock":
        assert OVER in episode.plan.skills


@pytest.mark.parametrize("seed", [0, 1])
def test_pushing_without_the_handover_fails_because_the_right_hand_is_empty(
    make: Make, seed: int
) -> None:
    env = make("-PushBlock")
    env.reset(seed=seed)
    start = env.scene.pose("block")[:3, 3].copy()
    episode = expert_episode(env, (BRUSH, PUSH), seed, keep_states=False)
    assert not episode.success
    assert env.predicates.held("left", "brush")
    assert not env.predicates.held("right", "brush")
    target = env.scene.pose("target")[:2, 3]
    assert np.abs(env.scene.pose("block")[:2, 3] - target).max() > 0.03
    assert np.linalg.norm(env.scene.pose("block")[:3, 3] - start) < 0.10


@pytest.mark.parametrize("seed", [0, 1])
def test_sweeping_without_the_handover_fails_because_one_hand_holds_one_thing(
    make: Make, seed: int
) -> None:
    env = make("-SweepBlock")
    episode = expert_episode(env, (BRUSH, PAN, SWEEP), seed, keep_states=False)
    assert not episode.success
    assert not any(env.predicates.held(arm, "brush") for arm in ("left", "right"))
    assert env.scene.pose("brush")[2, 3] < 0.80, "it was dropped to take the dustpan"
    assert not env.predicates.holds(goal_of_skill(SWEEP))


def test_some_blocks_can_be_reached_by_one_arm_alone(make: Make) -> None:
    """The paper's point about Beat-Block: which hand takes the hammer matters."""
    env = make("-BeatBlock")
    outcomes = []
    for seed in range(8):
        env.reset(seed=seed)
        right = env.expert_plan()
        hand, other = ("left", "right") if "left" in right[0] else ("right", "left")
        wrong = tuple(text.replace(f"{hand} hand", f"{other} hand") for text in right)
        outcomes.append(
            (
                expert_episode(env, right, seed, keep_states=False).success,
                expert_episode(env, wrong, seed, keep_states=False).success,
            )
        )
    assert all(good for good, _ in outcomes)
    assert {bad for _, bad in outcomes} == {True, False}, "for some blocks, either hand will do"


def test_a_skill_of_another_scene_is_refused_with_those_of_this_one(make: Make) -> None:
    env = make("-PushBlock")
    env.reset(seed=0)
    with pytest.raises(UnknownId, match="hand over the brush"):
        next(skill_actions(env, "hang the mug on the rack"))


def test_joint_control_carries_out_the_same_tasks(make: Make) -> None:
    env = make("-PushBlock", control="joint")
    assert expert_episode(env, None, 0, keep_states=False).success
