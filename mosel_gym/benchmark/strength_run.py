"""Runs the evaluations that the table of success still lacks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mosel_gym.benchmark.evaluate import EvalConfig, check_rows, evaluate
from mosel_gym.benchmark.execution import ExecutedAgent
from mosel_gym.benchmark.paper.chain import slug
from mosel_gym.benchmark.paper.work import robotwin
from mosel_gym.benchmark.reliance_cases import known_skills
from mosel_gym.benchmark.rows import merge_rows, read_rows
from mosel_gym.benchmark.specs import PretrainedAgent, env_ids
from mosel_gym.benchmark.strength_goals import FEW_STEPS, MANY_STEPS, SEEDS, Arm, ArmKind
from mosel_gym.benchmark.strength_more import TASKS
from mosel_gym.registry import task_of


@dataclass(frozen=True)
class StrengthConfig:
    """Which agents are tried. One that was not trained for a task is not tried on it."""

    base: tuple[str, ...] = ()
    """Agents before any round: names or folders, one for each suite."""
    control: tuple[str, ...] = ()
    """Their controls, trained on demonstrations alone."""
    after: tuple[str, ...] = ()
    """Improved agents; one that has no round behind it counts as --base. Where no agent is named at
    all, those that ship."""
    rounds: int | None = None
    """Rounds of improvement behind control and after; None = what each agent's file says."""
    tasks: tuple[str, ...] = TASKS
    """Ids, numbers of LIBERO-Long tasks, or suites."""
    episodes: int = len(SEEDS)
    """Of each task; fewer than all leave the goals unknown."""
    variants: bool = False
    """Also try `after` with few and many sampling steps, and with early advance on and off."""


def missing(config: StrengthConfig, path: Path) -> list[EvalConfig]:
    """The evaluations whose rows are not in the file yet.

    Raises:
        UnknownId: There is no such agent or task.
        SpecMismatch: The file has rows of other agents under the same labels.
    """
    known = read_rows(path) if path.exists() else []
    seeds = SEEDS[: config.episodes]
    found = []
    for one in _wanted(config):
        plain = PretrainedAgent(one.agent)
        spec = ExecutedAgent(plain, one.execution) if one.execution.words else plain
        label, mine = one.execution.label(one.label), spec.fingerprint()
        done = {
            row.seed
            for row in known
            if (row.env_id, row.agent, row.fingerprint, row.status) == (one.task, label, mine, "ok")
        }
        if not set(seeds) <= done:
            check_rows(one, path, seeds)
            found.append(one)
    return found


def run_missing(
    config: StrengthConfig,
    path: Path,
    out: Path,
    workers: int,
    *,
    say: Callable[[str], None] = lambda text: None,
    progress: bool = True,
) -> list[str]:
    """Run them; every finished task is in the file before the next one begins.

    Args:
        config: Agents, tasks and seeds.
        path: File of rows.
        out: Folder; finished episodes in it are not run again.
        workers: Processes.
        say: Told what begins.
        progress: Show bars.

    Returns:
        Errors of the episodes that broke.
    """
    errors = []
    for one in missing(config, path):
        label = one.execution.label(one.label)
        say(f"{label} on {one.task}")
        folder = out / slug(label) / one.task
        done = evaluate(one, folder, SEEDS[: config.episodes], workers, progress=progress)
        merge_rows(path, done.rows)
        errors += [row.error for row in done.results if row.status == "error"]
    return errors


def _wanted(config: StrengthConfig) -> Iterator[EvalConfig]:
    from mosel_gym.agents.checkpoint import embedded_names

    tasks = env_ids(config.tasks)
    shipped = () if config.base or config.control or config.after else embedded_names()
    named: tuple[tuple[ArmKind, Sequence[str]], ...] = (
        ("base", config.base),
        ("control", config.control),
        ("after", (*config.after, *shipped)),
    )
    for kind, sources in named:
        for source in sources:
            arm = _arm(kind, source, config)
            usual = EvalConfig(agent=source, label=arm.label, round=arm.round, video=False)
            for task in _known(source, tasks):
                yield replace(usual, task=task)
                if config.variants and kind == "after":
                    for steps in (FEW_STEPS, MANY_STEPS):
                        yield replace(usual, task=task, sampling_steps=steps)
                    yield replace(usual, task=task, early_advance="on")
                    yield replace(usual, task=task, early_advance="off")


def _arm(kind: ArmKind, source: str, config: StrengthConfig) -> Arm:
    from mosel_gym.agents.checkpoint import INDEX, checkpoint_folder
    from mosel_gym.agents.kinds import read_index

    rounds = config.rounds
    if rounds is None:
        rounds = int(read_index(checkpoint_folder(source) / INDEX).get("rounds", 0))
    if kind == "base" or (kind == "after" and rounds == 0):
        return Arm("base")
    return Arm(kind, rounds)


def _known(source: str, tasks: Sequence[str]) -> list[str]:
    """Tasks of the agent's robot whose skills it was trained for."""
    from mosel_gym.agents.needs import needs_of

    skills = set(known_skills(source))
    two_arms = needs_of(source).robot != "panda"
    return [
        task for task in tasks if robotwin(task) == two_arms and set(task_of(task).plan) <= skills
    ]
