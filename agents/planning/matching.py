"""How well a skill of S serves a clause of the goal, from the words alone."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Sequence
from functools import cache

from mosel_gym.agents.planning.clauses import Clause, parse_clauses

COLOURS = frozenset(
    (
        "black",
        "blue",
        "brown",
        "green",
        "grey",
        "orange",
        "pink",
        "purple",
        "red",
        "white",
        "yellow",
    )
)
SIDES = frozenset(
    ("left", "right", "front", "back", "middle", "top", "bottom")
    + ("left_of", "right_of", "front_of", "back_of")
)
_OPPOSITES = (frozenset(("open", "close")), frozenset(("turn on", "turn off")))
_QUALIFIER_WEIGHT = 2.0
"""A colour or a side decides between skills that share every other word."""
_ROLE_WEIGHTS = (0.2, 0.45, 0.35)
"""Of verb, object and place in the score."""
_FUZZY = 0.6
"""Words count as spellings of one another above this n-gram similarity ("mugs", "mug")."""


class SkillMatcher:
    """Scores the skills of one set S against clauses; words that tell S apart weigh more."""

    def __init__(self, skills: Sequence[str]) -> None:
        """Parse the skill texts once."""
        self.skills = tuple(skills)
        self.clauses = {skill: parse_clauses(skill) for skill in self.skills}
        self._seen = Counter(
            word for clauses in self.clauses.values() for word in set(_words(clauses))
        )

    def score(self, wanted: Sequence[Clause], skill: str) -> float:
        """In 0..1: how well `skill` does all the `wanted` clauses, and nothing else.

        0 if a colour, a side or the verb says the opposite, or if nothing of an object or a place
        is shared.
        """
        offered = self.clauses[skill] if skill in self.clauses else parse_clauses(skill)
        if len(offered) != len(wanted):
            return 0.0
        scores = [self._pair(a, b) for a, b in zip(wanted, offered, strict=True)]
        return 0.0 if min(scores) == 0.0 else sum(scores) / len(scores)

    def _pair(self, wanted: Clause, offered: Clause) -> float:
        if _contradict(wanted, offered):
            return 0.0
        verb = 1.0 if wanted.verb == offered.verb else 0.0
        thing = self._overlap(wanted.object, offered.object)
        place = self._overlap(wanted.place, offered.place)
        if thing == 0.0 or (wanted.location and offered.location and place < 0.2):
            return 0.0
        by_verb, by_object, by_place = _ROLE_WEIGHTS
        return by_verb * verb + by_object * thing + by_place * place

    def _overlap(self, a: Collection[str], b: Collection[str]) -> float:
        """Weighted Jaccard index over words that may differ in spelling; 1 for two empty sides."""
        if not a and not b:
            return 1.0
        shared = total = 0.0
        left = set(b)
        for word in set(a):
            twin = max(left, key=lambda other: similarity(word, other), default=None)
            alike = similarity(word, twin) if twin is not None else 0.0
            weight = self._weight(word)
            total += weight
            if twin is not None and alike > _FUZZY:
                left.discard(twin)
                shared += weight * alike
        total += sum(self._weight(word) for word in left)
        return shared / total

    def _weight(self, word: str) -> float:
        rarity = 1.0 + math.log((1 + len(self.skills)) / (1 + self._seen[word]))
        return rarity * (_QUALIFIER_WEIGHT if word in COLOURS or word in SIDES else 1.0)


@cache
def similarity(a: str, b: str) -> float:
    """Dice coefficient of the letter trigrams of two words, with their ends marked; 1 if equal."""
    if a == b:
        return 1.0
    grams_a, grams_b = _trigrams(a), _trigrams(b)
    return 2.0 * len(grams_a & grams_b) / (len(grams_a) + len(grams_b))


def _trigrams(word: str) -> frozenset[str]:
    marked = f"^{word}$"
    return frozenset(marked[i : i + 3] for i in range(len(marked) - 2))


def _words(clauses: Sequence[Clause]) -> list[str]:
    return [word for clause in clauses for word in (*clause.object, *clause.place)]


def _contradict(a: Clause, b: Clause) -> bool:
    """Whether the two name different colours or sides, or opposite verbs."""
    if a.verb != b.verb and frozenset((a.verb, b.verb)) in _OPPOSITES:
        return True
    for role_a, role_b in ((a.object, b.object), (a.place, b.place)):
        for qualifiers in (COLOURS, SIDES):
            said_a, said_b = qualifiers.intersection(role_a), qualifiers.intersection(role_b)
            # "the white mug" is not "the yellow and white mug": the sets must be equal.
            if said_a and said_b and said_a != said_b:
                return True
    return False
