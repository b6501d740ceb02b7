"""What the agents must reach, task by task, beside what the paper reached; and the rows' labels."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from mosel_gym.benchmark.paper.config import TRIALS
from mosel_gym.benchmark.paper.published import (
    BEAT,
    LIBERO,
    PUSH,
    SWEEP,
    TABLE_1,
    TABLE_2,
    libero,
)

SEEDS = range(TRIALS, TRIALS + 50)
"""Held-out start scenes of every task."""
MOST_ROUNDS = 4
"""Rounds of improvement after which the goals must be reached."""
LANGUAGE_GOAL = 0.95
FEW_STEPS, MANY_STEPS = 4, 50
"""Sampling steps of the video planner that must do as well as each other."""

ArmKind = Literal["base", "control", "after"]
_LABEL = re.compile(r"(?:(base)|(control|after)(?:, round| round) (\d+))(?:, (.+))?")


@dataclass(frozen=True)
class Arm:
    """Whose rows they are."""

    kind: ArmKind
    round: int = 0
    variant: str = ""
    """How its execution was changed, see `execution.Execution.words`."""

    @property
    def label(self) -> str:
        """As it stands in rows."""
        plain = {
            "base": "base",
            "control": f"control, round {self.round}",
            "after": f"after round {self.round}",
        }[self.kind]
        return f"{plain}, {self.variant}" if self.variant else plain


def arm_of(label: str) -> Arm | None:
    """The arm behind a label: "base", "after round 2", "control, round 2"; None for others."""
    found = _LABEL.fullmatch(label)
    if found is None:
        return None
    base, kind, number, variant = found.groups()
    arm = Arm("base" if base else kind, int(number or 0), variant or "")  # type: ignore[arg-type]
    return arm if arm.label == label else None


@dataclass(frozen=True)
class Group:
    """Tasks with one goal."""

    title: str
    tasks: tuple[str, ...]
    each: float
    """What every task must reach."""
    above: bool = False
    """Whether `each` itself is too little."""
    mean: float | None = None
    """What they must reach on average."""

    def reached(self, value: float) -> bool:
        """Whether one task's success is enough."""
        return value > self.each if self.above else value >= self.each

    @property
    def goal(self) -> str:
        """Of one task, as tables print it."""
        return f"{'>' if self.above else '>='} {self.each:.2f}"


GROUPS = (
    Group("LIBERO-Long, Task1 to Task7", LIBERO, 0.80, mean=0.90),
    Group(
        "LIBERO-Long, Task8 to Task10, which the paper leaves out",
        tuple(libero(number) for number in (8, 9, 10)),
        0.60,
        above=True,
    ),
    Group("RoboTwin", (BEAT, PUSH, SWEEP), 0.85),
)
PAPER_BEFORE = {**TABLE_1["baseline"], **TABLE_2["baseline"]}
PAPER_AFTER = {**TABLE_1["policy"], **TABLE_2["policy"]}
