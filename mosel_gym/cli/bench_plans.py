"""`mosel bench plans`."""

from __future__ import annotations

import os

from mosel_gym.benchmark.agent_speed_act import one_torch_thread
from mosel_gym.benchmark.plan_speed import kinds_seconds, plan_table
from mosel_gym.models.video_planners import PlannerKind


def main(
    kinds: tuple[PlannerKind, ...] = ("latent", "regression", "pixel-small"),
    steps: tuple[int, ...] = (),
    repeats: int = 3,
    measure_below_s: float = 10.0,
    device: str = "cpu",
) -> None:
    """Seconds of one imagined plan, by kind of video planner and sampling steps, on one thread.

    Args:
        kinds: Also "paper", which has 1.5 GB of weights and takes minutes.
        steps: Sampling steps; none named = those that suit the kind.
        repeats: Plans of each that are timed; the median is told.
        measure_below_s: Where a plan takes longer than this, one step is timed and multiplied.
        device: "cpu" or "cuda".
    """
    load = os.getloadavg()[0]
    print(f"One thread, load average before: {load:.1f}.")
    with one_torch_thread():
        for kind in kinds:  # each is told as soon as it is known
            rows = kinds_seconds(
                (kind,), steps, repeats, measure_below_s=measure_below_s, device=device
            )
            print("\n" + plan_table(rows), flush=True)
