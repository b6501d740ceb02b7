"""Demonstrations by the scripted expert, as LIBERO-layout HDF5 files with an mp4 each."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from tqdm import tqdm

from mosel_gym.benchmark.env_arguments import defaults, given
from mosel_gym.benchmark.judging import demonstrates, skills_done
from mosel_gym.benchmark.provenance import provenance, read_json, write_json
from mosel_gym.benchmark.specs import EnvSpec, env_id
from mosel_gym.benchmark.workers import Died, Workers
from mosel_gym.data.libero_hdf5 import write_episode
from mosel_gym.data.recorder import write_video
from mosel_gym.errors import DamagedFile, MissingLibrary, MoselError
from mosel_gym.registry import task_of
from mosel_gym.types import Task

Order = Literal["both", "forward", "reverse"]


@dataclass(frozen=True)
class CollectConfig:
    """What the expert is asked to do."""

    task: str = "MOSEL-LiberoLong-Task6"
    """Environment id, or the number of a LIBERO-Long task."""
    episodes: int = 60
    seed: int = 0
    """Episode k has the seed `seed + k`: it decides layout and noise."""
    order: Order = "both"
    """Of the task's skills. "both" alternates, so that one scene can be followed by either skill,
    and a policy cannot tell from the picture alone which one is meant. Where skills are chained, as
    with RoboTwin's tools, there is one order, and "both" means "forward"."""
    skills: tuple[str, ...] = ()
    """Carry these out, in this order, in place of the task's own plan."""
    layout_spread_m: float = 0.0
    """LIBERO: objects are moved by up to this much in x and y; 0 = its own placement ranges."""
    init_states: int = 0
    """LIBERO: take its stored states 0..n-1 in turn; 0 = layouts by seed."""
    start_spread_m: float = 0.0
    """RoboTwin's skills that begin with a tool in hand: it is held up to this far beside the middle
    of its handle, in x and y, and up to as far (at most 2 cm) deeper between the fingers."""
    control: str | None = None
    """RoboTwin: "ee_delta" or "joint"; None = the environment's default."""
    noise: bool = True
    """Disturb 60 % of the episodes, while the labels stay the expert's own."""
    perturb: bool = False
    """The expert aims beside the mark in 60 % of the skills: for training a judge, not a policy."""
    weak: Path | None = None
    """A state policy (`mosel train weak`) carries out the skills in the expert's place: rollouts of
    a learned policy, for a judge. It ends where the environment ends the episode."""
    hold: int = 1
    """Steps in a row for which the goal must hold before the environment counts a success."""
    cameras: tuple[str, ...] | None = None
    """Names; None = the environment's default."""
    camera_size: int | tuple[int, int] = 128
    """Side in pixels, or height and width."""
    renderer: str | None = None
    """RoboTwin: "mujoco" or "sapien"; None = the environment's default."""
    render_every: int = 1
    pictures: bool = True
    """False records states, proprioception and actions alone: fast and small. `mosel data redraw`
    adds the same pictures later."""
    video: bool = True
    only_successes: bool = False
    """Keep no file of an episode that failed; its seed still counts as done."""


@dataclass(frozen=True)
class Collected:
    """One finished seed."""

    seed: int
    success: bool | None
    """None: the episode broke, see `error`."""
    steps: int
    skills_done: dict[str, bool] = field(default_factory=dict)
    """For every skill carried out: whether its predicate held at the end of its segment."""
    error: str = ""


@dataclass(frozen=True)
class Job:
    """One seed of one task."""

    config: CollectConfig
    seed: int
    folder: Path


