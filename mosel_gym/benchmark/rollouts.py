"""Many episodes over a few processes, resumable: finished seeds on disk are not run again."""

from __future__ import annotations

import pickle
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from mosel_gym.benchmark.model_calls import usage_of
from mosel_gym.benchmark.provenance import read_json, write_json
from mosel_gym.benchmark.refine import check_rounds, refinable, refined_attempts
from mosel_gym.benchmark.results import EpisodeResult
from mosel_gym.benchmark.rollout import Agent, Clock, EpisodeRun, run_episode
from mosel_gym.benchmark.specs import AgentSpec, EnvSpec
from mosel_gym.benchmark.workers import Died, Workers
from mosel_gym.errors import BudgetReached, MissingKey, ModelError, MoselError

OnResult = Callable[[EpisodeResult], None]
OnStop = Callable[[ModelError], None]


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
    refine_rounds: int = 0


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
    on_stop: OnStop | None = None,
    label: str = "episodes",
    refine_rounds: int = 0,
    disturbed: bool = False,
) -> list[EpisodeResult]:
    """Run one episode for each seed.

    Non-obvious behaviour:
        - Where the budget of a foundation model is reached, or its key turned down, episodes under
          way are ended and kept, no further one is begun, and the seeds that are left are missing
          in what is returned. The same call goes on there.

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
        on_stop: Called once all is kept, if a budget or a key stopped it; None = raise it.
        label: Of the bar.
        refine_rounds: Further attempts at a seed, each with a refined plan, while the analyzer sees
            a failure; see `refine`.
        disturbed: Show the agent disturbed pictures, see `EnvSpec`.

    Returns:
        Results in the order of `seeds`. An episode that broke has `status="error"`.

    Raises:
        MoselError: `out_dir` holds the episodes of another agent or environment.
        DamagedFile: A stored result cannot be read.
        BudgetReached, MissingKey: See above.
    """
    check_rounds(refine_rounds)
    env = EnvSpec(env_id, env_kwargs or {}, disturbed)
    fixed = None if plan is None else tuple(plan)
    job = _Job(
        env=env,
        agent=agent,
        seed=0,
        plan=fixed,
        options=dict(options or {}),
        keep=keep or Keep(),
        out_dir=None if out_dir is None else Path(out_dir),
        refine_rounds=refine_rounds,
    )
    stored = _resume(job)
    found = {seed: result for seed, result in stored.items() if not result.unfinished}
    jobs = [replace(job, seed=seed) for seed in seeds if seed not in found]
    stopped: list[ModelError] = []
    done = len(seeds) - len(jobs)
    with tqdm(total=len(seeds), initial=done, desc=label, unit="ep", disable=not progress) as bar:
        for result in _outcomes(jobs, workers, lambda: bool(stopped)):
            if result.stopped:
                stopped.append(_reason(result))
                if result.status == "error":  # nothing was carried out
                    continue
            found[result.seed] = result
            bar.update()
            if on_result is not None:
                on_result(result)
    if stopped and on_stop is None:
        raise stopped[0]
    if stopped and on_stop is not None:
        on_stop(stopped[0])
    found = stored | found
    return [found[seed] for seed in seeds if seed in found]


def _reason(result: EpisodeResult) -> ModelError:
    kind = BudgetReached if result.stopped == "budget" else MissingKey
    text = result.error or result.unjudged or result.refinement_ended
    return kind(text.removeprefix(f"{kind.__name__}: "))


def result_path(folder: Path, seed: int) -> Path:
    """Where the result of a seed is stored."""
    return folder / f"seed-{seed:06d}.json"


def _outcomes(
    jobs: Sequence[_Job], workers: int | Workers, stop: Callable[[], bool]
) -> Iterator[EpisodeResult]:
    if not jobs:
        return
    if isinstance(workers, Workers):
        for outcome in workers.map_unordered(_run, jobs, stop):
            yield _died(outcome.job) if isinstance(outcome, Died) else outcome
    elif workers == 1:
        for job in jobs:
            if not stop():
                yield _run(job)
        _STAGE.close()
        _STAGE.dismiss_models()
    else:
        with Workers(min(workers, len(jobs))) as pool:
            yield from _outcomes(jobs, pool, stop)


def _died(job: _Job) -> EpisodeResult:
    text = "The process died (out of memory, or a crash in a native library), twice in a row."
    result = EpisodeResult(job.seed, "error", text)
    if job.out_dir is not None:
        result.write(result_path(job.out_dir, job.seed))
    return result


def _resume(job: _Job) -> dict[int, EpisodeResult]:
    """Stored results, after making sure that they belong to this run; errors are run again."""
    folder, keep = job.out_dir, job.keep
    if folder is None:
        return {}
    counted = f"hold {keep.hold}, stop at {keep.stop_skill}, reflect {keep.reflect}"
    identity = {
        "env": job.env.fingerprint(),
        "agent": job.agent.fingerprint(),
        "plan": list(job.plan or ()),
        "options": repr(sorted(job.options.items())),
        "counted": counted + (f", refine {job.refine_rounds}" if job.refine_rounds else ""),
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

    def dismiss_models(self) -> None:
        """An agent that asks models is built anew for the next run, with that run's budget."""
        if usage_of(self._agent):
            self._agent, self._agent_key = None, b""

    def close(self) -> None:
        if self._env is not None:
            self._env.close()
        self._env, self._env_key = None, b""


_STAGE = _Stage()


def _run(job: _Job) -> EpisodeResult:
    """One seed with its files; runs inside a worker."""
    # Outside the episode: what cannot be built is the caller's mistake, and raised once.
    # The agent first: its libraries must be loaded before the simulator has drawn.
    agent, env = _STAGE.agent(job.agent), _STAGE.env(job.env)

    def record(run: EpisodeRun, refinement: int) -> EpisodeResult:
        if run.result.status == "error":
            _STAGE.close()  # whatever broke may have left the simulator in any state
        if job.out_dir is None:
            return run.result
        return _record(run, job.out_dir, job.keep, refinement)

    if job.refine_rounds:
        result = refined_attempts(
            env,
            refinable(agent),
            job.seed,
            job.plan,
            job.options,
            rounds=job.refine_rounds,
            record=record,
            hold=job.keep.hold,
        )
    else:
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
        result = record(run, 0)
    nothing_done = result.status == "error" and result.stopped
    if job.out_dir is not None and not nothing_done:
        result.write(result_path(job.out_dir, job.seed))
    return result


def _record(run: EpisodeRun, folder: Path, keep: Keep, refinement: int) -> EpisodeResult:
    """Write the files of an attempt; the result comes last, so a finished result has its files."""
    from mosel_gym.data.libero_hdf5 import write_episode
    from mosel_gym.data.recorder import write_video

    result, clock = run.result, Clock()
    if run.episode is None:
        return result
    try:
        with clock("recording"):
            stem = result_path(folder, result.seed).with_suffix("")
            if refinement:
                stem = stem.with_name(f"{stem.name}-refined-{refinement}")
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
