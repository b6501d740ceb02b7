"""Finding a task by id and by goal text, and registering the ids."""

from __future__ import annotations

import gymnasium as gym
import pytest

from mosel_gym.envs.libero.coverage import coverage
from mosel_gym.errors import UnknownId
from mosel_gym.registry import TASKS, find_task, register_envs, task_of
from mosel_gym.types import Task

ID = "MOSEL-LiberoLong-Task6"
GOAL = "put the white mug on the plate and put the chocolate pudding to the right of the plate"


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_every_task_is_found_by_id_and_by_goal(task: Task) -> None:
    assert task_of(task.id) is task
    found = find_task(task.goal)
    assert found.goal == task.goal
    if task.suite == "libero-long":
        assert found is task
    elif found.suite == "libero-90":
        assert set(task.skills) <= set(found.skills), "one text, several scenes: all their skills"
    assert set(task.plan) <= set(task.skill_texts)


def test_ten_long_tasks_and_ninety_skills_with_sub_goals() -> None:
    suites = [task.suite for task in TASKS.values()]
    assert (suites.count("libero-long"), suites.count("libero-90")) == (10, 90)
    texts = {task.goal for task in TASKS.values() if task.suite == "libero-90"}
    assert len(texts) == 74
    for task in TASKS.values():
        assert len({skill.subgoal for skill in task.skills}) == len(task.skills), task.id


def test_coverage_finds_the_tasks_that_lack_a_skill_in_their_scene() -> None:
    missing = {row.task_id.rpartition("Task")[2]: row for row in coverage() if not row.in_scene}
    assert sorted(missing) == ["10", "5", "8", "9"]
    assert missing["5"].elsewhere == ("STUDY_SCENE2",)
    assert missing["8"].elsewhere == ("LIVING_ROOM_SCENE1",)
    assert missing["9"].elsewhere == missing["10"].elsewhere == ()


@pytest.mark.parametrize(
    "goal", [GOAL, GOAL.upper(), f"  {GOAL.capitalize()}. ", GOAL.replace(" ", "\n ")]
)
def test_case_spacing_and_a_full_stop_do_not_matter(goal: str) -> None:
    assert find_task(goal).id == ID


def test_an_unknown_goal_names_the_nearest_one_and_the_way_out() -> None:
    with pytest.raises(UnknownId) as caught:
        find_task("put the white mug on the plate and the chocolate pudding to the right")
    assert "'put the white mug on the plate and the chocolate pudding to the right'" in str(
        caught.value
    )
    assert GOAL in str(caught.value)
    assert "skills=[...]" in str(caught.value)
    with pytest.raises(UnknownId, match="chocolate pudding"):
        find_task("???")  # nothing is near: all of them are named


def test_an_unknown_id_names_the_nearest_one() -> None:
    with pytest.raises(UnknownId, match=ID):
        task_of("mosel-liberolong-task6")


def test_registering_twice_changes_nothing() -> None:
    before = dict(gym.registry)
    register_envs()  # importing the package did it once; a second warning would be an error here
    assert gym.registry == before
    assert set(TASKS) <= set(gym.registry)