def collect(
    config: CollectConfig,
    out_dir: str | Path,
    workers: int | Workers = 2,
    *,
    progress: bool = True,
    on_result: Callable[[Collected], None] | None = None,
) -> list[Collected]:
    """Run the expert on `config.episodes` seeds; seeds that are on disk already are not run again.

    Args:
        config: What to collect.
        out_dir: Gets `seed-000012.hdf5`, `.mp4` and `.json` for each seed, and `collect.json`.
        workers: Processes, or a pool that stays open; 1 runs here.
        progress: Show a bar.
        on_result: Called with each new result.

    Returns:
        One entry a seed, in order.

    Raises:
        UnknownId: No such environment, or no expert for a skill.
        MoselError: `out_dir` was filled with other settings, such as another renderer; or the
            task does not take one of them.
        MissingLibrary: Something that the simulator or the renderer needs is not on this machine.
    """
    folder = Path(out_dir)
    task = task_of(env_id(config.task))
    plan_of(config, task, config.seed)
    config = resolved(config)
    check_folder(folder, config)
    seeds = range(config.seed, config.seed + config.episodes)
    done = {seed: entry for seed in seeds if (entry := finished(folder, seed)) is not None}
    jobs = [Job(config, seed, folder) for seed in seeds if seed not in done]
    with tqdm(
        total=len(seeds), initial=len(done), desc="collecting", unit="ep", disable=not progress
    ) as bar:
        for _, entry in outcomes(jobs, workers):
            done[entry.seed] = entry
            bar.set_postfix_str(f"{sum(e.success is True for e in done.values())} succeeded")
            bar.update()
            if on_result is not None:
                on_result(entry)
    return [done[seed] for seed in seeds]


def plan_of(config: CollectConfig, task: Task, seed: int) -> tuple[str, ...]:
    """The skills of one episode, in the order of execution.

    Raises:
        MoselError: A skill is not in the scene's skill set, or the order cannot be carried out.
    """
    plan = config.skills or task.plan
    unknown = [skill for skill in plan if skill not in task.skill_texts]
    if unknown:
        raise MoselError(
            f"Skills {unknown} are not in the skill set of {task.id}. Allowed: {task.skill_texts}."
        )
    if task.chained:
        if config.order == "reverse":
            raise MoselError(
                f"The skills of {task.id} are chained: {' -> '.join(plan)}. They cannot be carried "
                "out in order='reverse'; allowed: 'forward', or 'both', which means the same here."
            )
        return plan
    reverse = config.order == "reverse" or (config.order == "both" and seed % 2 == 1)
    return plan[::-1] if reverse else plan


def resolved(config: CollectConfig) -> CollectConfig:
    """Fill in what the environment does by itself, so that a folder tells it and can compare it.

    Raises:
        MoselError: The environment does not take one of the settings.
    """
    if not config.pictures and (config.cameras or config.renderer not in (None, "none")):
        raise MoselError(
            f"pictures=False draws nothing, but cameras is {config.cameras!r} and renderer is "
            f"{config.renderer!r}. Leave both out, or leave the pictures on."
        )
    own = defaults(env_id(config.task))
    renderer = config.renderer if config.pictures or "renderer" not in own else "none"
    config = replace(
        config,
        renderer=own.get("renderer") if renderer is None else renderer,
        control=own.get("control") if config.control is None else config.control,
    )
    given(env_id(config.task), _arguments(config))
    return config


def _arguments(config: CollectConfig) -> dict[str, Any]:
    return {
        "camera_size": config.camera_size,
        "success_hold": config.hold if config.hold > 1 else None,
        "render_every": config.render_every,
        "layout_spread_m": config.layout_spread_m or None,
        "start_spread_m": config.start_spread_m or None,
        "control": config.control,
        "renderer": config.renderer,
        "cameras": config.cameras if config.pictures else (),
    }


def check_folder(folder: Path, config: CollectConfig) -> None:
    """More episodes may be added to a folder; the same seed with other settings may not."""
    path = folder / "collect.json"
    mine = provenance(config)
    if path.exists():
        stored = read_json(path).get("config", {})
        free = ("episodes", "seed", "video", "only_successes")
        other = [k for k, v in mine["config"].items() if k not in free and stored.get(k) != v]
        if other:
            values = "; ".join(
                f"{k} is {stored.get(k)!r} there and {mine['config'][k]!r} here" for k in other
            )
            raise MoselError(
                f"{folder} was collected with other settings: {', '.join(other)} differ ({values})."
                " A data set comes from one renderer, robot and picture size. Give another folder."
            )
    write_json(path, mine)


