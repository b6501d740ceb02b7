"""How fast an agent acts, imagines, runs an episode and improves: `mosel bench agent`."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mosel_gym.benchmark.agent_speed_act import ActSpeed, one_torch_thread, timed_episode
from mosel_gym.benchmark.agent_speed_round import (
    FORMULA,
    RoundSize,
    RoundSpeed,
    timed_round,
)
from mosel_gym.benchmark.execution import set_sampling_steps
from mosel_gym.benchmark.paper.roster import arguments
from mosel_gym.benchmark.paper.work import robotwin
from mosel_gym.benchmark.provenance import provenance, write_json
from mosel_gym.benchmark.specs import EnvSpec, PretrainedAgent, env_id
from mosel_gym.errors import MoselError, SpecMismatch
from mosel_gym.registry import task_of

EPISODE_STEPS, STEPS_PER_S = 600, 20
"""A LIBERO episode, and how many of its steps pass in a second of the real robot's time."""


@dataclass(frozen=True)
class AgentSpeedConfig:
    """What is measured, and how often."""

    agent: str = "libero-long"
    """Checkpoint name or folder."""
    task: str = "MOSEL-LiberoLong-Task6"
    """Environment id, or the number of a LIBERO-Long task."""
    repeats: int = 3
    """Episodes whose calls of `act` are timed."""
    seed: int = 5000
    """Of the first one."""
    render_every: int = 4
    """Pictures are drawn on every so many steps, as in `mosel eval`."""
    episode_steps: int | None = None
    """End the timed episodes here; None = as `mosel eval` does."""
    sampling_steps: tuple[int, ...] = (2, 4, 8, 50)
    """Of the video planner, for single plans."""
    plans: int = 10
    """Plans at each number of sampling steps."""
    round_interactions: int = 4
    """Interactions of the round of improvement that is timed; 0 leaves it out."""
    round_steps: int = 20
    """Gradient steps of each module in it."""
    round_check: int = 2
    """Episodes after it that are judged, to see whether it made things worse."""
    full_check: int = 40
    """The same in a round of full size, to which the timed one is extrapolated: 20 episodes with
    the agent before the round, and the same ones with the agent after it."""
    keep: Path | None = None
    """Folder for what the round makes; None = one that is removed afterwards."""


@dataclass(frozen=True)
class PlanSpeed:
    """Imagining at one number of sampling steps."""

    steps: int | None
    """None = the planner does not sample in steps."""
    seconds: tuple[float, ...]
    """Wall time of each."""
    cpu_s: tuple[float, ...]
    """CPU time of the calling thread."""

    @property
    def median_s(self) -> float:
        """Of all plans."""
        return statistics.median(self.seconds)


def bench_agent(config: AgentSpeedConfig, out: str | Path | None = None) -> dict[str, Any]:
    """Measure on one thread, and write a JSON file with the hardware beside the numbers.

    Args:
        config: Sizes.
        out: JSON file; None writes nothing.

    Returns:
        `acting` (`ActSpeed`), `plans` (`PlanSpeed`), `round` (`RoundSpeed` or None),
        `round_extrapolated`, `load_average` before and after, and provenance.

    Raises:
        UnknownId: No such agent or task, or the agent was not trained for the task.
        MoselError: An episode broke.
    """
    task = task_of(env_id(config.task))
    _check(config)
    load = os.getloadavg()[0]
    kwargs = arguments(task.id, config.agent, success_hold=40, render_every=config.render_every)
    with one_torch_thread():
        acting, plans = _act_and_plan(config, EnvSpec(task.id, kwargs))
        done, full = _round(config, task.id)
    found: dict[str, Any] = {
        "task": task.id,
        "acting": acting,
        "plans": plans,
        "round": done,
        "round_extrapolated": None if done is None or full is None else done.extrapolated(full),
        "round_full_size": full,
        "formula": FORMULA,
        "torch_threads": 1,
        "niceness": os.nice(0),
        "load_average": load,
        "load_average_after": os.getloadavg()[0],
        **provenance(config, config.seed),
    }
    if out is not None:
        write_json(out, _plain(found))
    return found


