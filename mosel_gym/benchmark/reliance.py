"""Goal reliance: does the policy follow the pictures that it is shown?

A policy can solve a scene and ignore its goal pictures; the video planner is decoration then, and
improving it cannot help. So every skill of some tasks is tried from the same start scenes under
four kinds of goals. A policy that listens succeeds with "oracle" and "generated" and fails with
"wrong".
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from tqdm import tqdm

from mosel_gym.agents.base import InverseDynamics, SampledDynamics
from mosel_gym.benchmark.metrics import Rate, share
from mosel_gym.benchmark.paper.roster import arguments
from mosel_gym.benchmark.reliance_cases import Case, known_cases
from mosel_gym.benchmark.results import EpisodeResult
from mosel_gym.benchmark.rollout import Agent
from mosel_gym.benchmark.rollouts import Keep, rollouts
from mosel_gym.benchmark.specs import EnvSpec, PretrainedAgent, env_ids
from mosel_gym.benchmark.workers import Died, Workers
from mosel_gym.data.atomic import atomic_path
from mosel_gym.errors import DamagedFile, MoselError
from mosel_gym.types import ActionChunk, Frame, Frames, Observation, VisualPlan

Mode = Literal["none", "wrong", "oracle", "generated"]
MODES: tuple[Mode, ...] = ("none", "wrong", "oracle", "generated")


@dataclass(frozen=True)
class RelianceConfig:
    """How it is measured."""

    tasks: tuple[str, ...] = ("MOSEL-LiberoLong-Task6",)
    """Environment ids, numbers of LIBERO-Long tasks, or suites; what the agent was not trained for
    is left out."""
    episodes: int = 20
    """Start scenes; every skill is tried from each of them."""
    seed: int = 5000
    """The first seed; training seeds start at 0."""
    modes: tuple[Mode, ...] = MODES
    layout_spread_m: float = 0.0
    max_steps: int = 250
    """Of a skill; one that has an environment of its own has its limit."""
    render_every: int = 4
    frames: int = 7
    """Expert pictures shown in the modes "wrong" and "oracle", evenly spaced over its skill."""
    hold: int = 10


@dataclass(frozen=True)
class RelianceRow:
    """One kind of goals, one skill."""

    mode: Mode
    skill: str
    first_hit: Rate
    held: Rate
    errors: int
    task: str = ""
    """Whose plan the skill is of."""
    outcomes: tuple[tuple[int, bool | None], ...] = ()
    """(seed, held) of every episode without an error."""
    left_out: int = 0
    """Start scenes in which the expert, whose pictures were wanted, failed itself."""


def goal_reliance(
    source: str,
    config: RelianceConfig,
    out_dir: str | Path,
    workers: int = 2,
    *,
    progress: bool = True,
) -> list[RelianceRow]:
    """Try each skill of the tasks' plans under each kind of goals.

    Args:
        source: Checkpoint name or folder.
        config: Tasks, seeds, modes and limits; see `reliance_cases` for what is tried where.
        out_dir: Expert pictures and results; finished episodes are not run again.
        workers: Processes.
        progress: Show bars.

    Raises:
        MoselError: The agent knows no skill of the tasks, or follows no pictures of single skills.
    """
    cases, _ = known_cases(source, env_ids(config.tasks))
    seeds = range(config.seed, config.seed + config.episodes)
    rows = []
    with Workers(workers) as pool:
        if {"wrong", "oracle"} & set(config.modes):
            _record_expert(config, cases, seeds, Path(out_dir), pool, progress)
        for case in cases:
            for mode in config.modes:
                if mode != "wrong" or case.wrong is not None:
                    rows.append(
                        _tried(source, case, mode, config, seeds, Path(out_dir), pool, progress)
                    )
    return rows


def _tried(
    source: str,
    case: Case,
    mode: Mode,
    config: RelianceConfig,
    seeds: range,
    out_dir: Path,
    pool: Workers,
    progress: bool,
) -> RelianceRow:
    """One skill under one kind of goals."""
    pictures = out_dir / case.env_id / "expert"
    shown = {"oracle": case.skill, "wrong": case.wrong}.get(mode)
    usable = [
        seed
        for seed in seeds
        if shown is None or len(_read(picture_file(pictures, seed, shown))) > 0
    ]
    kwargs = arguments(
        case.env_id,
        source,
        layout_spread_m=config.layout_spread_m or None,
        max_steps=config.max_steps if case.env_id == case.task else None,
        success_hold=config.hold,
        render_every=config.render_every,
    )
    wrong = () if case.wrong is None else ((case.skill, case.wrong),)
    results = rollouts(
        GoalAgent(source, mode, str(pictures), wrong),
        case.env_id,
        kwargs,
        usable,
        pool,
        out_dir / case.env_id / mode / case.skill.replace(" ", "-"),
        progress,
        plan=(case.skill,),
        keep=Keep(hold=config.hold, stop_skill=case.skill, reflect=False),
        label=f"{mode}: {case.skill}",
    )
    left_out = len(seeds) - len(usable)
    return replace(_row(mode, case.skill, results), task=case.task, left_out=left_out)


def _row(mode: Mode, skill: str, results: Sequence[EpisodeResult]) -> RelianceRow:
    fine = [result for result in results if result.status == "ok"]
    return RelianceRow(
        mode=mode,
        skill=skill,
        first_hit=share(result.skills.get(skill) for result in fine),
        held=share(result.skills_held.get(skill) for result in fine),
        errors=len(results) - len(fine),
        outcomes=tuple((result.seed, result.skills_held.get(skill)) for result in fine),
    )


def total(rows: Sequence[RelianceRow], mode: Mode) -> Rate:
    """Held successes of one kind of goals, over all skills."""
    mine = [row.held for row in rows if row.mode == mode]
    outcomes = [True] * sum(r.successes for r in mine)
    return share(outcomes + [False] * (sum(r.trials for r in mine) - len(outcomes)))


@dataclass(frozen=True)
class GoalAgent:
    """Recipe of a pretrained agent whose goal pictures are swapped."""

    source: str
    mode: Mode
    expert: str
    """Folder of expert pictures, for "wrong" and "oracle"."""
    wrong: tuple[tuple[str, str], ...]
    """(skill, the skill whose pictures it gets)."""

    def build(self) -> Agent:
        """Load the agent and swap the part that the mode is about."""
        from mosel_gym.agents.pretrained import load_any

        agent: Any = load_any(self.source)
        if self.mode == "none":
            agent.inverse_dynamics = BlindToGoals(agent.inverse_dynamics)
        elif self.mode == "oracle":
            agent.video_planner = ExpertPictures(Path(self.expert), {})
        elif self.mode == "wrong":
            agent.video_planner = ExpertPictures(Path(self.expert), dict(self.wrong))
        return agent  # type: ignore[no-any-return]

    def fingerprint(self) -> str:
        """Weights and mode."""
        return f"{PretrainedAgent(self.source).fingerprint()} {self.mode}"


class BlindToGoals:
    """An inverse dynamics that is never shown a goal."""

    def __init__(self, inner: InverseDynamics) -> None:
        """Wrap the real one."""
        self._inner = inner

    @property
    def name(self) -> str:
        """Says so in results."""
        return f"{self._inner.name}(no goal)"

    def reset(self, seed: int) -> None:
        """Pass the seed on."""
        if hasattr(self._inner, "reset"):
            self._inner.reset(seed)

    def sample_at(self, temperature: float | None) -> None:
        """Pass the scale of the noise on, as of further tries."""
        if isinstance(self._inner, SampledDynamics):
            self._inner.sample_at(temperature)

    def act(self, observation: Observation, goal: Frame | None, skill: str | None) -> ActionChunk:
        """Drop the goal; without one, no goal is ever near."""
        chunk = self._inner.act(observation, None, skill)
        return replace(chunk, steps_to_goal=float("inf"))


class ExpertPictures:
    """A video planner that shows what the scripted expert did from the same start scene."""

    def __init__(self, folder: Path, swapped: Mapping[str, str]) -> None:
        """Take pictures from `folder`; a skill in `swapped` gets another one's."""
        self._folder, self._swapped = folder, swapped
        self._seed = 0

    @property
    def name(self) -> str:
        """Says so in results."""
        return "expert-pictures(wrong)" if self._swapped else "expert-pictures"

    def reset(self, seed: int) -> None:
        """The rollout loop gives the agent the seed of the environment."""
        self._seed = seed

    def imagine(self, frame: Frame, skill: str) -> VisualPlan:
        """The expert's pictures of the skill, or of the one it is swapped with."""
        shown = self._swapped.get(skill, skill)
        return VisualPlan(skill, _read(picture_file(self._folder, self._seed, shown)), self.name)


