"""Tables by name: which tasks are their columns, and how rows become each of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mosel_gym.benchmark.paper import published as paper
from mosel_gym.benchmark.paper.cells import Table
from mosel_gym.benchmark.paper.config import PaperConfig
from mosel_gym.benchmark.paper.figure import fig_6, plot
from mosel_gym.benchmark.paper.judge_cells import table_8, table_9
from mosel_gym.benchmark.paper.other_tables import sampled_agent, table_3, table_11
from mosel_gym.benchmark.paper.render import as_markdown
from mosel_gym.benchmark.paper.source import Source
from mosel_gym.benchmark.paper.success_tables import (
    table_1,
    table_2,
    table_4,
    table_7,
    table_10,
)
from mosel_gym.benchmark.specs import env_ids as ids_of
from mosel_gym.data.atomic import atomic_path
from mosel_gym.errors import MoselError, UnknownId
from mosel_gym.registry import task_of

COLUMNS: dict[str, tuple[str, ...]] = {
    "table1": paper.LIBERO,
    "table2": paper.ROBOTWIN,
    "table3": (*paper.ROBOTWIN, *(paper.libero(number) for number in (3, 5, 6))),
    "table4": paper.ABLATED,
    "table7": paper.SELECTED,
    "table8": paper.SELECTED,
    "table9": paper.SELECTED,
    "table10": paper.SELECTED,
    "table11": (paper.libero(2),),
    "fig6": paper.SELECTED,
}
"""Name -> tasks of the paper. Tables 5 and 6 list tasks; they hold nothing that could be run."""


def columns(name: str, tasks: Iterable[str] = ()) -> tuple[str, ...]:
    """The tasks of a table.

    Args:
        name: A key of `COLUMNS`.
        tasks: As `--tasks`: only these, those of the paper's table first, in its order.

    Raises:
        UnknownId: There is no such table or task.
        MoselError: A task belongs to the other suite.
    """
    if name not in COLUMNS:
        raise UnknownId(f"There is no {name!r}. Allowed: {sorted(COLUMNS)}.")
    published, wanted = COLUMNS[name], ids_of(tasks)
    if not wanted:
        return published
    suites = {_robotwin(env_id) for env_id in published}
    for env_id in wanted:
        if _robotwin(env_id) not in suites:
            other = "table2" if _robotwin(env_id) else "table1"
            raise MoselError(
                f"{name} is about {', '.join(published)}; {env_id} belongs to another suite. "
                f"Leave it out, or see {other}."
            )
    ordered = [env_id for env_id in published if env_id in wanted]
    ordered += [env_id for env_id in wanted if env_id not in published]
    if name == "table11" and len(ordered) > 1:
        raise MoselError(f"table11 has one task; {len(ordered)} were named: {', '.join(ordered)}.")
    return tuple(ordered)


def build(name: str, source: Source, config: PaperConfig, env_ids: tuple[str, ...]) -> Table:
    """A table from rows alone."""
    if name == "table9":
        return table_9(source, env_ids, config.judges)
    if name == "table10":
        return table_10(source, env_ids, config.repeats)
    if name == "table11":
        agent = sampled_agent(config.sampled_agent)
        return table_11(source, env_ids[0], agent, config.sampling_steps)
    simple = {
        "table1": table_1,
        "table2": table_2,
        "table3": table_3,
        "table4": table_4,
        "table7": table_7,
        "table8": table_8,
        "fig6": fig_6,
    }
    return simple[name](source, env_ids)


def write(content: Table, out: str | Path) -> Path:
    """Write `<name>.md`, and `fig6.png` for the figure.

    Returns:
        The Markdown file.
    """
    folder = Path(out)
    picture = ""
    if content.name == "fig6":
        picture = plot(folder / "fig6.png", content).name
    path = folder / f"{content.name}.md"
    with atomic_path(path) as draft:
        draft.write_text(as_markdown(content, picture), encoding="utf-8")
    return path


def _robotwin(env_id: str) -> bool:
    return task_of(env_id).suite.startswith("robotwin")
