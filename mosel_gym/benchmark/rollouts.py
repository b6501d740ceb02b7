"""Many episodes over a few processes, resumable: finished seeds on disk are not run again."""

from __future__ import annotations

import pickle
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from mosel_gym.benchmark.provenance import read_json, write_json
from mosel_gym.benchmark.results import EpisodeResult
from mosel_gym.benchmark.rollout import Agent, Clock, EpisodeRun, run_episode
from mosel_gym.benchmark.specs import AgentSpec, EnvSpec
from mosel_gym.benchmark.workers import Died, Workers
from mosel_gym.errors import MoselError

OnResult = Callable[[EpisodeResult], None]


@dataclass(frozen=True)
class Keep:
    """What is left of each episode beside its result."""

    video: bool = False
    video_stride: int = 2
    """Steps between two pictures of the mp4."""
    episode: bool = False
    """The HDF5 file."""
    hold: int = 10
    stop_skill: str | None = None
    reflect: bool = True


@dataclass(frozen=True)
class _Job:
    env: EnvSpec
    agent: AgentSpec
    seed: int
    plan: tuple[str, ...] | None
    options: dict[str, Any] = field(default_factory=dict)
    keep: Keep = field(default_factory=Keep)
    out_dir: Path | None = None


def rollouts(
    agent: AgentSpec,
    env_id: str,
    env_kwargs: dict[str, Any] | None,
    seeds: Sequence[int],
    workers: int | Workers = 2,
    out_dir: str | Path | None = None,
    progress: bool = True,
    *,
    plan: Sequence[str] | None = None,
    options: dict[str, Any] | None = None,
    keep: Keep | None = None,
    on_result: OnResult | None = None,
    label: str = "episodes",
) -> list[EpisodeResult]:
    """Run one episode for each seed.

    Args:
        agent: Built once in each process.
        env_id: Gymnasium id; "module:Id" imports the module first.
        env_kwargs: For `gymnasium.make`.
        seeds: Each is one episode.
        workers: Processes, or a pool that stays open; 1 runs here, without a new process.
        out_dir: Where results, mp4s and episode files go; None keeps nothing and resumes nothing.
        progress: Show a bar.
        plan: Skill texts that every episode carries out, in place of the agent's own plan.
        options: For `env.reset`.
        keep: What to write and how to count.
        on_result: Called with each new result, as it comes.
        label: Of the bar.

    Returns:
        Results in the order of `seeds`. An episode that broke has `status="error"`.

    Raises:
        MoselError: `out_dir` holds the episodes of another agent or environment.
        DamagedFile: A stored result cannot be read.
    """
    env = EnvSpec(env_id, env_kwargs or {})
    keep = keep or Keep()
    folder = None if out_dir is None else Path(out_dir)
    found = {} if folder is None else _resume(folder, env, agent, plan, options, keep)
    missing = [seed for seed in seeds if seed not in found]
    fixed = None if plan is None else tuple(plan)
    jobs = [_Job(env, agent, seed, fixed, dict(options or {}), keep, folder) for seed in missing]
    done = len(seeds) - len(jobs)
    with tqdm(total=len(seeds), initial=done, desc=label, unit="ep", disable=not progress) as bar:
        for result in _outcomes(jobs, workers):
            found[result.seed] = result
            bar.update()
            if on_result is not None:
                on_result(result)
    return [found[seed] for seed in seeds]


def result_path(folder: Path, seed: int) -> Path:
    """Where the result of a seed is stored."""
    return folder / f"seed-{seed:06d}.json"


def _outcomes(jobs: Sequence[_Job], workers: int | Workers) -> Any:
    if not jobs:
        return
    if isinstance(workers, Workers):
        for outcome in workers.map_unordered(_run, jobs):
            yield _died(outcome.job) if isinstance(outcome, Died) else outcome
    elif workers == 1:
        for job in jobs:
            yield _run(job)
        _STAGE.close()
    else:
        with Workers(min(workers, len(jobs))) as pool:
            yield from _outcomes(jobs, pool)


