"""What has to stand below every table: who planned, who judged, and on what it was run."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from mosel_gym.benchmark.comparing import given_lines
from mosel_gym.benchmark.paper.labels import short
from mosel_gym.benchmark.rows import Row

_DIGEST = re.compile(r"-[0-9a-f]{8,}$")
_SHOWN_VERSIONS = ("mosel-gym", "mujoco", "robosuite", "hf-libero", "sapien", "torch")


def footer(rows: Sequence[Row]) -> list[str]:
    """Lines about all rows of a table; a single one if there are none."""
    if not rows:
        return ["No row entered this table."]
    lines = [
        f"{len(rows)} episodes entered. Positive: first hit of the goal.",
        f"Task planner: {_all(rows, lambda row: row.planner)}. "
        f"Video analyzer: {_all(rows, lambda row: row.analyzer)}.",
        f"Protocol: {_all(rows, lambda row: row.protocol)}. "
        f"Renderer: {_all(rows, lambda row: row.renderer)}. "
        f"Assets: {_assets(rows)}. Robot: {_all(rows, lambda row: row.robot)}.",
        f"Hardware: {_all(rows, lambda row: row.hardware)}. "
        f"Revision: {_all(rows, lambda row: row.revision)}. Versions: {_versions(rows)}.",
    ]
    for agent in dict.fromkeys(row.agent for row in rows):
        lines += given_lines(agent, [row for row in rows if row.agent == agent])
    if any(row.privileged for row in rows):
        lines.append("PRIVILEGED: an analyzer read simulator truth.")
    if any(row.privileged_agent for row in rows):
        lines.append("PRIVILEGED: the arms of some rows were moved with simulator truth.")
    if any(row.hints for row in rows):
        lines.append("A person's hints were given to planner or analyzer.")
    return lines + unlike(rows)


def unlike(rows: Iterable[Row]) -> list[str]:
    """A warning for every task whose rows were not all run in the same setting."""
    seen: dict[tuple[str, str], dict[str, list[str]]] = {}
    for row in rows:
        for name in ("protocol", "renderer", "assets", "robot"):
            values = seen.setdefault((row.env_id, name), {})
            agents = values.setdefault(str(getattr(row, name)), [])
            if row.agent not in agents:
                agents.append(row.agent)
    return [
        f"WARNING: on {short(env_id)} the {name} differs, so that these are not to be compared: "
        + "; ".join(f"{value!r} ({', '.join(agents)})" for value, agents in values.items())
        for (env_id, name), values in seen.items()
        if len(values) > 1
    ]


def _all(rows: Sequence[Row], value: Callable[[Row], str]) -> str:
    found = dict.fromkeys(value(row) for row in rows)
    return ", ".join(text for text in found if text) or "not recorded"


def _assets(rows: Sequence[Row]) -> str:
    """Without the digests, which belong to single scenes."""
    return _all(rows, lambda row: _DIGEST.sub("", row.assets))


def _versions(rows: Sequence[Row]) -> str:
    found = dict.fromkeys(
        f"{name} {row.versions[name]}"
        for row in rows
        for name in _SHOWN_VERSIONS
        if row.versions.get(name, "not installed") != "not installed"
    )
    return ", ".join(found) or "not recorded"
