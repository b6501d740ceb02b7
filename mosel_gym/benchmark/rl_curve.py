"""Learning curves: success against interactions, as JSON lines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from mosel_gym.agents.baselines.rl import RLAgent
from mosel_gym.benchmark.metrics import wilson
from mosel_gym.benchmark.rollout import run_episode
from mosel_gym.benchmark.specs import EnvSpec
from mosel_gym.data.atomic import atomic_path
from mosel_gym.errors import DamagedFile, MoselError


@dataclass(frozen=True)
class CurvePoint:
    """One training episode, or one measurement on held-out seeds."""

    kind: Literal["episode", "evaluation"]
    episodes: int
    """Training episodes so far."""
    env_steps: int
    """Steps of the environment in them."""
    success: float
    """Of the episode: 0 or 1. Of a measurement: the rate."""
    low: float = 0.0
    """Wilson 95 % interval of a rate, and above its end."""
    high: float = 1.0
    count: int = 1
    """Episodes behind the number."""
    reward: float = 0.0
    """Sum over the training episode."""
    seed: int = 0
    """Of the episode, or of the first held-out one."""


class Curve:
    """A file of points; each is written when it is known."""

    def __init__(self, path: str | Path, keep_env_steps: int | None = None) -> None:
        """Open `path`.

        Args:
            path: JSON lines.
            keep_env_steps: Drop what comes later: a run goes on from there. None keeps all.

        Raises:
            DamagedFile: A line cannot be read.
        """
        self.path = Path(path)
        self.points = read_curve(self.path) if self.path.exists() else []
        if keep_env_steps is not None:
            self.points = [p for p in self.points if p.env_steps <= keep_env_steps]
            lines = [json.dumps(asdict(point)) + "\n" for point in self.points]
            with atomic_path(self.path) as draft:
                draft.write_text("".join(lines), encoding="utf-8")

    def add(self, point: CurvePoint) -> None:
        """Append a point."""
        self.points.append(point)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(point)) + "\n")

    def has_evaluation(self, env_steps: int) -> bool:
        """Whether a measurement after so many steps is there."""
        return any(p.kind == "evaluation" and p.env_steps == env_steps for p in self.points)


def read_curve(path: str | Path) -> list[CurvePoint]:
    """The points of a file; a last line that a kill cut off is left out.

    Raises:
        FileNotFoundError: There is no such file.
        DamagedFile: It holds something else.
    """
    known = {field.name for field in fields(CurvePoint)}
    lines = Path(path).read_text(encoding="utf-8").splitlines()
    points = []
    for number, line in enumerate(lines, 1):
        try:
            values: dict[str, Any] = json.loads(line)
            points.append(CurvePoint(**{k: v for k, v in values.items() if k in known}))
        except (ValueError, TypeError, AttributeError) as error:
            if number == len(lines):
                break
            raise DamagedFile(
                f"{path}, line {number}, is no point of a learning curve: {error}."
            ) from error
    return points


def measure(
    agent: RLAgent, env: EnvSpec, seeds: Sequence[int], episodes: int, env_steps: int
) -> CurvePoint:
    """Success on held-out seeds, by the same loop as `mosel eval`."""
    made = env.make()
    try:
        results = [run_episode(made, agent, seed, reflect=False).result for seed in seeds]
    finally:
        made.close()
    broken = [result.error for result in results if result.status == "error"]
    if len(broken) == len(results):
        raise MoselError(f"every episode of the measurement broke; the first one:\n{broken[0]}")
    good = [result for result in results if result.status == "ok"]
    hits = sum(bool(result.success) for result in good)
    low, high = wilson(hits, len(good))
    return CurvePoint(
        "evaluation",
        episodes,
        env_steps,
        hits / len(good),
        low,
        high,
        count=len(good),
        seed=seeds[0],
    )
