"""What one episode came to, as plain data that is stored and compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from mosel_gym.benchmark.metrics import (
    Comparison,
    Confusion,
    Rate,
    compare,
    confusion,
    share,
)
from mosel_gym.benchmark.provenance import plain, read_json, write_json
from mosel_gym.errors import DamagedFile


@dataclass(frozen=True)
class JudgedSegment:
    """The analyzer's word on one skill segment, beside the truth."""

    skill: str
    segment: int
    judged: bool
    truth: bool | None
    """PRIVILEGED: whether the predicate held where the next skill began, or at the episode's end
    (`mosel_gym.data.windows.attempt_end`); None = not recorded."""
    confidence: float
    reason: str


@dataclass(frozen=True)
class EpisodeResult:
    """One episode."""

    seed: int
    status: Literal["ok", "error"] = "ok"
    """An error is never counted as a failure; it leaves the rates, and is counted beside them."""
    error: str = ""
    """The traceback."""
    success: bool | None = None
    """First hit: all sub-goals held on at least one step, LIBERO's own definition."""
    held: bool | None = None
    """All sub-goals held for `hold` steps in a row; None if the episode ended before that."""
    steps: int = 0
    skills: dict[str, bool] = field(default_factory=dict)
    """PRIVILEGED truth for every skill of S: whether its predicate held on some step."""
    skills_held: dict[str, bool] = field(default_factory=dict)
    """The same, for `hold` steps in a row."""
    subgoals: dict[str, bool] = field(default_factory=dict)
    """PRIVILEGED truth for every sub-goal of the task, as it stood when the episode ended."""
    setting: dict[str, str] = field(default_factory=dict)
    """What `info` says of the environment: robot, protocol, renderer and assets."""
    plan: tuple[str, ...] = ()
    reasoning: str = ""
    """Why this plan, in the task planner's words."""
    imagined_plans: dict[str, Any] = field(default_factory=dict)
    """Plans of the video planner that were drawn, refused, followed although refused, and the
    reasons, see `agents.plan_check`; empty where nothing was imagined."""
    agent: str = ""
    planner: str = ""
    """Who wrote the plan; "given" if the caller did."""
    analyzer: str = ""
    privileged: bool = False
    """Whether the analyzer read simulator truth."""
    privileged_agent: bool = False
    """Whether whoever moved the arms read simulator truth, as the scripted expert does."""
    hints: bool = False
    """Whether planner or analyzer were given a person's hints for this task."""
    judged_success: bool | None = None
    fault: str = ""
    failed_skill: str | None = None
    rationale: str = ""
    verdicts: tuple[JudgedSegment, ...] = ()
    unjudged: str = ""
    """Why there is no verdict: the analyzer gave none, or the agent has none; the rest holds."""
    models: dict[str, float] = field(default_factory=dict)
    """What foundation models cost in this episode: calls, cached, input_tokens, output_tokens,
    cost_usd and seconds; empty if there were none."""
    refinement: int = 0
    """How many times the plan had been refined before this attempt at the seed."""
    refinement_ended: str = ""
    """Why the plan was not refined further although the analyzer saw a failure."""
    earlier: tuple[EpisodeResult, ...] = ()
    """The attempts before this one, oldest first, each with a plan of its own."""
    unfinished: bool = False
    """Whether a model gave no answer that it may give another day: the next run into the same
    folder carries out this seed again."""
    stopped: Literal["", "budget", "key"] = ""
    """What about the models makes further episodes pointless for now."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Wall time by part: reset, simulation, pictures, networks, judging, recording."""
    video: str | None = None
    """The mp4, relative to the folder of the result."""
    episode: str | None = None
    """The HDF5 file, relative to the folder of the result."""

    def write(self, path: str | Path) -> Path:
        """Store as JSON."""
        return write_json(path, self)

    @classmethod
    def read(cls, path: str | Path) -> EpisodeResult:
        """Read what `write` stored.

        Raises:
            DamagedFile: It is not such a file; the message names its path.
        """
        content = read_json(path)
        try:
            return cls.from_plain(content)
        except (TypeError, KeyError, AttributeError) as error:
            raise DamagedFile(f"{path} is not the result of an episode: {error}") from error

    @classmethod
    def from_plain(cls, content: dict[str, Any]) -> EpisodeResult:
        """Rebuild from JSON's types."""
        verdicts = tuple(JudgedSegment(**row) for row in content["verdicts"])
        earlier = tuple(cls.from_plain(row) for row in content.get("earlier", ()))
        plan = tuple(content["plan"])
        return replace(cls(**content), verdicts=verdicts, plan=plan, earlier=earlier)

    def after(self, refinements: int) -> EpisodeResult:
        """The last attempt at this seed with no more than so many refinements of the plan."""
        tries = (*self.earlier, self)
        return [row for row in tries if row.refinement <= refinements][-1]

    def knows(self, refinements: int) -> bool:
        """Whether it is known what comes of so many refinements of the plan.

        It is not where a model left the seed unfinished before: `after` would give the last attempt
        there was.
        """
        return refinements <= self.refinement or not self.unfinished