def _died(job: _Job) -> EpisodeResult:
    text = "The process died (out of memory, or a crash in a native library), twice in a row."
    result = EpisodeResult(job.seed, "error", text)
    if job.out_dir is not None:
        result.write(result_path(job.out_dir, job.seed))
    return result


def _resume(
    folder: Path,
    env: EnvSpec,
    agent: AgentSpec,
    plan: Sequence[str] | None,
    options: dict[str, Any] | None,
    keep: Keep,
) -> dict[int, EpisodeResult]:
    """Finished results, after making sure that they belong to this run; errors are run again."""
    identity = {
        "env": env.fingerprint(),
        "agent": agent.fingerprint(),
        "plan": list(plan or ()),
        "options": repr(sorted((options or {}).items())),
        "counted": f"hold {keep.hold}, stop at {keep.stop_skill}, reflect {keep.reflect}",
    }
    path = folder / "run.json"
    if path.exists():
        stored = read_json(path)
        other = [name for name in identity if stored.get(name) != identity[name]]
        if other:
            raise MoselError(
                f"{folder} holds episodes of another run: {', '.join(other)} differ. Give another "
                "folder, remove this one, or pass --fresh where the command has it."
            )
    else:
        write_json(path, identity)
    results = [EpisodeResult.read(file) for file in sorted(folder.glob("seed-*.json"))]
    return {result.seed: result for result in results if result.status == "ok"}


class _Stage:
    """The environment and the agent of this process, kept for as long as jobs ask for them."""

    def __init__(self) -> None:
        self._env: Any = None
        self._agent: Any = None
        self._env_key = self._agent_key = b""

    def env(self, spec: EnvSpec) -> Any:
        key = pickle.dumps(spec)
        if key != self._env_key:
            self.close()
            self._env, self._env_key = spec.make(), key
        return self._env

    def agent(self, spec: AgentSpec) -> Agent:
        # The fingerprint as well: the folder behind a name may have got new weights.
        key = pickle.dumps((spec, spec.fingerprint()))
        if key != self._agent_key:
            self._agent, self._agent_key = spec.build(), key
        return self._agent  # type: ignore[no-any-return]

    def close(self) -> None:
        if self._env is not None:
            self._env.close()
        self._env, self._env_key = None, b""


_STAGE = _Stage()


def _run(job: _Job) -> EpisodeResult:
    """One episode with its files; runs inside a worker."""
    # Outside the episode: what cannot be built is the caller's mistake, and raised once.
    # The agent first: its libraries must be loaded before the simulator has drawn.
    agent, env = _STAGE.agent(job.agent), _STAGE.env(job.env)
    run = run_episode(
        env,
        agent,
        job.seed,
        job.plan,
        job.options,
        hold=job.keep.hold,
        stop_skill=job.keep.stop_skill,
        reflect=job.keep.reflect,
    )
    if run.result.status == "error":
        _STAGE.close()  # whatever broke may have left the simulator in any state
    if job.out_dir is None:
        return run.result
    result = _record(run, job.out_dir, job.keep)
    result.write(result_path(job.out_dir, job.seed))
    return result


def _record(run: EpisodeRun, folder: Path, keep: Keep) -> EpisodeResult:
    """Write the files of an episode; the result comes last, so a finished result has its files."""
    from mosel_gym.data.libero_hdf5 import write_episode
    from mosel_gym.data.recorder import write_video

    result, clock = run.result, Clock()
    if run.episode is None:
        return result
    try:
        with clock("recording"):
            stem = result_path(folder, result.seed).with_suffix("")
            if keep.episode:
                path = write_episode(stem.with_suffix(".hdf5"), run.episode)
                result = replace(result, episode=path.name)
            if keep.video:
                path = stem.with_suffix(".mp4")
                write_video(path, run.episode, run.reflection, stride=keep.video_stride)
                result = replace(result, video=path.name)
    except Exception:
        return replace(result, status="error", error=traceback.format_exc())
    return replace(result, seconds=result.seconds | {"recording": clock.parts()["recording"]})