def _check(config: AgentSpeedConfig) -> None:
    for name in ("repeats", "plans", "round_steps", "round_check"):
        if getattr(config, name) < 1:
            raise SpecMismatch(
                f"{name} is {getattr(config, name)}; it must be a whole number of at least 1."
            )


def _act_and_plan(
    config: AgentSpeedConfig, env_spec: EnvSpec
) -> tuple[ActSpeed, tuple[PlanSpeed, ...]]:
    agent: Any = PretrainedAgent(config.agent).build()
    for part in ("video_planner", "inverse_dynamics"):
        if getattr(agent, part, None) is None:
            raise SpecMismatch(
                f"{config.agent} has no {part}, so that there is nothing of it to time here; an "
                "agent of the kinds 'mosel', 'hip', 'unipi' or 'palm-e' has."
            )
    env = env_spec.make()
    try:
        # The first calls of everything also load libraries and build the scene.
        timed_episode(env, agent, config.seed, most_steps=20)
        acting = ActSpeed()
        for seed in range(config.seed, config.seed + config.repeats):
            acting.episodes.append(timed_episode(env, agent, seed, config.episode_steps))
        return acting, _plans(config, env, agent)
    finally:
        env.close()


def _plans(config: AgentSpeedConfig, env: Any, agent: Any) -> tuple[PlanSpeed, ...]:
    planner, camera = agent.video_planner, agent.acting_config.executor.scene_camera
    skills = list(agent.plan.skills)
    frames = [env.reset(seed=config.seed + at)[0][camera] for at in range(min(config.plans, 3))]
    usual, found = planner.config, []
    for steps in config.sampling_steps:
        try:
            set_sampling_steps(agent, steps)
        except SpecMismatch:  # one pass; another number would be the same one
            return (_imagined(config, None, planner, frames, skills),)
        try:
            found.append(_imagined(config, steps, planner, frames, skills))
        finally:
            planner.config = usual
    return tuple(found)


def _imagined(
    config: AgentSpeedConfig, steps: int | None, planner: Any, frames: list[Any], skills: list[str]
) -> PlanSpeed:
    seconds, cpu_seconds = [], []
    for at in range(config.plans):
        start_s, start_cpu_s = time.perf_counter(), time.thread_time()
        planner.imagine(frames[at % len(frames)], skills[at % len(skills)], seed=at)
        seconds.append(time.perf_counter() - start_s)
        cpu_seconds.append(time.thread_time() - start_cpu_s)
    return PlanSpeed(steps, tuple(seconds), tuple(cpu_seconds))


def _round(config: AgentSpeedConfig, task_id: str) -> tuple[RoundSpeed | None, RoundSize | None]:
    """The timed round, and the size of the paper's."""
    if not config.round_interactions:
        return None, None
    from mosel_gym.agents.pretrained import load_any

    agent: Any = load_any(config.agent)
    if not hasattr(agent.config, "video"):
        return None, None
    own = {"video": agent.config.video.loop.steps, "policy": agent.config.policy.loop.steps}
    full = RoundSize(50 if robotwin(task_id) else 100, own, config.full_check)
    steps = dict.fromkeys(own, config.round_steps)
    size = RoundSize(config.round_interactions, steps, config.round_check)
    kwargs = arguments(task_id, config.agent, success_hold=40, render_every=2)
    kept = config.keep
    with tempfile.TemporaryDirectory() if kept is None else nullcontext(kept) as folder:
        if any(Path(folder).glob("*")):
            raise MoselError(f"{folder} is not empty; give another folder, or remove it.")
        done = timed_round(config.agent, EnvSpec(task_id, kwargs), size, Path(folder))
    return done, full


def _plain(found: dict[str, Any]) -> dict[str, Any]:
    """For the JSON file: raw seconds, and what the table says of them."""
    acting: ActSpeed = found["acting"]
    return found | {
        "acting": {
            "act_s": acting.act_s,
            "episode_s": acting.parts_s(EPISODE_STEPS),
            "episodes": acting.episodes,
        },
        "plans": [
            {
                "steps": plan.steps,
                "median_s": plan.median_s,
                "seconds": plan.seconds,
                "cpu_s": plan.cpu_s,
            }
            for plan in found["plans"]
        ],
    }
