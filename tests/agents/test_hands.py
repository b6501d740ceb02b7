"""Two hands in the words of skills: the offline planner on RoboTwin's goals."""

from __future__ import annotations

import numpy as np
import pytest

from mosel_gym.agents.analysis.failure import SubgoalOutcome, identify_failure
from mosel_gym.agents.planning.hands import HandRules, hand_of, without_hand
from mosel_gym.agents.planning.offline import OfflinePlanner, OfflinePlannerConfig
from mosel_gym.types import Episode, Skill, SkillSegment, Task, TaskPlan

# Listing 1 of the paper, whole; a task's S is a part of it.
SKILLS = (
    *(f"{verb} with {hand} hand"
      for verb in ("open the cabinet", "pick up the apple", "put the apple in the cabinet",
                   "close the cabinet")
      for hand in ("left", "right")),
    "pick up the red block with left hand",
    "hand over the red block",
    "put the red block on the blue target region with right hand",
    "pick up the hammer with left hand",
    "pick up the hammer with right hand",
    "beat the red block with the hammer with left hand",
    "beat the red block with the hammer with right hand",
    "pick up the brush with left hand",
    "hand over the brush",
    "push the red block to the blue target region with the brush with right hand",
    "pick up the dustpan with left hand",
    "sweep the red block into the dustpan with the brush",
    "pick up the mug with left hand",
    "place the mug in front of the rack",
    "pick up the mug with right hand",
    "hang the mug on the rack",
)  # fmt: skip
HAMMER = SKILLS[11:15]
LEFT_HAMMER, RIGHT_HAMMER, BEAT_LEFT, BEAT_RIGHT = HAMMER
BRUSH, HAND_OVER, PUSH, DUSTPAN, SWEEP = SKILLS[15:20]
BEAT_GOAL = "Beat the red block with the hammer."
PUSH_GOAL = "Push the red block to the target blue region with the brush."
SWEEP_GOAL = "Sweep the red block to the dustpan with the brush."


def make_task(goal: str, skills: tuple[str, ...]) -> Task:
    return Task("test", "test", goal, tuple(Skill(text, text) for text in skills), plan=())


def replan(goal: str, skills: tuple[str, ...], *rationales: str) -> list[tuple[str, ...]]:
    task, planner = make_task(goal, skills), OfflinePlanner()
    history: list[tuple[TaskPlan, str]] = []
    plans = [planner.plan(task, None)]
    for rationale in rationales:
        history.append((plans[-1], rationale))
        plans.append(planner.plan(task, None, history))
    return [written.skills for written in plans]


RATIONALES = (
    "The right hand never held the brush.",
    f'"{PUSH}" failed: its sub-goal was not reached after 300 steps.',
    "The block did not move, since the brush was still in the left hand.",
    "",
)


@pytest.mark.parametrize("skills", [(BRUSH, HAND_OVER, PUSH), SKILLS], ids=["own", "all"])
@pytest.mark.parametrize("rationale", RATIONALES)
def test_the_brush_is_handed_over_after_a_failure(skills, rationale):
    first, second = replan(PUSH_GOAL, skills, rationale)
    assert first == (BRUSH, PUSH)
    assert second == (BRUSH, HAND_OVER, PUSH)


@pytest.mark.parametrize("skills", [(BRUSH, HAND_OVER, DUSTPAN, SWEEP), SKILLS], ids=["own", "all"])
@pytest.mark.parametrize("rationale", RATIONALES)
def test_one_hand_cannot_hold_brush_and_dustpan(skills, rationale):
    first, second = replan(SWEEP_GOAL, skills, rationale)
    assert first == (BRUSH, DUSTPAN, SWEEP)
    assert second == (BRUSH, HAND_OVER, DUSTPAN, SWEEP)


@pytest.mark.parametrize("skills", [HAMMER, SKILLS], ids=["own", "all"])
def test_the_other_arm_tries_where_one_failed(skills):
    rationale = f'"{BEAT_LEFT}" failed: the left arm cannot reach the block.'
    first, second = replan(BEAT_GOAL, skills, rationale)
    assert first == (LEFT_HAMMER, BEAT_LEFT)
    assert second == (RIGHT_HAMMER, BEAT_RIGHT)


