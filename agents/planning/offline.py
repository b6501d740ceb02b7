"""A task planner that needs no language model: goal text and skill set S in, a plan out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, permutations

from mosel_gym.agents.pictures import camera_names
from mosel_gym.agents.planning.clauses import Clause, parse_clauses
from mosel_gym.agents.planning.hands import HandRules, without_hand
from mosel_gym.agents.planning.hints import Hints, parse_rationale
from mosel_gym.agents.planning.matching import SkillMatcher
from mosel_gym.agents.planning.sides import with_nearer_hand
from mosel_gym.errors import InvalidPlan
from mosel_gym.types import Frame, Observation, Task, TaskPlan

_HELPING_VERBS = frozenset(("open", "close", "turn on", "turn off", "pick up", "hand over"))
"""Such a skill may prepare another one without moving a goal object to a wrong place."""
Skills = tuple[str, ...]


@dataclass(frozen=True)
class OfflinePlannerConfig:
    """When a skill counts as serving a clause, and how far a new plan may stray."""

    min_score: float = 0.5
    """Below this a clause has no skill in S."""
    tie: float = 0.1
    """For "both Xs": every skill within this of the best one is taken."""
    max_reordered: int = 5
    """Plans with more skills than this are not permuted exhaustively."""
    foresee_hands: bool = False
    """Think of hand-overs in the first plan already. As with the paper's planner, a first plan only
    sees to it that a tool is picked up at all; that the wrong hand has it is learned by failing."""
    nearer_hand: bool = False
    """Look at the scene's picture: of two skills that differ in the hand alone, take the hand on
    whose side the thing lies, if its name has a colour. Without it the hand that S names first."""


@dataclass(frozen=True)
class _Candidate:
    skills: Skills
    why: str


class OfflinePlanner:
    """Splits the goal into clauses and takes the skill of S that fits each of them best.

    A tool that S can pick up is picked up before it is used. With a history it reads the rationales
    and tries, in this order: every tool in the hand that uses it, with a hand-over where that takes
    one; the same with the other hand; the order that they ask for (a skill that was disturbed goes
    last), skills that they name, other orders, helping skills, the failed skill once more, other
    skills for a clause. It never looks at `Task.plan`, and at the picture only with `nearer_hand`;
    without, it learns by failing which arm can reach a thing.
    """

    def __init__(self, config: OfflinePlannerConfig | None = None) -> None:
        """Make a planner; it keeps no state between calls."""
        self.config = config or OfflinePlannerConfig()

    @property
    def name(self) -> str:
        """Named in every result."""
        return "offline"

    def plan(
        self,
        task: Task,
        observation: Observation | None = None,
        history: Sequence[tuple[TaskPlan, str]] = (),
    ) -> TaskPlan:
        """Write a plan over `task.skills` that differs from every plan of the history.

        Args:
            task: Goal text and S.
            observation: The first one. Only with `nearer_hand` is its scene picture looked at.
            history: Earlier plans with the rationale of their failure, oldest first.

        Raises:
            InvalidPlan: No skill of S serves some part of the goal, or every plan that this planner
                can think of has been tried.
        """
        tried = {plan.skills for plan, _ in history}
        picture = None
        if self.config.nearer_hand and observation is not None and camera_names(observation):
            picture = observation[camera_names(observation)[0]]
        for candidate in self._candidates(task, history, picture):
            if candidate.skills not in tried:
                return TaskPlan(candidate.skills, candidate.why, self.name)
        raise InvalidPlan(
            f"No plan is left for the goal {task.goal!r}: {len(tried)} were tried, among them all "
            f"that the {self.name} planner finds over S = {list(task.skill_texts)}. "
            "Widen S, or use a planner with a language model."
        )

    def _candidates(
        self, task: Task, history: Sequence[tuple[TaskPlan, str]], picture: Frame | None
    ) -> Iterator[_Candidate]:
        matcher, hands = SkillMatcher(task.skill_texts), HandRules(task.skill_texts, task.start)
        goal_skills = self._match(task, matcher)
        if picture is not None:
            goal_skills = with_nearer_hand(goal_skills, matcher.skills, picture)
        base = hands.equipped(goal_skills)
        if not history:
            ready = hands.ready(goal_skills) if self.config.foresee_hands else None
            yield _Candidate(
                ready or base, "One skill of S for each part of the goal, in the goal's order."
            )
            return
        last, rationale = history[-1]
        hints = parse_rationale(rationale, last.skills, task.skill_texts)
        for skills in (goal_skills, *self._other_hands(goal_skills, matcher)):
            ready = hands.ready(_obey(skills, hints))
            if ready is not None and ready != skills:
                why = f"Each thing in the hand that uses it, after the last failure: {rationale}"
                yield _Candidate(ready, why)
        for candidate in self._changed(task, base, hints, rationale, matcher):
            ready = hands.ready(candidate.skills)
            if ready is not None:
                yield _Candidate(ready, candidate.why)

    def _other_hands(self, skills: Skills, matcher: SkillMatcher) -> Iterator[Skills]:
        """The plan with one of its skills done by the other hand."""
        for at, skill in enumerate(skills):
            for twin in matcher.skills:
                if twin != skill and without_hand(twin) == without_hand(skill):
                    yield (*skills[:at], twin, *skills[at + 1 :])

    def _changed(
        self, task: Task, base: Skills, hints: Hints, rationale: str, matcher: SkillMatcher
    ) -> Iterator[_Candidate]:
        """Plans that differ from `base` in order or skills, the most promising first."""
        wished = _obey(base, hints)
        if wished != base:
            yield _Candidate(wished, f"The order that the last failure asks for: {rationale}")
        yield _Candidate(base, "The goal's order, which the last plan did not follow.")
        named = [skill for skill in hints.missing if skill not in base]
        for skill in named:
            yield from _inserted(base, skill, hints, "the last failure names it")
        for order in _orders(wished, matcher, self.config.max_reordered):
            yield _Candidate(order, "Another order of the same skills.")
        for skill in matcher.skills:
            if skill not in base and skill not in named and _helps(skill, base, matcher):
                yield from _inserted(base, skill, hints, "it may prepare another skill")
        for skill in (*hints.disturbed, *hints.failed, *base):
            yield _Candidate((*wished, skill), f'Once more at the end: "{skill}".')
        yield from self._alternatives(task, base, matcher)

    def _match(self, task: Task, matcher: SkillMatcher) -> Skills:
        """The best cover of the goal's clauses by skills; a skill may do two clauses at once."""
        clauses = parse_clauses(task.goal)
        if not clauses or not matcher.skills:
            raise InvalidPlan(
                f"Nothing to plan: the goal is {task.goal!r} and S = {list(matcher.skills)}."
            )
        best: list[tuple[float, Skills]] = [(0.0, ())]  # for the first n clauses
        for stop in range(1, len(clauses) + 1):
            options = []
            for size in range(1, stop + 1):
                span = clauses[stop - size : stop]
                for score, skills in self._serving(span, matcher)[:1]:
                    total, before = best[stop - size]
                    options.append((total + size * score, (*before, *skills)))
            if not options:
                raise InvalidPlan(
                    f'No skill of S does "{clauses[stop - 1].text}", a part of the goal '
                    f"{task.goal!r}; S = {list(matcher.skills)}."
                )
            best.append(max(options, key=lambda option: (option[0], -len(option[1]))))
        return tuple(dict.fromkeys(best[-1][1]))

    def _serving(self, span: Sequence[Clause], matcher: SkillMatcher) -> list[tuple[float, Skills]]:
        """What serves these clauses, best first: one skill each, but all that fit for "both"."""
        scored = [(matcher.score(span, skill), skill) for skill in matcher.skills]
        fitting = sorted(
            (pair for pair in scored if pair[0] >= self.config.min_score),
            key=lambda pair: -pair[0],
        )
        if fitting and len(span) == 1 and span[0].plural:
            top = fitting[0][0]
            return [(top, tuple(s for score, s in scored if score >= top - self.config.tie))]
        return [(score, (skill,)) for score, skill in fitting]

    def _alternatives(
        self, task: Task, base: Skills, matcher: SkillMatcher
    ) -> Iterator[_Candidate]:
        for clause in parse_clauses(task.goal):
            options = self._serving((clause,), matcher)
            chosen = next((s for _, skills in options for s in skills if s in base), None)
            for _, skills in options:
                if chosen is not None and chosen not in skills:
                    at = base.index(chosen)
                    yield _Candidate(
                        (*base[:at], *skills, *base[at + 1 :]),
                        f'Another match for "{clause.text}".',
                    )


