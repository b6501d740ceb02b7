"""The two arms of an improvement: judged rollouts, and the control on demonstrations alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import redirect_stderr
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mosel_gym.benchmark.provenance import read_json, write_json
from mosel_gym.benchmark.recipe import Recipe
from mosel_gym.benchmark.specs import PretrainedAgent
from mosel_gym.errors import SpecMismatch
from mosel_gym.llm.config import ChatConfig
from mosel_gym.types import ImproveReport, Target

if TYPE_CHECKING:
    from mosel_gym.agents import MoselAgent
    from mosel_gym.agents.improvement.evidence import Evidence
    from mosel_gym.data.windows import Clip


@dataclass(frozen=True)
class ArmJob:
    """Which agent is refined, from what, into which folder."""

    base: str
    """Checkpoint name or folder."""
    goal: str
    buffer: str
    """Folder of the `ReflectionBuffer`."""
    demos: str | None
    """Folder of demonstrations; None = none."""
    out: str
    target: Target = "auto"
    steps: int | None = None
    """Gradient steps; None = as the agent's config says."""
    planner: str = "stored"
    """Writes the new plan, see `benchmark.modules`; "stored" = the agent's own."""
    llm: ChatConfig = field(default_factory=ChatConfig)
    """Settings of a foundation model that is asked for it."""
    seed: int | None = None
    """Of the training; None = as the agent's config says."""
    recipe: Recipe = field(default_factory=Recipe)
    """Further numbers that differ from the agent's config."""
    skills: tuple[str, ...] | None = None
    """Of the demonstrations, only the clips of these skills; None = all."""
    store: str | None = None
    """Folder for pictures of what was collected, which are then mapped from there; None = in
    memory."""
    demo_store: str | None = None
    """The same for demonstrations; several jobs may share it."""
    earlier: tuple[str, ...] = ()
    """Buffers of rounds before, oldest first, whose episodes a network learns from as well."""
    device: str = "cpu"
    """Where networks are trained, "cpu" or "cuda"."""


@dataclass(frozen=True)
class Choice:
    """The module that the reflections put at fault."""

    module: str
    reason: str


def choose_module(job: ArmJob) -> Choice:
    """Apply the agent's own routing, before either arm begins."""
    from mosel_gym.agents.improvement.route import choose

    agent = load_job(job)
    evidence = evidence_of(job)
    route = choose(job.target, evidence, agent.analyzer, agent.rounds, agent.config.route)
    return Choice(route.module, route.reason)


def improve_arm(job: ArmJob) -> ImproveReport:
    """Refine the agent from its judged rollouts and save it.

    Raises:
        NotEnoughData: Too few segments were judged successful; says how many are needed.
    """
    if (stored := stored_report(job.out)) is not None:
        return stored
    agent = load_job(job)
    report = agent.improve(evidence_of(job), job.target, demos=_demos(agent, job))
    return finish_arm(agent, report, job)


def control_arm(job: ArmJob) -> ImproveReport:
    """The same number of gradient steps on demonstrations alone, for `job.target`, and save.

    Raises:
        NotEnoughData: There are no demonstrations.
        ValueError: The target is not a network.
    """
    from mosel_gym.agents.improvement.policy import with_imagined
    from mosel_gym.training.finetune_policy import finetune_policy
    from mosel_gym.training.finetune_video import finetune_video

    if (stored := stored_report(job.out)) is not None:
        return stored
    agent = load_job(job)
    demos: Any = _demos(agent, job)
    start_s = time.monotonic()
    networks: Any = (agent.video_planner, agent.inverse_dynamics)
    if job.target == "video":
        done = finetune_video(networks[0], [], demos, agent.config.video, device=job.device)
    elif job.target == "policy":
        config, shown = agent.config.policy, with_imagined(demos, agent.video_planner)
        done = finetune_policy(networks[1], [], [], shown, config, device=job.device)
    else:
        raise ValueError(f"target is {job.target!r}; a control exists for 'video' and 'policy'.")
    report = ImproveReport(
        target=job.target,
        reason="Control: demonstrations alone, the same number of gradient steps.",
        episodes=0,
        accepted=0,
        rejected=0,
        steps=done.steps,
        loss_before=done.loss_before,
        loss_after=done.loss_after,
        seconds=time.monotonic() - start_s,
        analyzer="",
    )
    return finish_arm(agent, report, job)


def language_arm(job: ArmJob) -> ImproveReport:
    """Refine the plan if a reflection put it at fault, else keep it, and save.

    Raises:
        InvalidPlan: The task planner has no other plan.
    """
    from mosel_gym.data.buffer import ReflectionBuffer

    if (stored := stored_report(job.out)) is not None:
        return stored
    reflections = ReflectionBuffer(job.buffer).reflections()
    if any(row.fault == "language" for row in reflections):
        return improve_arm(replace(job, target="language"))
    agent = load_job(job)
    report = ImproveReport(
        target="none",
        reason=f"None of {len(reflections)} reflections put the plan at fault, so it was kept.",
        episodes=len(reflections),
        accepted=0,
        rejected=0,
        analyzer=agent.analyzer.name,
    )
    return finish_arm(agent, report, job)


