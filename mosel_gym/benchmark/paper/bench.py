"""A table as one call: run what is missing, then render it from the rows."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from tqdm import tqdm

from mosel_gym.benchmark.module_options import ModuleOptions
from mosel_gym.benchmark.modules import check_modules, uses_model
from mosel_gym.benchmark.paper.build import build, columns, write
from mosel_gym.benchmark.paper.config import PaperConfig, quick
from mosel_gym.benchmark.paper.render import as_text
from mosel_gym.benchmark.paper.roster import Roster
from mosel_gym.benchmark.paper.runner import Runner
from mosel_gym.benchmark.paper.source import Source
from mosel_gym.benchmark.paper.work import Work, robotwin, work_of
from mosel_gym.benchmark.rows import RESULTS
from mosel_gym.benchmark.workers import Workers
from mosel_gym.errors import MoselError
from mosel_gym.registry import TASKS

OUT, QUICK = Path("runs/paper"), Path("runs/quick")
"""Folders, unless others are given; the quick form never touches the real rows."""


@dataclass(frozen=True)
class Bench:
    """What came of it."""

    text: str
    """For the terminal."""
    path: Path
    """The Markdown file."""
    broken: tuple[str, ...] = ()
    """Tracebacks of episodes that broke."""


def bench(
    name: str,
    config: PaperConfig | None = None,
    out: Path | None = None,
    results: Path | None = None,
    workers: int | Workers = 2,
    *,
    small: bool = False,
    fresh: bool = False,
    render_only: bool = False,
    progress: bool = True,
) -> Bench:
    """Run and render one table.

    Args:
        name: "table1", ..., "fig6".
        config: Sizes and agents.
        out: Folder of episodes and agents, and of the rendered table.
        results: Folder of rows.
        workers: Processes, one core each, or a pool that stays open; 1 runs here.
        small: The quick form: other folders, small sizes, tasks that the agent knows.
        fresh: Remove what earlier runs made of these tasks, rows included, and begin anew.
        render_only: Run nothing.
        progress: Show a bar.

    Raises:
        UnknownId: No such table or task.
        MoselError: A folder holds something else; a budget was reached.
    """
    config = config or PaperConfig()
    if small:
        config = quick(config)
    out = out or (QUICK if small else OUT)
    results = results or (QUICK / "results" if small else RESULTS)
    if results.exists() and not results.is_dir():
        raise MoselError(
            f"{results} is a file; --results takes the folder of rows that it lies in."
        )
    env_ids = columns(name, config.tasks)
    if small:
        env_ids = _with_a_known_one(name, config, env_ids)
    broken: tuple[str, ...] = ()
    if not render_only:
        _check(config)
        if uses_model(config.planner) or uses_model(config.analyzer):
            workers = 1  # so that all episodes share one budget
        broken = _run(name, config, out, results, workers, env_ids, fresh, progress)
    command = f"mosel bench {name}{' --quick' if small else ''}"
    content = build(name, Source.read(results, command), config, env_ids)
    if small:
        content = replace(content, title=f"QUICK FORM, no result: {content.title}")
    path = write(content, out)
    return Bench(as_text(content, _width()), path, broken)


def _run(
    name: str,
    config: PaperConfig,
    out: Path,
    results: Path,
    workers: int | Workers,
    env_ids: tuple[str, ...],
    fresh: bool,
    progress: bool,
) -> tuple[str, ...]:
    work = work_of(name, env_ids, config)
    roster = Roster(config)
    known = [env_id for env_id in work.env_ids if roster.knows(env_id)]
    with tqdm(
        total=work.episodes(config, known), unit="ep", disable=not progress, dynamic_ncols=True
    ) as bar:
        if isinstance(workers, Workers) or workers == 1:
            return _work(Runner(config, out, results, workers, bar), work, fresh)
        with Workers(workers) as pool:
            return _work(Runner(config, out, results, pool, bar), work, fresh)


def _work(runner: Runner, work: Work, fresh: bool) -> tuple[str, ...]:
    if fresh:
        runner.forget(work.env_ids)
    runner.run(work)
    return tuple(runner.broken)


def _check(config: PaperConfig) -> None:
    """Find out before anything runs whether the models that are named can be asked."""
    asks = tuple(spec for spec in config.judges if uses_model(spec))
    shown = config.shown if asks else ModuleOptions()
    planner = config.planner
    analyzer = config.analyzer
    if uses_model(planner) or uses_model(analyzer):
        check_modules(planner, analyzer, config.llm, (), config.shown)
    elif asks:
        shown.check(planner=False, analyzer=True)


def _with_a_known_one(name: str, config: PaperConfig, env_ids: tuple[str, ...]) -> tuple[str, ...]:
    """Where the agent knows none of a table's tasks, a column more that it does know."""
    roster = Roster(config)
    suites = {robotwin(env_id) for env_id in env_ids}
    if config.tasks or any(roster.knows(env_id) for env_id in env_ids):
        return env_ids
    long = [task.id for task in TASKS.values() if task.suite in ("libero-long", "robotwin")]
    known = [env_id for env_id in long if robotwin(env_id) in suites and roster.knows(env_id)]
    if name == "table11":
        return tuple(known[:1]) or env_ids
    return (*env_ids, *known[:1])


def _width() -> int:
    """Of the terminal; wide where the text goes into a file."""
    return shutil.get_terminal_size((160, 24)).columns if sys.stdout.isatty() else 160
