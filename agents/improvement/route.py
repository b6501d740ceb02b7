"""Which module is at fault: the refining target of Algorithm 1."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Literal, Protocol, runtime_checkable

from mosel_gym.agents.improvement.evidence import Evidence
from mosel_gym.types import Episode, Reflection, Target

Module = Literal["language", "video", "policy", "none"]


@runtime_checkable
class ImaginationJudge(Protocol):
    """An analyzer that can also judge what was imagined."""

    threshold: float

    def imagined_reached(self, episode: Episode, segment: int) -> float | None:
        """Probability that the imagined clip ends with the sub-goal reached; None: no clip."""
        ...


@dataclass(frozen=True)
class RouteConfig:
    """When the language plan counts as the weakest part."""

    language_share: float = 0.3
    """From this share of the failed episodes on, a fault of the plan sends the round there."""
    max_compared: int = 20
    """Failed segments whose imagination is judged: of each skill in turn, the newest first."""


@dataclass(frozen=True)
class Route:
    """The module to refine, and why."""

    module: Module
    reason: str


@dataclass(frozen=True)
class Blame:
    """Who was at fault in some reflected episodes, counted."""

    episodes: int
    failed: int
    """Episodes that were judged failed."""
    language: int
    """Of those, the ones whose plan was at fault."""
    skills: dict[str, int] = field(default_factory=dict)
    """Of those, which skill was at fault in the others."""
    imagined_right: int = 0
    """Failed segments that were imagined to their sub-goal: the policy did not follow."""
    imagined_wrong: int = 0
    """Failed segments that were imagined wrong: the policy had no chance."""
    judged_imagination: bool = False
    """Whether there was a judge of what was imagined."""


def choose(
    target: Target,
    evidence: Evidence,
    judge: object,
    round_index: int,
    config: RouteConfig | None = None,
    *,
    language_over: str = "",
) -> Route:
    """Pick the module.

    Args:
        target: What the caller asked for. `alternate` takes video in rounds 1, 3, ... and policy in
            rounds 2, 4, ... as Fig. 6 of the paper; `auto` goes by the reflections.
        evidence: The reflected episodes.
        judge: Judges imagined clips if it is an `ImaginationJudge`.
        round_index: Improvement rounds done so far, 0 at first.
        config: Thresholds.
        language_over: Why the plan cannot be refined any further: then `auto` takes the module that
            comes next, and the reason says so.
    """
    if target == "alternate":
        module: Module = "video" if round_index % 2 == 0 else "policy"
        return Route(module, f"Alternating: round {round_index + 1} refines the {module} module.")
    if target != "auto":
        return Route(target, "The caller asked for it.")
    return _by_fault(evidence, judge, config or RouteConfig(), language_over)


def blame(evidence: Evidence, judge: object, config: RouteConfig | None = None) -> Blame:
    """Count who was at fault; imagined and executed videos are compared if `judge` can.

    Args:
        evidence: The reflected episodes.
        judge: As for `choose`.
        config: Thresholds.
    """
    reflections = evidence.reflections()
    failed = [row for row in reflections if not row.success]
    skills: dict[str, int] = {}
    for row in failed:
        if row.fault != "language" and row.failed_skill is not None:
            skills[row.failed_skill] = skills.get(row.failed_skill, 0) + 1
    good = bad = 0
    if isinstance(judge, ImaginationJudge):
        limit = (config or RouteConfig()).max_compared
        good, bad = _judge_imagination(evidence, reflections, judge, limit)
    return Blame(
        episodes=len(reflections),
        failed=len(failed),
        language=sum(row.fault == "language" for row in failed),
        skills=skills,
        imagined_right=good,
        imagined_wrong=bad,
        judged_imagination=isinstance(judge, ImaginationJudge),
    )


def _by_fault(evidence: Evidence, judge: object, config: RouteConfig, language_over: str) -> Route:
    reflections = evidence.reflections()
    failed = [row for row in reflections if not row.success]
    if not reflections:
        why = "No episode of this round was reflected on, so that nothing says which module is at"
        return Route("none", f"{why} fault. Name the module to refine it from earlier episodes.")
    if not failed:
        return Route("none", f"None of {len(reflections)} reflected episodes failed.")
    language = sum(row.fault == "language" for row in failed)
    said = f"the plan was at fault in {language} of {len(failed)} failed episodes"
    if language >= config.language_share * len(failed):
        if not language_over:
            return Route("language", f"{said.capitalize()}.")
        said += f", but it cannot be refined any further ({language_over.rstrip('.')})"
    found = blame(evidence, judge, config)
    module, more = _network(found)
    return Route(module, f"{said[0].upper()}{said[1:]}{more}.")


def _network(found: Blame) -> tuple[Module, str]:
    """The network to refine, and the end of the sentence that says why."""
    good, bad = found.imagined_right, found.imagined_wrong
    if not found.judged_imagination:
        return "policy", ", and no analyzer here can judge what was imagined"
    if good + bad == 0:
        return "policy", ", and no failed skill has an imagined clip"
    # Imagined right but not done: the policy did not follow. Imagined wrong: it had no chance to.
    module: Module = "policy" if good >= bad else "video"
    return module, f"; of {good + bad} failed skills, {good} were imagined to their goal"


def _judge_imagination(
    evidence: Evidence, reflections: list[Reflection], judge: ImaginationJudge, limit: int
) -> tuple[int, int]:
    good = bad = 0
    for at, segments in _in_turn(reflections, limit):
        episode = evidence.episode(at)
        for segment in segments:
            probability = judge.imagined_reached(episode, segment)
            if probability is not None:
                good, bad = (good + 1, bad) if probability > judge.threshold else (good, bad + 1)
    return good, bad


def _in_turn(reflections: list[Reflection], limit: int) -> list[tuple[int, list[int]]]:
    """At most `limit` failed segments, by episode: of each skill in turn, the newest first."""
    by_skill: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for at in reversed(range(len(reflections))):
        if not reflections[at].success:
            for verdict in reflections[at].verdicts:
                if not verdict.success:
                    by_skill[verdict.skill].append((at, verdict.segment))
    turns = zip_longest(*by_skill.values())
    chosen = [pair for turn in turns for pair in turn if pair is not None][:limit]
    grouped: dict[int, list[int]] = defaultdict(list)
    for at, segment in chosen:
        grouped[at].append(segment)
    return sorted(grouped.items())
