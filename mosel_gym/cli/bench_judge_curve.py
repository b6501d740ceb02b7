"""`mosel bench judge-curve`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from mosel_gym.benchmark.judge_curve import JudgeCurveConfig, judge_curve
from mosel_gym.cli.options import exit_code


def main(
    config: Annotated[JudgeCurveConfig, tyro.conf.arg(name="")],
    out: Path = Path("runs/judge-curve"),
    workers: int = 2,
) -> int:
    """Success after refinement against the precision of the judge, made from simulator truth.

    Collects rollouts once, labels them with judges of several precisions, refines the same module
    from each and evaluates all of them on the same held-out seeds. Privileged throughout.

    Args:
        config: Agent, task, module and judges.
        out: Folder for curve.md, curve.json and curve.png. Run again, it goes on from there.
        workers: Processes, one core each.
    """
    text, results = judge_curve(config, out, workers)
    print(f"\n{text}\n\n{out / 'curve.png'}")
    return exit_code(results)
