"""What a model calls a skill, and the skill of S that it means."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mosel_gym.agents.planning.clauses import parse_clauses
from mosel_gym.agents.planning.matching import SIDES, SkillMatcher

_MAX_LETTERS = 300
"""A longer text is no misspelt skill."""
_NUMBER = re.compile(r"^\s*(?:[-*]|\(?\d+[.):])\s+")


class SkillMender:
    """Finds the skill of S behind a text that is nearly, but not exactly, its name.

    Letter case, spacing, list numbers, quotes and a final full stop do not matter. Any other
    difference is mended only if one skill fits clearly better than all others, and never if the
    two texts name different hands, sides, colours or verbs: "drop the brush" is no spelling of
    "pick up the brush", whatever else they share. Synonyms ("place", "put") are one verb.
    """

    def __init__(self, skills: Sequence[str], min_score: float = 0.8, lead: float = 0.1) -> None:
        """Take S.

        Args:
            skills: S.
            min_score: A text that matches no skill this well, in 0..1, stands for none.
            lead: By how much the best match has to beat the second one.
        """
        self._matcher = SkillMatcher(skills)
        self._exact = {normalised(skill): skill for skill in skills}
        self._min_score, self._lead = min_score, lead

    def exact(self, said: str) -> str | None:
        """The skill of this name; None if S has none."""
        return self._exact.get(normalised(said))

    def nearest(self, said: str) -> str | None:
        """The one skill that the text must mean; None if there is none, or more than one."""
        if len(said) > _MAX_LETTERS:
            return None
        clauses = parse_clauses(_bare(said))
        scores = sorted(
            ((self._matcher.score(clauses, skill), skill) for skill in self._matcher.skills),
            reverse=True,
        )
        if not scores or scores[0][0] < self._min_score:
            return None
        if len(scores) > 1 and scores[0][0] - scores[1][0] < self._lead:
            return None
        best = scores[0][1]
        same = _sides(said) == _sides(best) and _verbs(said) == _verbs(best)
        return best if same else None


def normalised(text: str) -> str:
    """The text without what does not matter in a skill's name."""
    return " ".join(_bare(text).lower().split())


def _bare(text: str) -> str:
    return _NUMBER.sub("", text).strip(" \t\r\n\"'`“”.")


def _sides(text: str) -> set[str]:
    """Words such as "right": one more or one less of them is another place."""
    return {
        word
        for clause in parse_clauses(_bare(text))
        for word in (*clause.object, *clause.place)
        if word in SIDES
    }


def _verbs(text: str) -> list[str]:
    """One a clause; of a clause with none that we know, in any language, the first word."""
    return [clause.verb or " ".join(clause.object[:1]) for clause in parse_clauses(_bare(text))]
