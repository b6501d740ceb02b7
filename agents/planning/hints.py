"""What a rationale [r] asks of the next plan: which skill was disturbed, which failed, what order.

Rationales come from our analyzers, from video language models and from people. The parser looks for
skills, by their text or by their object, and for a few words around them; what it cannot read it
leaves out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mosel_gym.agents.planning.clauses import parse_clauses

_DISTURBED = re.compile(
    r"\b(undone|undid|knock\w*|disturb\w*|collid\w*|collision|displac\w*|toppl\w*|tipp\w+|bump\w*"
    r"|pushed (?:away|off|over)|fell)\b"
)
_FAILED = re.compile(
    r"\b(not|never|fail\w*|miss\w*|unable|cannot|couldn't|didn't|wasn't|dropped|slipped)\b"
)
_CAUSE = re.compile(r"\b(while|during|when|by)\b[^\"]{0,45}$")
_USELESS = re.compile(r"\b(does not serve|unnecessary|not needed|superfluous|irrelevant)\b")


@dataclass(frozen=True)
class Hints:
    """Skill texts, as they stand in S."""

    disturbed: tuple[str, ...] = ()
    """Reached, then undone by a later skill."""
    failed: tuple[str, ...] = ()
    before: tuple[tuple[str, str], ...] = ()
    """Pairs (earlier, later) that the rationale asks for."""
    missing: tuple[str, ...] = ()
    """Named in the rationale, but not part of the plan."""
    useless: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Mention:
    skill: str
    start: int
    stop: int


def parse_rationale(rationale: str, plan: Sequence[str], skills: Sequence[str]) -> Hints:
    """Read the hints of one rationale.

    Args:
        rationale: What the analyzer said of an episode.
        plan: The skills that were carried out.
        skills: The whole set S.
    """
    disturbed: list[str] = []
    failed: list[str] = []
    before: list[tuple[str, str]] = []
    missing: list[str] = []
    useless: list[str] = []
    for sentence in re.split(r"[.;!?\n]+", rationale.lower()):
        text = _plain(sentence)
        mentions = _mentions(text, plan, skills)
        if not mentions:
            continue
        named = list(dict.fromkeys(mention.skill for mention in mentions))
        missing += [skill for skill in named if skill not in plan]
        before += _orders(text, mentions)
        if _DISTURBED.search(text):
            causes = {m.skill for m in mentions if _CAUSE.search(text[: m.start])}
            victim = next((skill for skill in named if skill not in causes), named[0])
            cause = next((skill for skill in named if skill != victim), None)
            disturbed.append(victim)
            before += [(cause, victim)] if cause else []
        elif _USELESS.search(text):
            useless += named
        elif (word := _FAILED.search(text)) is not None:
            earlier = [m.skill for m in mentions if m.start < word.start()]
            failed.append(earlier[-1] if earlier else named[0])
    return Hints(
        disturbed=tuple(dict.fromkeys(disturbed)),
        failed=tuple(dict.fromkeys(failed)),
        before=tuple(dict.fromkeys(before)),
        missing=tuple(dict.fromkeys(missing)),
        useless=tuple(dict.fromkeys(useless)),
    )


def _orders(text: str, mentions: Sequence[_Mention]) -> list[tuple[str, str]]:
    """The pair (A, B) for "A before B" and "B after A", where only small words stand between."""
    orders = []
    for left, right in zip(mentions, mentions[1:], strict=False):
        between = text[left.stop : right.start]
        if left.skill == right.skill or len(between) > 30:
            continue
        if re.search(r"\bbefore\b|, then\b", between):
            orders.append((left.skill, right.skill))
        elif re.search(r"\bafter\b", between):
            orders.append((right.skill, left.skill))
    return orders


def _mentions(text: str, plan: Sequence[str], skills: Sequence[str]) -> list[_Mention]:
    """Where skills are named, in text order; longer names win over what they contain."""
    names: list[tuple[str, str]] = [(_plain(skill), skill) for skill in (*plan, *skills)]
    objects = {skill: _object_words(skill) for skill in plan}
    for skill, words in objects.items():
        for size in range(len(words), 0, -1):  # "white mug", then "mug" if no other skill has one
            tail = words[-size:]
            if sum(other[-size:] == tail for other in objects.values()) == 1:
                names.append((" ".join(tail), skill))
    found: list[_Mention] = []
    for name, skill in sorted(dict(reversed(names)).items(), key=lambda item: -len(item[0])):
        for match in re.finditer(rf"\b{re.escape(name)}\b", text):
            span = _Mention(skill, match.start(), match.end())
            if all(span.stop <= other.start or span.start >= other.stop for other in found):
                found.append(span)
    return sorted(found, key=lambda mention: mention.start)


def _object_words(skill: str) -> tuple[str, ...]:
    clauses = parse_clauses(skill)
    return clauses[0].object if clauses else ()


def _plain(text: str) -> str:
    return " ".join(re.sub(r"\b(the|a|an)\b", " ", text.lower()).split())
