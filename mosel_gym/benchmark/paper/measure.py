"""What is measured beside episodes: imagined clips under a judge, and the time of sampling."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mosel_gym.benchmark.execution import set_sampling_steps
from mosel_gym.benchmark.provenance import git_revision, hardware, versions
from mosel_gym.benchmark.rollout import Agent
from mosel_gym.benchmark.rows import Row
from mosel_gym.benchmark.specs import EnvSpec, PretrainedAgent
from mosel_gym.data.buffer import ReflectionBuffer
from mosel_gym.errors import SpecMismatch
from mosel_gym.registry import task_of
from mosel_gym.types import Episode

_SETTING = ("protocol", "renderer", "assets", "robot")


@dataclass(frozen=True)
class SampledAgent:
    """An agent whose video planner samples in another number of steps (G.4)."""

    agent: PretrainedAgent
    steps: int | None = None
    """None = its own number."""

    def build(self) -> Agent:
        """Load it and set the number.

        Raises:
            SpecMismatch: Its video planner does not sample in steps.
        """
        agent: Any = self.agent.build()
        if self.steps is None:
            return agent  # type: ignore[no-any-return]
        set_sampling_steps(agent, self.steps)
        return agent  # type: ignore[no-any-return]

    def fingerprint(self) -> str:
        """That of the agent, and the number."""
        said = self.agent.fingerprint()
        return said if self.steps is None else f"{said}, {self.steps} sampling steps"


@dataclass(frozen=True)
class ImaginingJob:
    """Which agents imagine from which recorded pictures, and whose judge looks at it."""

    specs: Mapping[str, PretrainedAgent]
    """By label; the first one's judge judges all."""
    buffer: str
    env_id: str
    conditions: Mapping[str, Any]


def imagine(job: ImaginingJob) -> list[Row]:
    """One row for each agent and recorded episode, with a verdict for each skill in it.

    Raises:
        SpecMismatch: The judge cannot look at imagined clips.
    """
    agents: dict[str, Any] = {label: spec.build() for label, spec in job.specs.items()}
    prints = {label: spec.fingerprint() for label, spec in job.specs.items()}
    first = next(iter(agents.values()))
    judge: Any = first.judge if hasattr(first.judge, "imagined_reached") else first.analyzer
    if not hasattr(judge, "imagined_reached"):
        raise SpecMismatch(
            f"The judge {getattr(judge, 'name', judge)!r} cannot look at imagined clips; the pixel "
            "analyzer can."
        )
    buffer = ReflectionBuffer(job.buffer)
    rows: list[Row] = []
    for path in sorted(buffer.episodes(), key=lambda path: path.name):
        episode = buffer.load(path)
        for label, agent in agents.items():
            said = _imagined(episode, agent, judge)
            made = _row(job, label, int(episode.seed or 0), prints[label], judge.name)
            made = replace(made, verdicts=said, round=agent.rounds, modules=agent.name)
            given = {name: str(episode.provenance.get(name, "")) for name in _SETTING}
            rows.append(replace(made, **given))  # type: ignore[arg-type]
    return rows


def _imagined(episode: Episode, agent: Any, judge: Any) -> tuple[dict[str, Any], ...]:
    scene = episode.observations[agent.video_planner.config.scene_camera]
    said = []
    for at, segment in enumerate(episode.segments):
        if segment.kind != "skill":
            continue
        plan = agent.video_planner.imagine(scene[segment.start], segment.skill, seed=at)
        segments = list(episode.segments)
        segments[at] = replace(segment, imagined=plan.frames)
        probability = judge.imagined_reached(replace(episode, segments=tuple(segments)), at)
        judged = probability is not None and probability > judge.threshold
        said.append({"skill": segment.skill, "judged": judged, "truth": None})
    return tuple(said)


@dataclass(frozen=True)
class SamplingJob:
    """Whose sampling is timed, from which pictures."""

    label: str
    spec: SampledAgent
    env: EnvSpec
    seeds: tuple[int, ...]
    conditions: Mapping[str, Any]


def time_sampling(job: SamplingJob) -> list[Row]:
    """One row for each imagined video: its wall time in this process.

    Raises:
        UnknownId: The planner does not know the task's first skill.
    """
    agent: Any = job.spec.build()
    env = job.env.make()
    skills, rows = task_of(job.env.id).plan, []
    camera = agent.video_planner.config.scene_camera
    try:
        for at, seed in enumerate(job.seeds):
            observation, info = env.reset(seed=seed)
            frame, skill = observation[camera], skills[at % len(skills)]
            if at == 0:
                agent.video_planner.imagine(frame, skill)  # the first one also warms up
            start_s = time.perf_counter()
            agent.video_planner.imagine(frame, skill, seed=seed)
            seconds = time.perf_counter() - start_s
            row = _row(job, job.label, seed, job.spec.fingerprint(), agent.analyzer.name)
            given = {name: str(info.get(name, "")) for name in _SETTING}
            row = replace(row, round=agent.rounds, modules=agent.name, seconds=round(seconds, 6))
            rows.append(replace(row, seconds_by_part={"imagining": row.seconds}, **given))  # type: ignore[arg-type]
    finally:
        env.close()
    return rows


def seed_of(path: str | Path) -> int:
    """The seed in the name of a buffer's episode file; -1 if it has none."""
    found = re.search(r"-seed(-?\d+)-", Path(path).name)
    return int(found.group(1)) if found else -1


def _row(
    job: ImaginingJob | SamplingJob, label: str, seed: int, fingerprint: str, analyzer: str
) -> Row:
    machine = hardware()
    return Row(
        env_id=job.env_id if isinstance(job, ImaginingJob) else job.env.id,
        agent=label,
        seed=seed,
        conditions=dict(job.conditions),
        analyzer=analyzer,
        fingerprint=fingerprint,
        versions=versions(),
        revision=git_revision() or "",
        hardware=f"{machine['cpu']}, {machine['cores']} cores",
    )
