"""What one episode came to, as plain data that is stored and compared."""

from __future__ import annotations

from collections.abc import Sequence
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
    """PRIVILEGED: whether the predicate held at the segment's last row; None = not recorded."""
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
    plan: tuple[str, ...] = ()
    agent: str = ""
    analyzer: str = ""
    privileged: bool = False
    """Whether the analyzer read simulator truth."""
    judged_success: bool | None = None
    fault: str = ""
    failed_skill: str | None = None
    rationale: str = ""
    verdicts: tuple[JudgedSegment, ...] = ()
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
        return replace(cls(**content), verdicts=verdicts, plan=tuple(content["plan"]))


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
    )


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
