"""Goal reliance of one agent, as a command: the table, and `goal_reliance.json`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mosel_gym.benchmark.evaluate import EXPERT, EvalConfig
from mosel_gym.benchmark.provenance import plain, provenance, write_json
from mosel_gym.benchmark.reliance import RelianceConfig, goal_reliance, total
from mosel_gym.benchmark.tables import reliance_table
from mosel_gym.errors import MoselError


def evaluate_reliance(
    config: EvalConfig,
    out_dir: str | Path,
    episodes: int,
    seed: int,
    workers: int = 2,
    *,
    progress: bool = True,
) -> tuple[str, int]:
    """Measure goal reliance and write `goal_reliance.json`.

    Returns:
        The table as text, and the number of broken episodes.

    Raises:
        MoselError: The agent has no goal pictures.
    """
    if config.agent == EXPERT:
        raise MoselError(
            "The scripted expert follows no goal pictures, so there is no goal reliance of it. "
            "Give --agent a checkpoint."
        )
    folder = Path(out_dir)
    wanted = RelianceConfig(
        task=config.task,
        episodes=episodes,
        seed=seed,
        modes=config.modes,
        layout_spread_m=config.layout_spread_m,
        render_every=config.render_every,
        hold=config.hold,
    )
    rows = goal_reliance(config.agent, wanted, folder / "goal_reliance", workers, progress=progress)
    errors = sum(row.errors for row in rows)
    text = (
        f"Goal reliance of {config.agent}: held {config.hold} steps within {wanted.max_steps}, "
        f"{episodes} start scenes a skill, Wilson 95 % intervals\n\n{reliance_table(rows)}"
    )
    content: dict[str, Any] = {
        "agent": config.agent,
        "rows": plain(rows),
        "all_skills": {mode: plain(total(rows, mode)) for mode in wanted.modes},
        "text": text,
        "provenance": provenance(wanted, seed),
    }
    write_json(folder / "goal_reliance.json", content)
    return text, errors