def _obey(skills: Skills, hints: Hints) -> Skills:
    """Drop useless skills, move what was disturbed to the end, then satisfy the asked pairs."""
    kept = [skill for skill in skills if skill not in hints.useless or len(skills) == 1]
    kept.sort(key=lambda skill: skill in hints.disturbed)  # stable: the rest keeps its order
    for earlier, later in hints.before:
        if earlier in kept and later in kept and kept.index(earlier) > kept.index(later):
            kept.remove(earlier)
            kept.insert(kept.index(later), earlier)
    return tuple(kept)


def _orders(skills: Skills, matcher: SkillMatcher, limit: int) -> Iterator[Skills]:
    """Orders of the skills that break no dependency, nearest to the given one first."""
    if len(skills) > limit:
        for at, (left, right) in enumerate(pairwise(skills)):
            if not _depends(right, left, matcher):
                yield (*skills[:at], right, left, *skills[at + 2 :])
        return
    for order in permutations(skills):
        place = {skill: at for at, skill in enumerate(order)}
        if all(
            place[a] < place[b] or not _depends(b, a, matcher)
            for at, a in enumerate(skills)
            for b in skills[at + 1 :]
        ):
            yield order


def _depends(later: str, earlier: str, matcher: SkillMatcher) -> bool:
    """Whether `later` makes no sense before `earlier`: opening, picking up, closing at the end."""
    first, last = matcher.clauses[earlier][0], matcher.clauses[later][-1]
    shared = {*first.object, *first.location} & {*last.object, *last.location}
    return bool(shared) and (
        first.verb in ("open", "pick up", "hand over") or last.verb in ("close", "hand over")
    )


def _helps(skill: str, base: Skills, matcher: SkillMatcher) -> bool:
    """Whether a skill outside the plan prepares one: its verb, and a thing that both name."""
    clauses = matcher.clauses[skill]
    if not all(clause.verb in _HELPING_VERBS for clause in clauses):
        return False
    things = {word for clause in clauses for word in clause.object}
    used = {
        w for s in base for clause in matcher.clauses[s] for w in (*clause.object, *clause.place)
    }
    return bool(things & used)


def _inserted(skills: Skills, extra: str, hints: Hints, why: str) -> Iterator[_Candidate]:
    """`extra` before the first skill that failed, then at every other place."""
    failed = [skills.index(skill) for skill in hints.failed if skill in skills]
    places = dict.fromkeys([*failed[:1], *range(len(skills) + 1)])
    for at in places:
        yield _Candidate((*skills[:at], extra, *skills[at:]), f'Inserted "{extra}": {why}.')
