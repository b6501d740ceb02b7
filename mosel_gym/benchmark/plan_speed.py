"""Seconds of one imagined plan, by kind of planner and sampling steps (paper, Table 11)."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from mosel_gym.errors import SpecMismatch
from mosel_gym.models.video_base import VideoPlannerNetwork
from mosel_gym.models.video_planners import CONFIGS, build_planner

STEPS: dict[str, tuple[int, ...]] = {
    "latent": (2, 4, 8, 50),
    "regression": (1,),
    "pixel-small": (2, 4, 8, 50),
    "paper": (10, 20, 50),
}
"""Kind -> the steps that are timed where none are named."""


@dataclass(frozen=True)
class PlanSeconds:
    """Measured, or for long plans extrapolated from one pass of the network."""

    kind: str
    parameters: int
    """Weights that are trained, and a codec's."""
    steps: int
    seconds: float
    """Median wall time of a plan."""
    repeats: int
    """Plans timed; 0 where `seconds` is that of a one-step plan times `steps`."""


def plan_seconds(planner: VideoPlannerNetwork, steps: int, repeats: int = 3) -> float:
    """Median wall time of one plan in so many sampling steps.

    Non-obvious behaviour:
        - The planner is asked as an agent asks it: a picture in, pictures out.
        - Weights do not change the time, so that an untrained planner will do.
        - Set torch's threads before: one, unless the machine is idle.

    Args:
        planner: Of any kind; its own number of steps and its noise stay as they are. One that
            does not sample ("regression") takes one pass, whatever `steps` is.
        steps: Passes of the network.
        repeats: Plans that are timed, after one that warms up.

    Raises:
        SpecMismatch: This kind cannot sample in so many steps, or a number is below 1.
    """
    for name, value in (("steps", steps), ("repeats", repeats)):
        if value < 1:
            raise SpecMismatch(f"{name} is {value}; it must be a whole number of at least 1.")
    frame = np.random.default_rng(0).integers(0, 256, (planner.size,) * 2 + (3,), np.uint8)
    skill, own = planner.config.skills[0], planner.config
    planner.config = replace(own, num_steps=steps)
    try:
        planner.imagine(frame, skill, seed=0)
        seconds = []
        for seed in range(repeats):
            start_s = time.perf_counter()
            planner.imagine(frame, skill, seed=seed)
            if planner.device.type == "cuda":
                torch.cuda.synchronize()
            seconds.append(time.perf_counter() - start_s)
    finally:
        planner.config = own
    return statistics.median(seconds)


def kinds_seconds(
    kinds: Sequence[str],
    steps: Sequence[int] = (),
    repeats: int = 3,
    *,
    measure_below_s: float = 10.0,
    device: str = "cpu",
) -> list[PlanSeconds]:
    """Time untrained planners of real size.

    Args:
        kinds: Of `models.video_planners.PLANNER_KINDS`.
        steps: Sampling steps; none = those of `STEPS`.
        repeats: Plans of each that are timed.
        measure_below_s: A plan that would take longer than this is not measured; one step is, and
            multiplied. The result says so.
        device: "cpu" or "cuda".

    Raises:
        SpecMismatch: There is no such kind, or it cannot sample in so many steps.
    """
    rows = []
    for kind in kinds:
        if kind not in CONFIGS:
            raise SpecMismatch(f"Unknown kind of planner {kind!r}. Allowed: {list(CONFIGS)}.")
        with torch.random.fork_rng(devices=[]):
            planner = build_planner(replace(CONFIGS[kind], skills=("a skill",))).to(device).eval()
        count = sum(value.numel() for value in planner.parameters())
        one: float | None = None
        for number in steps or STEPS[kind]:
            if one is None:
                one = plan_seconds(planner, 1, 1)
            if one * number > measure_below_s:
                rows.append(PlanSeconds(kind, count, number, one * number, 0))
            else:
                took = plan_seconds(planner, number, repeats)
                rows.append(PlanSeconds(kind, count, number, took, repeats))
    return rows


def plan_table(rows: Sequence[PlanSeconds]) -> str:
    """As Markdown."""
    lines = ["| kind | weights, M | steps | s a plan | plans timed |", "|---|---|---|---|---|"]
    for row in rows:
        timed = str(row.repeats) if row.repeats else "one step, multiplied"
        weights = f"{row.parameters / 1e6:.1f}"
        lines.append(f"| {row.kind} | {weights} | {row.steps} | {row.seconds:.3g} | {timed} |")
    return "\n".join(lines)
