"""The rows of `mosel eval`: one for each attempt at a seed, under the agent's label."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mosel_gym.benchmark.execution import ExecutedAgent
from mosel_gym.benchmark.results import EpisodeResult
from mosel_gym.benchmark.rows import Row, keep_rows, read_rows, rows_of
from mosel_gym.benchmark.specs import PretrainedAgent, ScriptedExpert, card_information
from mosel_gym.errors import SpecMismatch

if TYPE_CHECKING:
    from mosel_gym.benchmark.evaluate import EvalConfig

_CONDITIONS = ("hold", "settle", "max_steps", "render_every", "layout_spread_m", "disturbed")


def eval_rows(
    config: EvalConfig,
    spec: PretrainedAgent | ScriptedExpert | ExecutedAgent,
    env_id: str,
    results: Sequence[EpisodeResult],
) -> list[Row]:
    """One row an attempt; a plan that was refined k times counts as k rounds more.

    The label tells how the agent's way of carrying out a skill was changed, if it was.
    An episode that a model left unfinished has no row for the plans that were not written: it may
    be carried out with them another day.
    """
    conditions: dict[str, Any] = {name: getattr(config, name) for name in _CONDITIONS}
    # Only what was asked for: what the agent itself needs follows from its fingerprint.
    conditions |= {"cameras": list(config.cameras), "control": config.control}
    if config.plan:
        conditions["plan"] = list(config.plan)
    fingerprint, given = spec.fingerprint(), config.information
    if not given and not isinstance(spec, ScriptedExpert):
        given = card_information(spec.source)
    label = config.execution.label(config.label or Path(config.agent).name)
    rows: list[Row] = []
    for number in range(config.refine_rounds + 1):
        rows += rows_of(
            [result.after(number) for result in results if result.knows(number)],
            env_id,
            label,
            round=config.round + number,
            repeat=config.repeat,
            conditions=conditions,
            fingerprint=fingerprint,
            information=given,
        )
    return rows


def check_versions(path: str | Path, rows: Sequence[Row], *, replaced: bool = False) -> None:
    """Insist on a file in which nobody else has rows like these.

    Args:
        path: The file; it need not exist.
        rows: To come; agent, task and conditions are looked at.
        replaced: Remove the rows of others instead.

    Raises:
        SpecMismatch: There are some.
    """
    path = Path(path)
    mine = {row.attempt[:-1]: row.fingerprint for row in rows}

    def foreign(row: Row) -> bool:
        known = mine.get(row.attempt[:-1])
        return row.status == "ok" and known is not None and known != row.fingerprint

    found = [row for row in read_rows(path) if foreign(row)] if path.exists() else []
    if found and replaced:
        keep_rows(path, lambda row: not foreign(row))
    elif found:
        raise SpecMismatch(
            f"{path} holds {len(found)} episodes of another agent, or of an earlier version of it, "
            f"as {found[0].agent!r} on {found[0].env_id}. Give this one a --label of its own or "
            "another file with --rows, or add --replace to remove those rows."
        )
