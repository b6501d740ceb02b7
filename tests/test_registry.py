"""Finding a task by id and by goal text, and registering the ids."""

from __future__ import annotations

import gymnasium as gym
import pytest

from mosel_gym.errors import UnknownId
from mosel_gym.registry import TASKS, find_task, register_envs, task_of
from mosel_gym.types import Task

ID = "MOSEL-LiberoLong-Task6"
GOAL = "put the white mug on the plate and put the chocolate pudding to the right of the plate"


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_every_task_is_found_by_id_and_by_goal(task: Task) -> None:
    assert task_of(task.id) is task
    assert find_task(task.goal) is task
    assert set(task.plan) <= set(task.skill_texts)


@pytest.mark.parametrize(
    "goal", [GOAL, GOAL.upper(), f"  {GOAL.capitalize()}. ", GOAL.replace(" ", "\n ")]
)
def test_case_spacing_and_a_full_stop_do_not_matter(goal: str) -> None:
    assert find_task(goal).id == ID


def test_an_unknown_goal_names_the_nearest_one_and_the_way_out() -> None:
    with pytest.raises(UnknownId) as caught:
        find_task("put the white mug on the plate")
    assert "'put the white mug on the plate'" in str(caught.value)
    assert GOAL in str(caught.value)
    assert "skills=[...]" in str(caught.value)
    with pytest.raises(UnknownId, match="chocolate pudding"):
        find_task("???")  # nothing is near: all of them are named


def test_an_unknown_id_names_the_nearest_one() -> None:
    with pytest.raises(UnknownId, match=ID):
        task_of("mosel-libero-task6")


def test_registering_twice_changes_nothing() -> None:
    before = dict(gym.registry)
    register_envs()  # importing the package did it once; a second warning would be an error here
    assert gym.registry == before
    assert set(TASKS) <= set(gym.registry)