@dataclass(frozen=True)
class ArmSummary:
    """The rates of one arm: an agent on a list of seeds."""

    label: str
    first_hit: Rate
    held: Rate
    skills: dict[str, Rate]
    """First hit, for every skill of S."""
    asked: tuple[str, ...]
    """The skills that some plan asked for; the others only show what happened by accident."""
    skills_held: dict[str, Rate]
    errors: int
    mean_steps: float
    seconds: dict[str, float]
    """Sum over episodes and processes."""
    models: dict[str, float]
    """What foundation models cost in these episodes, see `EpisodeResult.models`."""
    unjudged: int
    """Episodes that the analyzer was asked about in vain."""


def summarize(label: str, results: Sequence[EpisodeResult]) -> ArmSummary:
    """Rates over the episodes without error."""
    fine = [result for result in results if result.status == "ok"]
    names = list(dict.fromkeys(skill for result in fine for skill in result.skills))
    held = {name: share(result.skills_held.get(name) for result in fine) for name in names}
    parts = list(dict.fromkeys(part for result in fine for part in result.seconds))
    return ArmSummary(
        label=label,
        first_hit=share(result.success for result in fine),
        held=share(result.held for result in fine),
        skills={name: share(result.skills.get(name) for result in fine) for name in names},
        asked=tuple(dict.fromkeys(skill for result in fine for skill in result.plan)),
        skills_held=held,
        errors=len(results) - len(fine),
        mean_steps=sum(result.steps for result in fine) / max(1, len(fine)),
        seconds={part: sum(r.seconds.get(part, 0.0) for r in fine) for part in parts},
        models=add_up([result.models for result in results]),
        unjudged=sum(bool(result.unjudged) for result in fine),
    )


def add_up(parts: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Sums by name; empty if all are."""
    total: dict[str, float] = {}
    for part in parts:
        for name, value in part.items():
            total[name] = total.get(name, 0.0) + value
    return total


def compare_arms(
    first: str, second: str, a: Sequence[EpisodeResult], b: Sequence[EpisodeResult]
) -> Comparison:
    """First hits of two arms, paired by seed."""
    others = {result.seed: result.success for result in b}
    pairs = [(result.success, others[result.seed]) for result in a if result.seed in others]
    return compare(first, second, pairs)


def verdict_confusion(results: Sequence[EpisodeResult]) -> Confusion:
    """All judged segments of some episodes against the truth."""
    rows = (row for result in results for row in result.verdicts)
    return confusion((row.judged, row.truth) for row in rows)


def plain_results(results: Sequence[EpisodeResult]) -> list[dict[str, Any]]:
    """For a JSON file."""
    return [plain(result) for result in results]
