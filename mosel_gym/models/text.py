"""Skill texts as indices. The skill set of a scene is finite, so a learned table does for text."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from mosel_gym.errors import UnknownId


class SkillTable:
    """Maps the skill texts that a network was built for to rows of its embedding table."""

    def __init__(self, texts: tuple[str, ...]) -> None:
        """Number `texts` in the order given; spelling differences in case and spaces are forgiven.

        Raises:
            ValueError: Two texts are the same skill.
        """
        self.texts = texts
        self._index = {normalized(text): index for index, text in enumerate(texts)}
        if len(self._index) != len(texts):
            raise ValueError(f"a skill is listed twice in {texts}; list every skill once.")

    def __len__(self) -> int:
        """Number of skills."""
        return len(self.texts)

    def __contains__(self, skill: str) -> bool:
        """Whether the network was built for `skill`."""
        return normalized(skill) in self._index

    def index(self, skill: str) -> int:
        """Row of `skill`.

        Raises:
            UnknownId: The network was not built for this skill; the message names the nearest.
        """
        key = normalized(skill)
        if key in self._index:
            return self._index[key]
        nearest = difflib.get_close_matches(key, list(self._index), n=3, cutoff=0.3)
        known = [self.texts[self._index[match]] for match in nearest] or list(self.texts)
        raise UnknownId(
            f"this network does not know the skill {skill!r}; nearest that it knows: {known}. "
            "Use one of those, or train a network whose `skills` include it."
        )

    def indices(self, skills: Iterable[str]) -> list[int]:
        """Rows of several skills."""
        return [self.index(skill) for skill in skills]


def normalized(text: str) -> str:
    """Lower case, single spaces, no full stop at the end."""
    return " ".join(text.lower().split()).rstrip(".")
