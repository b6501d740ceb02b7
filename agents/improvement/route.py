"""Which module is at fault: the refining target of Algorithm 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from mosel_gym.agents.improvement.evidence import Evidence
from mosel_gym.types import Episode, Target

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
    """Failed segments whose imagination is judged, the newest first."""


@dataclass(frozen=True)
class Route:
    """The module to refine, and why."""

    module: Module
    reason: str


def choose(
    target: Target,
    evidence: Evidence,
    judge: object,
    round_index: int,
    config: RouteConfig | None = None,
) -> Route:
    """Pick the module.

    Args:
        target: What the caller asked for. `alternate` takes video in rounds 1, 3, ... and policy in
            rounds 2, 4, ... as Fig. 6 of the paper; `auto` goes by the reflections.
        evidence: The reflected episodes.
        judge: Judges imagined clips if it is an `ImaginationJudge`.
        round_index: Improvement rounds done so far, 0 at first.
        config: Thresholds.
    """
    if target == "alternate":
        module: Module = "video" if round_index % 2 == 0 else "policy"
        return Route(module, f"Alternating: round {round_index + 1} refines the {module} module.")
    if target != "auto":
        return Route(target, "The caller asked for it.")
    return _by_fault(evidence, judge, config or RouteConfig())


def _by_fault(evidence: Evidence, judge: object, config: RouteConfig) -> Route:
    reflections = evidence.reflections()
    failed = [at for at, reflection in enumerate(reflections) if not reflection.success]
    if not failed:
        return Route("none", f"None of {len(reflections)} reflected episodes failed.")
    language = sum(reflections[at].fault == "language" for at in failed)
    said = f"the plan was at fault in {language} of {len(failed)} failed episodes"
    if language >= config.language_share * len(failed):
        return Route("language", f"{said.capitalize()}.")
    if not isinstance(judge, ImaginationJudge):
        return Route(
            "policy", f"{said.capitalize()}, and no analyzer here can judge what was imagined."
        )
    good, bad = _judge_imagination(evidence, failed, judge, config.max_compared)
    counted = f"{said}; of {good + bad} failed skills, {good} were imagined to their goal"
    if good + bad == 0:
        return Route("policy", f"{said.capitalize()}, and no failed skill has an imagined clip.")
    # Imagined right but not done: the policy did not follow. Imagined wrong: it had no chance to.
    return Route("policy" if good >= bad else "video", f"{counted.capitalize()}.")


def _judge_imagination(
    evidence: Evidence, failed: list[int], judge: ImaginationJudge, limit: int
) -> tuple[int, int]:
    good = bad = 0
    for at in reversed(failed):
        episode = None
        for verdict in evidence.reflections()[at].verdicts:
            if verdict.success:
                continue
            if good + bad >= limit:
                return good, bad
            episode = episode or evidence.episode(at)
            probability = judge.imagined_reached(episode, verdict.segment)
            if probability is not None:
                good, bad = (good + 1, bad) if probability > judge.threshold else (good, bad + 1)
    return good, bad
