"""Rows written by hand, as a run would leave them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mosel_gym.benchmark.paper.config import PaperConfig
from mosel_gym.benchmark.rows import Row, merge_rows

CONDITIONS = PaperConfig().conditions()


def trials(
    agent: str, task: str, outcomes: Sequence[bool | None], first: int = 1_000_000, **changed: Any
) -> list[Row]:
    """One row for each outcome; None is an episode that broke."""
    usual: dict[str, Any] = {
        "protocol": "mosel",
        "renderer": "mujoco-egl",
        "assets": "procedural-0123456789ab",
        "robot": "panda",
        "planner": "offline",
        "analyzer": "pixel",
        "modules": "mosel(offline)",
        "fingerprint": agent,
        "conditions": CONDITIONS,
        "seconds": 6.0,
        "revision": "abc1234",
        "hardware": "a processor, 2 cores",
        "versions": {"torch": "2.15.0", "sapien": "not installed"},
    }
    return [
        Row(
            env_id=task,
            agent=agent,
            seed=first + at,
            success=outcome,
            status="error" if outcome is None else "ok",
            error="SimulationDiverged: NaN" if outcome is None else "",
            **(usual | changed),
        )
        for at, outcome in enumerate(outcomes)
    ]


def written(folder: Path, *groups: Sequence[Row], file: str = "paper.jsonl") -> Path:
    """A results folder that holds them."""
    merge_rows(folder / file, [row for group in groups for row in group])
    return folder
