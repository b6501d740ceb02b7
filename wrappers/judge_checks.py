"""What VideoJudgeReward insists on before it begins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import gymnasium as gym
import numpy as np

from mosel_gym.errors import InvalidPlan
from mosel_gym.wrappers.freeze_finished import FreezeFinished


def step_limit(env: gym.Env[Any, Any], given: int | None) -> int:
    """Steps of an episode: those given, or the environment's own `max_steps`.

    Raises:
        ValueError: There are neither, or more are given than the environment has.
    """
    own: int | None = getattr(env.unwrapped, "max_steps", None)
    if given is not None:
        if not 1 <= given <= (own or given):
            raise ValueError(f"max_steps is {given}; it must lie in 1..{own or 'any number'}.")
        return given
    if own is None:
        raise ValueError(
            "max_steps is None and the environment has no attribute `max_steps`; give a limit. "
            "The environment must allow steps after it has reached its goal."
        )
    return own


def check_numbers(skill_steps: int | None, queue_size: int, when: str, on_full: str) -> None:
    """Refuse numbers below 1 and unknown words.

    Raises:
        ValueError: Says which.
    """
    for name, number in (("skill_steps", skill_steps), ("queue_size", queue_size)):
        if number is not None and number < 1:
            raise ValueError(f"{name} is {number}; it must be at least 1.")
    words = {"when": (when, ("skill_end", "episode_end")), "on_full": (on_full, ("wait", "drop"))}
    for name, (word, allowed) in words.items():
        if word not in allowed:
            raise ValueError(f"{name} is {word!r}; allowed: {', '.join(allowed)}.")


def checked_plan(plan: Sequence[str] | None, skills: Sequence[str] | None) -> tuple[str, ...]:
    """The plan as a tuple.

    Raises:
        InvalidPlan: There is none, or it uses a skill outside `skills`.
    """
    if not plan or isinstance(plan, str):
        raise InvalidPlan(
            f"VideoJudgeReward has no plan to judge by (plan={plan!r}). Give skill texts in order: "
            'VideoJudgeReward(..., plan=[...]) or reset(options={"plan": [...]}).'
        )
    outside = [skill for skill in plan if skills and skill not in skills]
    if outside:
        raise InvalidPlan(f"The plan uses {outside}, outside the skill set {list(skills or ())}.")
    return tuple(plan)


def check_pictures(env: gym.Env[Any, Any]) -> None:
    """Insist on a picture.

    Raises:
        ValueError: There is none.
    """
    space = env.observation_space
    boxes = space.spaces.values() if isinstance(space, gym.spaces.Dict) else ()
    if not any(box.dtype == np.uint8 and len(box.shape or ()) == 3 for box in boxes):
        raise ValueError(
            f"VideoJudgeReward needs a dict with a picture, uint8 [H, W, 3], not {space}. Make the "
            "environment with cameras, and put ObservationFormat outside."
        )


def check_quiet(below: gym.Env[Any, Any]) -> None:
    """Refuse a wrapper that shows the simulator's truth by what it does.

    Raises:
        ValueError: This one would.
    """
    if isinstance(below, FreezeFinished) or getattr(below, "_on_subgoal", False):
        raise ValueError(
            f"{type(below).__name__} below VideoJudgeReward would show the simulator's truth. Put "
            "FreezeFinished outside, make SkillTransition without on_subgoal, or give "
            "hide_truth=False."
        )


def wrappers_below(env: gym.Env[Any, Any]) -> Iterable[gym.Env[Any, Any]]:
    """The wrappers around an environment, outermost first."""
    while isinstance(env, gym.Wrapper):
        yield env
        env = env.env