@pytest.mark.parametrize(
    ("goal", "expected"),
    [
        (PUSH_GOAL, (BRUSH, HAND_OVER, PUSH)),
        (SWEEP_GOAL, (BRUSH, HAND_OVER, DUSTPAN, SWEEP)),
        (BEAT_GOAL, (LEFT_HAMMER, BEAT_LEFT)),
        ("Put the red block on the blue target region", SKILLS[8:11]),
        ("Hang the mug on the rack", (SKILLS[20], SKILLS[23])),
        (
            "open the cabinet, put the apple in the cabinet and close it",
            (SKILLS[0], SKILLS[2], SKILLS[4], SKILLS[6]),
        ),
    ],
)
def test_hand_overs_can_be_foreseen(goal, expected):
    planner = OfflinePlanner(OfflinePlannerConfig(foresee_hands=True))
    written = planner.plan(make_task(goal, SKILLS), None)
    assert written.skills == expected
    assert HandRules(SKILLS).conflict(written.skills) is None


def test_conflicts_are_told_in_words():
    rules = HandRules(SKILLS)
    told = {
        (BRUSH, PUSH): (PUSH, "the left hand holds the brush, not the right hand"),
        (BRUSH, DUSTPAN): (DUSTPAN, "the left hand is full: it holds the brush"),
        (PUSH,): (PUSH, "no hand holds the brush"),
        (LEFT_HAMMER, SKILLS[0]): (SKILLS[0], "the left hand is full: it holds the hammer"),
        (LEFT_HAMMER, RIGHT_HAMMER): (RIGHT_HAMMER, "a hand holds the hammer already"),
        (BRUSH, SKILLS[13]): (SKILLS[13], "no hand holds the hammer"),
        (BRUSH, RIGHT_HAMMER, HAND_OVER): (HAND_OVER, "both hands are full"),
    }
    assert {plan: rules.conflict(plan) for plan in told} == told
    assert rules.ready((SWEEP, PUSH)) == (BRUSH, HAND_OVER, DUSTPAN, SWEEP, PUSH)
    without_hand_over = HandRules((BRUSH, PUSH))
    assert without_hand_over.ready((PUSH,)) is None


def test_skills_without_hands_are_left_alone():
    skills = ("put the white mug on the plate", "pick up the book and place it in the caddy")
    rules = HandRules(skills)
    assert rules.ready(skills) == rules.equipped(skills) == skills
    assert rules.conflict(skills) is None
    assert hand_of("put the mug to the right of the plate") is None
    assert without_hand(BEAT_LEFT) == without_hand(BEAT_RIGHT)


def make_episode(*plan: str) -> Episode:
    """Ten steps for each skill."""
    steps = 10 * len(plan)
    return Episode(
        task_id="t",
        goal=PUSH_GOAL,
        seed=0,
        observations={"proprio": np.zeros((steps + 1, 16), np.float32)},
        actions=np.zeros((steps, 14), np.float32),
        plan=TaskPlan(plan, "", "test"),
        segments=tuple(SkillSegment(s, 10 * at, 10 * at + 10) for at, s in enumerate(plan)),
    )


def test_reflection_blames_the_plan_and_the_planner_mends_it():
    episode = make_episode(BRUSH, PUSH)
    failed = identify_failure(episode, [SubgoalOutcome(0, True), SubgoalOutcome(1, False)], "test")
    assert (failed.fault, failed.failed_skill) == ("language", PUSH)
    assert "the left hand holds the brush" in failed.rationale
    assert episode.plan is not None
    history = [(episode.plan, failed.rationale)]
    mended = OfflinePlanner().plan(make_task(PUSH_GOAL, SKILLS), None, history)
    assert mended.skills == (BRUSH, HAND_OVER, PUSH)
    well = identify_failure(episode, [SubgoalOutcome(0, True), SubgoalOutcome(1, True)], "test")
    assert (well.success, well.fault) == (True, "none")


def test_what_is_handed_over_was_not_undone():
    episode = make_episode(BRUSH, HAND_OVER, PUSH)
    rows = [SubgoalOutcome(0, True, undone_in=1), SubgoalOutcome(1, True), SubgoalOutcome(2, True)]
    assert identify_failure(episode, rows, "test").success
    dropped = [*rows[:1], SubgoalOutcome(1, False), SubgoalOutcome(2, False)]
    reflection = identify_failure(episode, dropped, "test")
    assert (reflection.fault, reflection.failed_skill) == ("skill", HAND_OVER)
    # A brush that sweeps the table is no longer in the air, where it was handed over.
    used = [SubgoalOutcome(0, True), SubgoalOutcome(1, True, undone_in=2), SubgoalOutcome(2, True)]
    assert identify_failure(episode, used, "test").success