def picture_file(folder: Path, seed: int, skill: str) -> Path:
    """Where the expert's pictures of one seed and skill are."""
    return folder / f"seed-{seed:06d}-{skill.replace(' ', '-')}.npy"


def _read(path: Path) -> Frames:
    try:
        frames: Frames = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise DamagedFile(f"{path} cannot be read as pictures: {error}") from error
    return frames


@dataclass(frozen=True)
class _Job:
    env: EnvSpec
    skill: str
    seed: int
    frames: int
    path: Path


def _record_expert(
    config: RelianceConfig,
    cases: Sequence[Case],
    seeds: Sequence[int],
    out_dir: Path,
    pool: Workers,
    progress: bool,
) -> None:
    jobs: dict[Path, _Job] = {}
    for case in cases:
        folder = out_dir / case.env_id / "expert"
        kwargs = arguments(case.env_id, None, layout_spread_m=config.layout_spread_m or None)
        wanted = [case.skill] if "oracle" in config.modes else []
        wanted += [case.wrong] if case.wrong and "wrong" in config.modes else []
        for seed in seeds:
            for skill in wanted:
                path = picture_file(folder, seed, skill)
                jobs[path] = _Job(EnvSpec(case.env_id, kwargs), skill, seed, config.frames, path)
    missing = [job for path, job in jobs.items() if not path.exists()]
    with tqdm(total=len(missing), desc="expert pictures", unit="ep", disable=not progress) as bar:
        for outcome in pool.map_unordered(_record_one, missing):
            if isinstance(outcome, Died):
                raise MoselError(f"The process that recorded {outcome.job.path} died twice.")
            bar.update()


_ENVS: dict[str, Any] = {}


def _record_one(job: _Job) -> int:
    """Pictures of an expert that fails show no goal: the file then holds none."""
    from mosel_gym.envs.expert_episode import expert_episode

    key = job.env.fingerprint()
    if key not in _ENVS:
        for env in _ENVS.values():  # one scene at a time: each takes memory
            env.close()
        _ENVS.clear()
        _ENVS[key] = job.env.make()
    plain_env = _ENVS[key].unwrapped
    episode = expert_episode(plain_env, (job.skill,), job.seed, keep_states=False)
    pictures = episode.observations[plain_env.scene_camera]
    rows = np.linspace(0, len(pictures) - 1, job.frames + 1).round().astype(int)[1:]
    assert episode.skill_done is not None
    # Ever, not at the end: LIBERO counts a book in its caddy only while it goes in.
    if not episode.skill_done[job.skill].any():
        rows = rows[:0]
    with atomic_path(job.path) as draft, draft.open("wb") as file:
        np.save(file, pictures[rows])
        os.fsync(file.fileno())
    return job.seed
