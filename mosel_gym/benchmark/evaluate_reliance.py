"""Goal reliance of one agent, as a command: the table, the limits, and `goal_reliance.json`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mosel_gym.benchmark.evaluate import EXPERT, EvalConfig
from mosel_gym.benchmark.provenance import plain, provenance, write_json
from mosel_gym.benchmark.reliance import RelianceConfig, RelianceRow, goal_reliance, total
from mosel_gym.benchmark.reliance_card import write_reliance
from mosel_gym.benchmark.reliance_cases import known_cases
from mosel_gym.benchmark.reliance_verdict import verdicts
from mosel_gym.benchmark.specs import env_ids
from mosel_gym.benchmark.tables import reliance_table
from mosel_gym.errors import MoselError


def evaluate_reliance(
    config: EvalConfig,
    out_dir: str | Path,
    episodes: int,
    seed: int,
    workers: int = 2,
    *,
    tasks: Sequence[str] = (),
    write_card: bool = False,
    progress: bool = True,
) -> tuple[str, int]:
    """Measure goal reliance and write `goal_reliance.json`.

    Args:
        config: Agent, and how it is run.
        out_dir: Results; finished episodes are not run again.
        episodes: Start scenes of each skill.
        seed: The first one's.
        workers: Processes.
        tasks: In place of the config's task: ids, numbers of LIBERO-Long tasks, or suites.
        write_card: Let the agent carry the result: a copy goes into its folder.
        progress: Show bars.

    Returns:
        The table as text, and the number of broken episodes.

    Raises:
        MoselError: The agent has no goal pictures, or knows none of the tasks.
    """
    if config.agent == EXPERT:
        raise MoselError(
            "The scripted expert follows no goal pictures, so there is no goal reliance of it. "
            "Give --agent a checkpoint."
        )
    if config.execution.words:
        raise MoselError(
            f"Goal reliance is measured of the agent as it is stored; leave out what asks for "
            f"{', '.join(config.execution.words)}."
        )
    folder = Path(out_dir)
    wanted = RelianceConfig(
        tasks=tuple(tasks) or (config.task,),
        episodes=episodes,
        seed=seed,
        modes=config.modes,
        layout_spread_m=config.layout_spread_m,
        render_every=config.render_every,
        hold=config.hold,
    )
    _, notes = known_cases(config.agent, env_ids(wanted.tasks))
    rows = goal_reliance(config.agent, wanted, folder / "goal_reliance", workers, progress=progress)
    notes += _left_out(rows)
    found = verdicts(rows)
    name = Path(config.agent).name  # a card goes wherever the agent does, and its folder does not
    parts = [
        f"Goal reliance of {name}: held {config.hold} steps, {episodes} start scenes a "
        "skill, Wilson 95 % intervals",
        reliance_table(rows),
        "\n".join(["Limits, pooled over all skills:", *(f"  {line}" for line in found)]),
    ]
    if notes:
        parts.append("\n".join(["Not measured:", *(f"  {note}" for note in notes)]))
    content: dict[str, Any] = {
        "agent": name,
        "rows": plain(rows),
        "all_skills": {mode: plain(total(rows, mode)) for mode in wanted.modes},
        "limits": [plain(line) for line in found],
        "not_measured": notes,
        "text": "\n\n".join(parts),
        "provenance": provenance(wanted, seed),
    }
    write_json(folder / "goal_reliance.json", content)
    if write_card:
        parts.append(f"The agent carries it: {write_reliance(config.agent, content)}")
    return "\n\n".join(parts), sum(row.errors for row in rows)


def _left_out(rows: Sequence[RelianceRow]) -> list[str]:
    """Start scenes without pictures of the expert."""
    return [
        f"{row.task}, {row.skill!r}, {row.mode} goals: {row.left_out} start scenes in which the "
        "expert itself failed"
        for row in rows
        if row.left_out
    ]
