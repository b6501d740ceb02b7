"""Folders of rounds whose episodes are already on disk, so that no simulator has to run them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from mosel_gym.benchmark.results import EpisodeResult
from mosel_gym.benchmark.rollout import with_reflection
from mosel_gym.benchmark.rollouts import result_path
from mosel_gym.benchmark.rounds import begin
from mosel_gym.benchmark.rounds_config import RoundsConfig
from mosel_gym.data.buffer import ReflectionBuffer
from mosel_gym.types import Episode, Fault, Reflection, Verdict
from tests.benchmark.judged_episodes import TASK, made_episode

Ends = Sequence[tuple[bool, bool]]
"""For each episode, what was said of its two skills."""


def said(episode: Episode, good: tuple[bool, bool], fault: Fault = "skill") -> Reflection:
    """A reflection by nobody in particular, and not by the truth."""
    verdicts = tuple(
        Verdict(segment.skill, at, good[at], "seen") for at, segment in enumerate(episode.segments)
    )
    failed = next((row.skill for row in verdicts if not row.success), None)
    return Reflection(all(good), verdicts, "none" if all(good) else fault, failed, "said", "test")


def collected(
    config: RoundsConfig, out: Path, number: int, ends: Ends, fault: Fault = "skill"
) -> None:
    """The interactions of a round, in the places where they would have been left."""
    place = begin(config, out)[0].round(number).path
    buffer = ReflectionBuffer(place / "buffer")
    for seed, good in zip(config.rollout_seeds(number, robotwin=False), ends, strict=True):
        episode = made_episode(seed, False, False)
        reflection = said(episode, good, fault)
        buffer.add(episode, reflection)
        result = EpisodeResult(
            seed, success=False, plan=TASK.plan, seconds={"networks": 1.0, "judging": 0.5}
        )
        result = with_reflection(result, episode, reflection)
        result.write(result_path(place / "rollouts" / TASK.id, seed))


def checked(
    config: RoundsConfig, out: Path, number: int, before: Sequence[bool], after: Sequence[bool]
) -> None:
    """The episodes of a check."""
    place = begin(config, out)[0].round(number).path
    for name, outcomes in (("before", before), ("after", after)):
        for seed, judged in zip(config.check_seeds(number), outcomes, strict=True):
            # The truth says the opposite: it must have no part in it.
            row = EpisodeResult(seed, success=not judged, judged_success=judged)
            row.write(result_path(place / "check" / name / TASK.id, seed))


def outcome(out: Path) -> dict[str, Any]:
    """Everything that two runs must agree in: weights and what was decided, without times."""
    found: dict[str, Any] = {}
    for path in sorted(out.glob("rounds/*/*/[!.]*.safetensors")):
        found[str(path.relative_to(out))] = tensors(path)
    for path in sorted(out.glob("rounds/*/round.json")):
        found[str(path.relative_to(out))] = _timeless(json.loads(path.read_text()))
    return found


def tensors(path: Path) -> dict[str, bytes]:
    """The content of a safetensors file, whose own bytes differ in the order of its header."""
    return {name: value.numpy().tobytes() for name, value in load_file(path).items()}


def _timeless(value: Any) -> Any:
    timed = ("seconds", "wall_s", "bytes", "bytes_per_episode")
    if isinstance(value, dict):
        return {k: _timeless(v) for k, v in value.items() if k not in timed}
    return [_timeless(entry) for entry in value] if isinstance(value, list) else value


def small(config: RoundsConfig, **changed: Any) -> RoundsConfig:
    """The same with other numbers."""
    return replace(config, **changed)
