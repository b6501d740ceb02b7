"""What foundation models cost inside episodes, and how an episode ends when one fails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from typing import Literal

from mosel_gym.benchmark.results import add_up
from mosel_gym.errors import BudgetReached, MissingKey, ModelError

Stop = Literal["", "budget", "key"]


def usage_of(agent: object) -> dict[str, float]:
    """What the models of an agent's planner and analyzer have cost so far; empty if it has none.

    A model that both of them share counts once.
    """
    used: dict[int, dict[str, float]] = {}
    for name in ("task_planner", "analyzer"):
        model = getattr(getattr(agent, name, None), "model", None)
        usage = getattr(model, "usage", None)
        if is_dataclass(usage) and not isinstance(usage, type):
            used[id(model)] = asdict(usage)
    return add_up(used.values())


def spent_since(before: Mapping[str, float], agent: object) -> dict[str, float]:
    """What has been added to `usage_of` since then."""
    return {name: value - before.get(name, 0) for name, value in usage_of(agent).items()}


def told(error: ModelError) -> str:
    """What went wrong with a model, in one line; a traceback says no more."""
    return f"{type(error).__name__}: {error}"


def stopped_by(error: Exception) -> Stop:
    """Why no further episode should be begun after this error; empty if the next may well work."""
    if isinstance(error, BudgetReached):
        return "budget"
    return "key" if isinstance(error, MissingKey) else ""
