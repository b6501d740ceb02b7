"""Predicates in words, for `info["subgoals"]`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mosel_gym.envs.libero.tasks import Predicate
from mosel_gym.types import Skill

_VERBS = {
    "on": "{} is on {}",
    "in": "{} is in {}",
    "open": "{} is open",
    "close": "{} is closed",
    "turnon": "{} is on",
    "turnoff": "{} is off",
}


def sentence(
    predicate: Predicate, skills: Sequence[Skill], goals: Mapping[str, tuple[Predicate, ...]]
) -> str:
    """The sub-goal of the skill that has just this predicate for its goal, or else plain words.

    Args:
        predicate: ("on", "moka_pot_1", "flat_stove_1_cook_region").
        skills: S.
        goals: Skill text -> its predicates.

    Returns:
        "the moka pot stands on the stove"; without such a skill "moka pot 1 is on flat stove 1 cook
        region".
    """
    for skill in skills:
        if goals[skill.text] == (predicate,):
            return skill.subgoal
    verb, *things = predicate
    return _VERBS[verb].format(*(thing.replace("_", " ") for thing in things))
