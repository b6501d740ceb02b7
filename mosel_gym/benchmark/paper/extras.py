"""What tables need beside trials: other judges, imagined clips, timed sampling, plans tried out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mosel_gym.benchmark.judge import JudgeConfig, judge
from mosel_gym.benchmark.judge_rows import JudgedRow
from mosel_gym.benchmark.module_options import ModuleOptions
from mosel_gym.benchmark.paper.config import rollout_seeds, trial_seeds
from mosel_gym.benchmark.paper.judge_cells import judge_name
from mosel_gym.benchmark.paper.labels import IMAGINED, INTERACTIONS, JUDGED, MOSEL, SAMPLED
from mosel_gym.benchmark.paper.measure import (
    ImaginingJob,
    SampledAgent,
    SamplingJob,
    seed_of,
    time_sampling,
)
from mosel_gym.benchmark.paper.measure import (
    imagine as imagine_job,
)
from mosel_gym.benchmark.paper.other_tables import FIRST_PLAN, REFINED_PLAN
from mosel_gym.benchmark.paper.roster import arguments
from mosel_gym.benchmark.paper.store import TRIALS, cell
from mosel_gym.benchmark.paper.success_tables import VIDEO
from mosel_gym.benchmark.paper.work import Trial
from mosel_gym.benchmark.provenance import git_revision, hardware, versions
from mosel_gym.benchmark.rollouts import Keep
from mosel_gym.benchmark.rows import Row, rows_of
from mosel_gym.benchmark.specs import EnvSpec, ScriptedExpert
from mosel_gym.benchmark.workers import Workers
from mosel_gym.data.buffer import ReflectionBuffer
from mosel_gym.errors import NotEnoughData
from mosel_gym.llm.choose import looks_like_model

if TYPE_CHECKING:
    from mosel_gym.benchmark.paper.runner import Runner


def plans(runner: Runner, env_id: str) -> None:
    """PRIVILEGED: the expert carries out the first plan, and those that follow its failures."""
    config = runner.config
    planner = "offline" if config.planner == "stored" else config.planner
    analyzer = "privileged" if config.analyzer == "stored" else config.analyzer
    shown = config.shown if looks_like_model(planner) or looks_like_model(analyzer) else None
    spec = ScriptedExpert(planner, analyzer, None, config.llm, shown or ModuleOptions())
    seeds, conditions = trial_seeds(config), config.conditions()
    ends = {FIRST_PLAN: 0, REFINED_PLAN: config.refine_rounds}
    with runner.noting((FIRST_PLAN, REFINED_PLAN), env_id):
        fingerprint = spec.fingerprint()
        done = [
            set(seeds) <= runner.store.done(cell(env_id, label, 0, conditions), fingerprint)
            for label in ends
        ]
        with runner.unit(f"{env_id}: plans", len(seeds) * (config.refine_rounds + 1)):
            if all(done):
                return
            results = runner.episodes(
                spec,
                env_id,
                arguments(env_id, None, **runner.env(config.render_every)),
                seeds,
                runner.task_folder(env_id) / f"plans-{config.refine_rounds}",
                Keep(hold=config.hold),
                refine_rounds=config.refine_rounds,
            )
        for label, refinements in ends.items():
            rows = rows_of(
                [result.after(refinements) for result in results if result.knows(refinements)],
                env_id,
                label,
                round=refinements,
                conditions=conditions,
                fingerprint=fingerprint,
                information=f"the skill set; further plans at most: {refinements}",
            )
            runner.store.add(TRIALS, rows)


def interactions(runner: Runner, env_id: str) -> None:
    """Those that the policy round learns from, if there are no rows of them yet."""
    with runner.noting(VIDEO, env_id, what=INTERACTIONS):
        chain, config = runner.chain(env_id), runner.config
        wanted = cell(
            env_id,
            VIDEO,
            0,
            config.conditions(purpose=INTERACTIONS, render_every=config.rollout_render_every),
        )
        seeds = set(rollout_seeds(runner.interactions(env_id), 1, 0))
        if not seeds <= runner.store.done(wanted, chain.known_fingerprint(VIDEO)):
            chain.interactions(1)


def judge_anew(runner: Runner, env_id: str) -> None:
    """Other judges on the interactions that the policy round learns from."""
    config = runner.config
    for spec in config.judges:
        name = judge_name(spec)
        with runner.noting(f"{VIDEO} judged by {name}", env_id, what=JUDGED):
            chain = runner.chain(env_id)
            buffer = ReflectionBuffer(chain.interactions(1))
            if len(buffer) == 0:
                raise NotEnoughData(f"no interaction of {VIDEO} came to its end")
            said = judge(
                [buffer.directory / "episodes"],
                JudgeConfig(
                    analyzer=(spec,),
                    shown=config.shown if looks_like_model(spec) else ModuleOptions(),
                ),
                chain.folder / "judged" / name.replace(":", "-").replace("/", "-"),
                config.llm,
                progress=False,
            )
            acted = {
                row.seed: row
                for row in runner.store.rows()
                if (row.env_id, row.agent, row.repeat) == (env_id, VIDEO, 0)
                and row.conditions.get("purpose") == INTERACTIONS
            }
            conditions = config.conditions(
                purpose=JUDGED, by=name, render_every=config.rollout_render_every
            )
            rows = [_judged_row(row, env_id, conditions, acted) for row in said.rows]
            runner.store.add(JUDGED, rows)


def imagine(runner: Runner, env_id: str) -> None:
    """Both video planners imagine from pictures that neither learned from."""
    config = runner.config
    conditions = config.conditions(purpose=IMAGINED, render_every=config.rollout_render_every)
    with runner.noting((MOSEL, VIDEO), env_id, what=IMAGINED):
        chain = runner.chain(env_id)
        wanted = cell(env_id, VIDEO, 0, conditions)
        seeds = set(rollout_seeds(runner.interactions(env_id), 1, 0))
        if seeds <= runner.store.done(wanted, chain.known_fingerprint(VIDEO)):
            return
        buffer = chain.interactions(1)
        specs = {label: chain.spec(label) for label in (MOSEL, VIDEO)}
        job = ImaginingJob(specs, str(buffer), env_id, conditions)
        with runner.unit(f"{env_id}: imagining", 0):
            runner.store.add(IMAGINED, _in_process(runner, imagine_job, job))


def time(runner: Runner, trial: Trial) -> None:
    """Wall time of single imagined videos."""
    config, label = runner.config, trial.shown_label
    with runner.noting(label, trial.env_id, what=SAMPLED):
        conditions = config.conditions(purpose=SAMPLED, render_every=1)
        first = trial_seeds(config).start
        seeds = range(first, first + config.sampled_videos)
        agent = runner.chain(trial.env_id).spec(trial.label)
        spec = SampledAgent(agent, trial.steps)
        wanted = cell(trial.env_id, label, 0, conditions)
        if set(seeds) <= runner.store.done(wanted, spec.fingerprint()):
            return
        kwargs = arguments(trial.env_id, agent.source, render_every=1)
        job = SamplingJob(label, spec, EnvSpec(trial.env_id, kwargs), tuple(seeds), conditions)
        with runner.unit(f"{trial.env_id}: sampling", 0):
            runner.store.add(SAMPLED, _in_process(runner, time_sampling, job))


def _in_process(runner: Runner, function: Callable[[Any], list[Row]], job: Any) -> list[Row]:
    if isinstance(runner.workers, Workers):
        return runner.workers.submit(function, job).result()
    return function(job)


def _judged_row(
    said: JudgedRow, env_id: str, conditions: dict[str, Any], acted: dict[int, Row]
) -> Row:
    seed = seed_of(said.file)
    given = acted.get(seed, Row(env_id, VIDEO, seed))
    machine = hardware()
    return Row(
        env_id=env_id,
        agent=VIDEO,
        seed=seed,
        round=1,
        # First hit, as in the rows of the interactions; the file tells whether the goal was held.
        success=said.truth if given.success is None else given.success,
        status=said.status,
        error=said.error,
        seconds=said.cost.seconds,
        verdicts=tuple(
            {"skill": row.skill, "judged": row.judged, "truth": row.truth} for row in said.verdicts
        ),
        judged_success=said.judged,
        protocol=given.protocol,
        renderer=given.renderer,
        assets=given.assets,
        robot=given.robot,
        planner=given.planner,
        conditions=conditions,
        analyzer=said.analyzer or said.spec.partition("@")[0],
        fingerprint=given.fingerprint,
        privileged=said.privileged,
        hints=said.hints,
        models={"cost_usd": said.cost.usd, "calls": said.cost.calls},
        versions=versions(),
        revision=git_revision() or "",
        hardware=f"{machine['cpu']}, {machine['cores']} cores",
    )