def in_background(arm: Callable[[ArmJob], ImproveReport], job: ArmJob) -> ImproveReport:
    """Run an arm inside a worker; its own progress goes to `<out>.log`, not across ours."""
    log = Path(f"{job.out}.log")
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as file, redirect_stderr(file):
        return arm(job)


def refined_language(job: ArmJob) -> dict[str, Any] | None:
    """What language refinement makes of the episodes whose plan was at fault; None if none was.

    Returns:
        `rationale`, `old_plan`, `new_plan`, `reasoning`.

    Raises:
        InvalidPlan: The task planner has no other plan.
    """
    from mosel_gym.data.buffer import ReflectionBuffer

    buffer = ReflectionBuffer(job.buffer)
    reflections = buffer.reflections()
    faulty = [at for at, row in enumerate(reflections) if row.fault == "language"]
    if not faulty:
        return None
    agent = load_job(job)
    report = agent.improve(buffer, "language")
    episode = buffer.load(buffer.episodes()[faulty[-1]])
    assert report.plan is not None
    assert episode.plan is not None
    return {
        "episodes": len(faulty),
        "rationale": reflections[faulty[-1]].rationale,
        "old_plan": list(episode.plan.skills),
        "new_plan": list(report.plan.skills),
        "reasoning": report.plan.reasoning,
    }


def stored_report(out: str | Path) -> ImproveReport | None:
    """The report of an arm that was finished earlier."""
    path = Path(out) / "improve.json"
    if not path.exists():
        return None
    content = read_json(path)
    content["plan"] = None  # told by the agent's own file; not needed again
    return ImproveReport(**content)


def finish_arm(agent: MoselAgent, report: ImproveReport, job: ArmJob) -> ImproveReport:
    """Write the agent and, last, the report, which says that all is there."""
    if report.episodes and report.target != "none":
        agent.card = _told(agent, report)
    agent.save(job.out)
    write_json(Path(job.out) / "improve.json", asdict(report))
    return report


def _told(agent: MoselAgent, report: ImproveReport) -> dict[str, Any]:
    """The card, which says in every result that the agent learned from episodes of its own."""
    card = agent.card
    before = str(card.get("pretraining", card.get("information", "")))
    rounds = "1 round" if agent.rounds == 1 else f"{agent.rounds} rounds"
    own = f"{rounds} from episodes of its own, judged by {report.analyzer}"
    information = f"{before}; then {own}" if before else own
    return {**card, "pretraining": before, "information": information}


def load_job(job: ArmJob) -> MoselAgent:
    """The agent that a job refines, with the job's numbers in its config.

    Raises:
        SpecMismatch: It is of a kind that does not improve.
    """
    from mosel_gym.agents import MoselAgent

    agent = PretrainedAgent(job.base, planner=job.planner, llm=job.llm).build()
    if not isinstance(agent, MoselAgent):
        raise SpecMismatch(
            f"{job.base} is {type(agent).__name__}, which does not improve; a MoselAgent does. "
            "Give an agent of the kind 'mosel', such as 'libero-long'."
        )
    asked = {"steps": job.steps, "seed": job.seed}
    changed = {name: value for name, value in asked.items() if value is not None}
    agent.config = job.recipe.applied(agent.config, changed)
    for network in (agent.video_planner, agent.inverse_dynamics):
        move: Any = getattr(network, "to", None)
        if move is not None and job.device != "cpu":
            move(job.device)
    agent.reset(job.goal)
    return agent


def evidence_of(job: ArmJob) -> Evidence:
    """What the job learns from."""
    from mosel_gym.agents.improvement.evidence import Evidence
    from mosel_gym.data.buffer import ReflectionBuffer

    store = None if job.store is None else Path(job.store)
    recipe = job.recipe
    return Evidence(
        ReflectionBuffer(job.buffer),
        balance=recipe.balance,
        min_confidence=recipe.min_confidence,
        at_least=recipe.at_least,
        quickest=recipe.quickest,
        store=store,
        earlier=tuple(ReflectionBuffer(folder) for folder in job.earlier),
    )


def _demos(agent: MoselAgent, job: ArmJob) -> list[Clip]:
    from mosel_gym.data.cameras import Cameras
    from mosel_gym.data.windows import load_clips

    if job.demos is None:
        return []
    network: Any = agent.inverse_dynamics
    size, cameras = network.config.size, network.config.cameras
    if job.target == "video":
        planner: Any = agent.video_planner
        size, cameras = planner.size, Cameras(planner.config.scene_camera, hands=())
    return load_clips(job.demos, size, job.skills, cameras=cameras, cache=job.demo_store)
