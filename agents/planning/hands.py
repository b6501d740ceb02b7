"""Which hand holds what, from the words of the skills alone.

S may name hands: after "pick up the brush with left hand" the left one holds the brush, and "push
the block to the target with the brush with right hand" makes sense only once the right one does.
The rules need no picture and no table: a thing can be held if S has a skill that picks it up with a
named hand. Where S names no hands, as in LIBERO, they say nothing and change nothing.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mosel_gym.agents.planning.clauses import parse_clauses

HANDS = ("left", "right")
_WITH_HAND = re.compile(r"\s*\b(?:with|using) (?:the |its )?(left|right) (?:hand|arm)\b")
_MOVES = ("put", "hang", "stack")
"""Verbs after which a hand no longer holds the object, unless a tool did it."""
Skills = tuple[str, ...]
Thing = tuple[str, ...]
"""The words of an object: ("red", "block")."""
_State = tuple[Thing | None, ...]
"""What each of `HANDS` holds."""
_EMPTY: _State = (None, None)


@dataclass(frozen=True)
class _Rule:
    """What one skill takes, and what it leaves in the hands."""

    verb: str
    hand: str | None
    """The hand that it names."""
    thing: Thing | None
    """What is picked up, handed over or put down."""
    held: tuple[Thing, ...]
    """Tools and vessels that have to be in a hand; the last one is in `hand`, if it names one."""


class HandRules:
    """The rules of one skill set S."""

    def __init__(self, skills: Sequence[str], start: Sequence[str] = ()) -> None:
        """Find out what S can pick up.

        Args:
            skills: S, or those of its skills that matter.
            start: Skills that were carried out before the plan begins; what they brought into the
                hands is there.
        """
        self._skills = tuple(skills)
        picked = [
            clause.object
            for skill in skills
            if hand_of(skill) and len(clauses := parse_clauses(skill)) == 1
            for clause in clauses
            if clause.verb == "pick up"
        ]
        self._things = tuple(dict.fromkeys(picked))
        self._rules = {skill: self._rule(skill) for skill in self._skills}
        self._done = tuple(start)
        self._start = _EMPTY
        for skill in self._done:
            rule = self._rules.get(skill) or self._rule(skill)
            self._start = _after(self._start, rule) or self._start

    def ready(self, skills: Skills) -> Skills | None:
        """The same skills with those of S inserted that bring each thing into the right hand.

        Returns:
            None if no skills of S do; `skills` itself where S names no hands.
        """
        if not self._things:
            return skills
        plan: list[str] = []
        state = self._start
        for skill in skills:
            rule = self._rules.get(skill) or self._rule(skill)
            if rule.verb == "pick up" and rule.thing in state:
                continue  # brought along for a skill before
            way = self._way(state, rule)
            if way is None:
                return None
            for step in (*way, skill):
                after = _after(state, self._rules.get(step) or rule)
                assert after is not None
                state = after
                plan.append(step)
        return tuple(plan)

    def equipped(self, skills: Skills) -> Skills:
        """The same skills, each thing that they use picked up before, by whichever hand."""
        plan: list[str] = []
        for skill in skills:
            rule = self._rules.get(skill) or self._rule(skill)
            for thing in sorted(_needs(rule), key=self._things.index):
                pick = self._pick(thing, rule.hand)
                if pick and not any(p in (*self._done, *plan) for p in self._picks(thing)):
                    plan.append(pick)
            if skill not in plan:
                plan.append(skill)
        return tuple(plan)

    def conflict(self, plan: Sequence[str]) -> tuple[str, str] | None:
        """The first skill of a plan that its hands are not ready for, and why, in words."""
        state = self._start
        for skill in plan:
            rule = self._rules.get(skill) or self._rule(skill)
            after = _after(state, rule)
            if after is None:
                return skill, _why(state, rule)
            state = after
        return None

    def passes_on(self, earlier: str, later: str) -> bool:
        """Whether `later` is meant to take from a hand, or to use, what `earlier` brought there."""
        first, second = (self._rules.get(s) or self._rule(s) for s in (earlier, later))
        if first.verb not in ("pick up", "hand over") or second.verb == "pick up":
            return False
        # A tool at work is not held as it was when it was taken: on the table, not in the air.
        return first.thing is not None and first.thing in (second.thing, *second.held)

    def _rule(self, skill: str) -> _Rule:
        hand = hand_of(skill)
        clauses = parse_clauses(_WITH_HAND.sub("", skill))
        if len(clauses) != 1:
            return _Rule("", None, None, ())
        clause = clauses[0]
        inside = [t for t in self._things if _position(clause.location, t) is not None]
        held = sorted(inside, key=lambda t: _position(clause.location, t) or 0)
        handled = clause.verb in ("pick up", "hand over") or (clause.verb in _MOVES and not held)
        thing = clause.object if handled and clause.object in self._things else None
        return _Rule(clause.verb, hand, thing, tuple(held))

    def _picks(self, thing: Thing) -> list[str]:
        return [s for s, r in self._rules.items() if r.verb == "pick up" and r.thing == thing]

    def _pick(self, thing: Thing, hand: str | None) -> str | None:
        picks = self._picks(thing)
        return next((p for p in picks if self._rules[p].hand == hand), picks[0] if picks else None)

    def _way(self, start: _State, wanted: _Rule) -> Skills | None:
        """The fewest pick-ups and hand-overs after which `wanted` can be done, breadth first."""
        moves = {s: r for s, r in self._rules.items() if r.verb in ("pick up", "hand over")}
        seen: set[_State] = {start}
        queue: deque[tuple[_State, Skills]] = deque([(start, ())])
        while queue:
            state, way = queue.popleft()
            if _after(state, wanted) is not None:
                return way
            for skill, rule in moves.items():
                after = _after(state, rule)
                if after is not None and after not in seen:
                    seen.add(after)
                    queue.append((after, (*way, skill)))
        return None


def hand_of(skill: str) -> str | None:
    """The hand that a skill names."""
    match = _WITH_HAND.search(skill.lower())
    return match.group(1) if match else None


def without_hand(skill: str) -> str:
    """The skill without its hand: two skills that differ in nothing else do the same thing."""
    return _WITH_HAND.sub("", skill)


def _needs(rule: _Rule) -> tuple[Thing, ...]:
    """What has to be in a hand before."""
    moved = (rule.thing,) if rule.thing is not None and rule.verb != "pick up" else ()
    return (*moved, *rule.held)


def _after(state: _State, rule: _Rule) -> _State | None:
    """What the hands hold after a skill; None if they were not ready for it."""
    holder: Mapping[Thing, int] = {t: at for at, t in enumerate(state) if t is not None}
    named = None if rule.hand is None else HANDS.index(rule.hand)
    if rule.verb == "pick up" and rule.thing is not None:
        free = [at for at in range(len(HANDS)) if state[at] is None and named in (None, at)]
        return _with(state, free[0], rule.thing) if free and rule.thing not in holder else None
    needed = _needs(rule)
    if any(thing not in holder for thing in needed):
        return None
    if named is not None:
        if needed and holder[needed[-1]] != named:
            return None
        if not needed and state[named] is not None:
            return None  # the hand has to do it, and is full
    if rule.thing is None:
        return state
    at = holder[rule.thing]
    if rule.verb != "hand over":
        return _with(state, at, None)
    if state[1 - at] is not None:
        return None
    return _with(_with(state, at, None), 1 - at, rule.thing)


def _why(state: _State, rule: _Rule) -> str:
    named = None if rule.hand is None else HANDS.index(rule.hand)
    for thing in _needs(rule):
        if thing not in state:
            return f"no hand holds the {' '.join(thing)}"
    if rule.verb == "hand over" or named is None:
        return "both hands are full"
    needed = _needs(rule)
    if needed:
        at = HANDS[state.index(needed[-1])]
        return f"the {at} hand holds the {' '.join(needed[-1])}, not the {rule.hand} hand"
    if rule.thing is not None and rule.thing in state:
        return f"a hand holds the {' '.join(rule.thing)} already"
    return f"the {rule.hand} hand is full: it holds the {' '.join(state[named] or ())}"


def _with(state: _State, at: int, thing: Thing | None) -> _State:
    return tuple(thing if index == at else held for index, held in enumerate(state))


def _position(words: tuple[str, ...], thing: Thing) -> int | None:
    """Where the words of a thing begin among others; None if they do not stand there."""
    size = len(thing)
    return next((at for at in range(len(words)) if words[at : at + size] == thing), None)