def finished(folder: Path, seed: int) -> Collected | None:
    """What is on disk of a seed; None if it was not run, or broke."""
    try:
        entry = Collected(**read_json(folder / f"seed-{seed:06d}.json"))
    except (DamagedFile, TypeError):
        return None
    return None if entry.error else entry


def outcomes(jobs: Sequence[Job], workers: int | Workers) -> Iterator[tuple[Job, Collected]]:
    """Run jobs, in processes or here, and yield each with its result as it comes."""
    if isinstance(workers, Workers):
        for outcome in workers.map_unordered(_run, jobs):
            if isinstance(outcome, Died):
                error = "The process died (out of memory, or a crash in a native library)."
                yield outcome.job, Collected(outcome.job.seed, None, 0, error=error)
            else:
                yield outcome
    elif workers == 1 or len(jobs) < 2:
        yield from map(_run, jobs)
        _close()
    else:
        with Workers(min(workers, len(jobs))) as pool:
            yield from outcomes(jobs, pool)


_NOISE_SHARE, _PERTURBED_NOISE_SHARE = 0.6, 0.3
_ENV: dict[str, Any] = {}


def _env(config: CollectConfig) -> Any:
    wanted = {name: value for name, value in _arguments(config).items() if value is not None}
    spec = EnvSpec(env_id(config.task), wanted)
    key = spec.fingerprint()
    if key not in _ENV:
        _close()
        _ENV[key] = spec.make()
    return _ENV[key]


@cache
def _actor(path: Path) -> Any:
    from mosel_gym.benchmark.weak import WeakActor

    return WeakActor(path)


def _close() -> None:
    while _ENV:
        _ENV.popitem()[1].close()


def _run(job: Job) -> tuple[Job, Collected]:
    """One episode with its files; runs inside a worker."""
    from mosel_gym.envs.expert_episode import Blunder, expert_episode

    config, seed = job.config, job.seed
    stem = job.folder / f"seed-{seed:06d}"
    try:
        env = _env(config)
        task = env.unwrapped.task
        blunder = Blunder() if config.perturb else None
        plan = plan_of(config, task, seed)
        own_plan = not config.skills and plan == task.plan
        episode = expert_episode(
            env.unwrapped,
            None if own_plan else plan,  # the layout may ask for another of the task's plans
            seed,
            noise=_noise(config, seed),
            blunder=blunder,
            options={"init_state_id": seed % config.init_states} if config.init_states else None,
            actor=None if config.weak is None else _actor(config.weak),
            actor_name=""
            if config.weak is None
            else f"state policy {config.weak.name} (privileged)",
        )
        success = (
            bool(episode.success)
            if config.weak is not None
            else demonstrates(episode, task, own_plan=not config.skills)
        )
        if success or not config.only_successes:
            write_episode(stem.with_suffix(".hdf5"), episode)
            if config.video and config.pictures:
                write_video(stem.with_suffix(".mp4"), episode, stride=2)
        entry = Collected(seed, success, episode.num_steps, skills_done(episode))
    except MissingLibrary:  # no seed would fare better
        _close()
        raise
    except Exception:  # the other seeds go on; this one is run again next time
        _close()
        entry = Collected(seed, None, 0, error=traceback.format_exc())
    write_json(stem.with_suffix(".json"), entry)
    return job, entry


def _noise(config: CollectConfig, seed: int) -> Any:
    """Noise for a share of the episodes that the seed decides."""
    from mosel_gym.envs.expert_episode import Noise

    share = _PERTURBED_NOISE_SHARE if config.perturb else _NOISE_SHARE
    return Noise() if config.noise and np.random.default_rng((seed, 7)).random() < share else None
