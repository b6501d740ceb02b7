"""`mosel improve`."""

from __future__ import annotations

from pathlib import Path

from mosel_gym.benchmark.arms import ArmJob, control_arm, improve_arm
from mosel_gym.benchmark.specs import env_id
from mosel_gym.registry import task_of
from mosel_gym.types import Target


def main(
    buffer: Path,
    out: Path,
    agent: str = "libero-long",
    target: Target = "auto",
    demos: Path | None = None,
    steps: int | None = None,
    control: Path | None = None,
    task: str = "MOSEL-LiberoLong-Task6",
) -> None:
    """Refine one module of an agent from episodes that it reflected on.

    Args:
        buffer: Folder of reflected episodes; `mosel eval --buffer` fills one.
        out: Folder of the refined agent.
        agent: Checkpoint name or folder.
        target: Which module; auto goes by the reflections.
        demos: Folder of demonstrations: a share of every batch, and all of the control.
        steps: Gradient steps; None = the agent's own number.
        control: Also write the control agent here: the same steps on demonstrations alone.
        task: Environment id, or the number of a LIBERO-Long task.
    """
    job = ArmJob(
        base=agent,
        goal=task_of(env_id(task)).goal,
        buffer=str(buffer),
        demos=None if demos is None else str(demos),
        out=str(out),
        target=target,
        steps=steps,
    )
    report = improve_arm(job)
    print(f"{out}: improved {report.target} ({report.reason})")
    print(
        f"  {report.episodes} episodes, {report.accepted} segments judged reached, "
        f"{report.rejected} not; {report.steps} steps in {report.seconds:.0f} s"
    )
    if report.plan is not None:
        print(f"  new plan: {'; '.join(report.plan.skills)}")
    if control is not None and report.target in ("video", "policy"):
        same = ArmJob(job.base, job.goal, job.buffer, job.demos, str(control), report.target, steps)
        done = control_arm(same)
        print(f"{control}: control, {done.steps} steps on demonstrations in {done.seconds:.0f} s")
