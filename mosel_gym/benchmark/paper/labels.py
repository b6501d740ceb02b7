"""Names of agents in rows, and which rows belong into which cell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from mosel_gym.benchmark.rows import Row
from mosel_gym.registry import task_of

UNIPI, PALM_E, HIP, MOSEL, VLA_RL = "UniPi", "PaLM-E", "HiP", "MOSEL", "VLA-RL"
CONTROL = ", control"
NO_IDENTIFICATION = ", no failure identification"
EXPERT = "scripted expert"
BASELINE_FOLDERS = {UNIPI: "unipi", PALM_E: "palm-e", VLA_RL: "vla-rl"}
"""Label -> subfolder of --agents."""

INTERACTIONS, IMAGINED, JUDGED, SAMPLED = "interactions", "imagined", "judged", "sampled"
"""`conditions["purpose"]` of rows that are no trials."""


def chain_of(env_id: str) -> tuple[str, ...]:
    """Modules in the order in which the paper refines them on a task's suite."""
    if task_of(env_id).suite.startswith("robotwin"):
        return ("language", "video", "policy")
    return ("video", "policy", "video", "policy")


def chain_label(targets: Sequence[str]) -> str:
    """As "MOSEL +video +policy"."""
    return " ".join([MOSEL, *(f"+{target}" for target in targets)])


def targets_of(label: str) -> tuple[str, ...] | None:
    """The refinements behind a label of the chain, controls included; None for other agents."""
    head, *targets = label.removesuffix(NO_IDENTIFICATION).removesuffix(CONTROL).split(" +")
    return tuple(targets) if head == MOSEL else None


def is_control(label: str) -> bool:
    """Whether it learned from demonstrations alone."""
    return label.endswith(CONTROL)


def steps_label(label: str, steps: int | None) -> str:
    """Label of an agent whose video planner samples so many steps; None = its own number."""
    return label if steps is None else f"{label}, {steps} sampling steps"


def short(env_id: str) -> str:
    """As "Task6" or "BeatBlock"."""
    return env_id.rpartition("-")[2]


def trials(
    rows: Iterable[Row],
    label: str,
    env_id: str,
    *,
    repeat: int = 0,
    disturbed: bool = False,
) -> list[Row]:
    """The trials of one cell: rows without another purpose and without a plan from outside."""
    return [
        row
        for row in rows
        if (row.agent, row.env_id, row.repeat) == (label, env_id, repeat)
        and bool(row.conditions.get("disturbed", False)) == disturbed
        and "purpose" not in row.conditions
        and "plan" not in row.conditions
    ]


def with_purpose(
    rows: Iterable[Row], purpose: str, label: str, env_id: str, repeat: int = 0, **more: Any
) -> list[Row]:
    """Rows that were made for something else than trials."""
    wanted = {"purpose": purpose, **more}
    return [
        row
        for row in rows
        if (row.agent, row.env_id, row.repeat) == (label, env_id, repeat)
        and all(row.conditions.get(name) == value for name, value in wanted.items())
    ]
