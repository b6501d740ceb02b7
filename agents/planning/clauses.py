"""Goal and skill texts as clauses: "put both the soup and the milk in the basket" is two.

A small grammar for instructions of the form verb, object, place. It knows the words of table-top
manipulation and some everyday synonyms, nothing of a particular task.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

_VERBS = r"(?:put|pick up|turn on|turn off|open|close|stack|push|pull|sweep|beat|hang|hand over)"
_PLACES = (
    r"(?:right_of|left_of|front_of|back_of|atop|under|in|on|at|with|to|from)"  # after _PHRASES
)
_PHRASES = (
    (r"\b(?:please|first|finally|carefully|next)\b,?", ""),
    (r"\bturn (the [\w ]+?) (on|off)\b", r"turn \2 \1"),
    (r"\bswitch(?:ing)? (the [\w ]+?) (on|off)\b", r"turn \2 \1"),
    (r"\b(?:switch|switching|turning) (on|off)\b", r"turn \1"),
    (r"\b(?:grab|grasp|take|lift|picking up|grabbing|taking)(?: up)?\b", "pick up"),
    (
        r"\b(?:place|set|lay|move|bring|drop|position|putting|placing|setting|moving)\b(?: down)?",
        "put",
    ),
    (r"\b(?:shut|shutting|closing)\b", "close"),
    (r"\bopening\b", "open"),
    (r"\b(?:brush)(?= the [\w ]+ (?:into|in|to)\b)", "sweep"),
    (r"\b(?:cup)(s?)\b", r"mug\1"),
    (r"\b(?:dish)\b", "plate"),
    (r"\b(?:porcelain|ivory)\b", "white"),
    (r"\b(?:onto|upon)\b", "on"),
    (r"\b(?:into|inside|within)\b(?: of)?", "in"),
    (r"\b(?:on|at) top of\b", "atop"),
    (r"\b(?:beneath|below|underneath)\b", "under"),
    (r"\b(?:to|on|at) the (right|left|front|back)(?: hand)?(?: side)? of\b", r"\1_of"),
    (r"\b(right|left) of\b", r"\1_of"),
    (r"\bin front of\b", "front_of"),
    (r"\bbehind\b", "back_of"),
)
_FILLERS = frozenset(("the", "a", "an", "and", "of", "both", "box", "hand", "compartment"))
_PRONOUNS = frozenset(("it", "them"))
_SPLIT = re.compile(
    rf"\s*(?:[,;.]\s*)*\b(?P<word>and then|and|then|before|after)\b\s*(?={_VERBS}\b)"
    rf"|\s*[,;.]\s*(?={_VERBS}\b)"
)


@dataclass(frozen=True)
class Clause:
    """One thing to do: a verb, the words of its object, the words of its place."""

    text: str
    verb: str
    object: tuple[str, ...]
    place: tuple[str, ...]
    """Preposition first, then the words of the location; empty where there is none."""
    plural: bool = False
    """"both moka pots": one clause that may need several skills."""

    @property
    def location(self) -> tuple[str, ...]:
        """The place without its preposition."""
        return self.place[1:]


def parse_clauses(text: str) -> tuple[Clause, ...]:
    """The clauses of an instruction, in the order in which they are to be done.

    Pronouns are replaced by what they stand for, and "pick up X and put it P" is the one clause
    "put X P". A text without a known verb is one clause without a verb.
    """
    parts, order = _cut(_standard_words(text))
    groups: list[list[Clause]] = []
    before: Clause | None = None
    for part in parts:  # pronouns point back in the text, whatever the order of doing
        groups.append([])
        for single in _distribute(part):
            before = _resolve(_parse(single), before)
            groups[-1].append(before)
    clauses: list[Clause] = []
    for clause in (clause for place in order for clause in groups[place]):
        picked = clauses[-1] if clauses and clauses[-1].verb == "pick up" else None
        if picked and not picked.place and clause.verb == "put" and clause.object == picked.object:
            clause = replace(clause, text=f"{clauses.pop().text} and {clause.text}")
        clauses.append(clause)
    return tuple(clauses)


def _standard_words(text: str) -> str:
    words = " ".join(text.lower().split()).strip(" .!")
    for pattern, standard in _PHRASES:
        words = re.sub(pattern, standard, words)
    return " ".join(words.split())


def _cut(text: str) -> tuple[list[str], list[int]]:
    """The parts between the verbs, and the order in which they are done ("B after A": A, B)."""
    parts: list[str] = []
    order: list[int] = []
    start, swap = 0, False
    for match in [*_SPLIT.finditer(text), None]:
        part = text[start : match.start() if match else len(text)].strip(" ,;.")
        if part:
            order.insert(len(order) - 1 if swap and order else len(order), len(parts))
            parts.append(part)
        if match:
            start, swap = match.end(), match.group("word") == "after"
    return parts, order


def _distribute(part: str) -> list[str]:
    """Give each thing its verb: "put both A and B in C" -> "put A in C", "put B in C"."""
    match = re.match(rf"({_VERBS}) (.*)", part)
    if not match:
        return [part]
    verb, rest = match.groups()
    place = re.search(rf" {_PLACES} ", rest)
    things, where = (rest[: place.start()], rest[place.start() :]) if place else (rest, "")
    elided = re.search(rf" and (the .* {_PLACES} .*)", where)
    if elided:
        first = f"{verb} {things}{where[: elided.start()]}"
        return [*_distribute(first), *_distribute(f"{verb} {elided.group(1)}")]
    both = things.startswith("both ")
    things = things.removeprefix("both ")
    several = re.split(r",? and the |, the ", things)
    if both and len(several) == 1 and " and " in things:
        several = things.rsplit(" and ", 1)
    if both and len(several) == 1:
        return [f"{verb} both {things}{where}"]  # "both moka pots": the number is known, not which
    return [f"{verb} {thing}{where}" for thing in several]


def _parse(text: str) -> Clause:
    match = re.match(rf"({_VERBS}) (.*)", text)
    verb, rest = match.groups() if match else ("", text)
    plural = rest.startswith("both ")
    place = re.search(rf"(?:^| )({_PLACES}) ", rest)
    thing, where = (rest[: place.start()], rest[place.start() :]) if place else (rest, "")
    words = _content(thing)
    if plural and words:
        words = (*words[:-1], words[-1].removesuffix("s"))
    return Clause(_in_words(text), verb, words, _content(where), plural)


def _in_words(text: str) -> str:
    return re.sub(r"\b(\w+)_of\b", r"to the \1 of", text).replace("atop", "on top of")


def _resolve(clause: Clause, before: Clause | None) -> Clause:
    """Put the antecedent in the place of "it" and "them"."""
    if before is None:
        return clause
    if clause.object and clause.object[0] in _PRONOUNS:
        moved = clause.verb in ("put", "stack")  # one moves the thing, but closes its container
        antecedent = before.object if moved else before.location or before.object
        clause = replace(clause, object=antecedent)
    if clause.location and clause.location[0] in _PRONOUNS:
        antecedent = before.location or before.object
        clause = replace(clause, place=(clause.place[0], *antecedent))
    return clause


def _content(text: str) -> tuple[str, ...]:
    return tuple(word for word in re.findall(r"\w+", text) if word not in _FILLERS)
