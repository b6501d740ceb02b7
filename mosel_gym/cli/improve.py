"""`mosel improve`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mosel_gym.benchmark.arms import ArmJob, control_arm, improve_arm
from mosel_gym.benchmark.specs import env_id
from mosel_gym.llm.config import ChatConfig
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
    planner: str = "stored",
    llm: ChatConfig = ChatConfig(),  # noqa: B008  # frozen
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
        planner: Writes a new plan in place of the agent's own: "offline", or a foundation model
            such as "openai:gpt-4.1".
        llm: Settings of that model.
    """
    job = ArmJob(
        base=agent,
        goal=task_of(env_id(task)).goal,
        buffer=str(buffer),
        demos=None if demos is None else str(demos),
        out=str(out),
        target=target,
        steps=steps,
        planner=planner,
        llm=llm,
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
        same = replace(job, out=str(control), target=report.target)
        done = control_arm(same)
        print(f"{control}: control, {done.steps} steps on demonstrations in {done.seconds:.0f} s")
