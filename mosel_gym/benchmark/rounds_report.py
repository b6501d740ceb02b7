"""What came of the rounds: a table for the terminal, and report.html with a picture."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from mosel_gym.benchmark.metrics import Rate
from mosel_gym.benchmark.provenance import provenance, write_json
from mosel_gym.benchmark.results import add_up
from mosel_gym.benchmark.rounds_config import RoundsConfig
from mosel_gym.benchmark.rounds_plot import plot_rounds
from mosel_gym.benchmark.rounds_state import Round, RoundsFolder
from mosel_gym.benchmark.tables import models_text, seconds_table, table
from mosel_gym.data.atomic import atomic_path

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1f2933; max-width: 1080px; margin: 2rem auto;
       padding: 0 1.2rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
pre { white-space: pre-wrap; background: #f5f7fa; padding: .7rem; font-size: .82rem; }
.no { color: #b3261e; font-weight: 600; } .muted { color: #616e7c; } img { max-width: 760px; }
"""


def write_rounds(
    config: RoundsConfig, out: str | Path, rounds: Sequence[Round], more: str = ""
) -> str:
    """Write `summary.json`, `success.png` and `report.html`.

    Args:
        config: As the rounds were run.
        out: Their folder.
        rounds: All that are over; at least one.
        more: A further text, such as an evaluation.

    Returns:
        What is printed.
    """
    folder = RoundsFolder(Path(out))
    text = "\n\n".join(part for part in (rounds_text(config, folder, rounds), more) if part)
    summary = {"rounds": rounds, "text": text, "provenance": provenance(config)}
    write_json(folder.path / "summary.json", summary)
    picture = plot_rounds(folder.path / "success.png", rounds)
    path = folder.path / "report.html"
    with atomic_path(path) as draft:
        draft.write_text(_page(rounds, text, picture), encoding="utf-8")
    os.chmod(path, 0o644)
    return text


def rounds_text(config: RoundsConfig, folder: RoundsFolder, rounds: Sequence[Round]) -> str:
    """Tables and sentences."""
    last = rounds[-1].standing
    parts = [_head(rounds), _table(rounds), "\n".join(map(_sentences, rounds))]
    tasks = _tasks(rounds)
    if tasks:
        parts.append(tasks)
    parts.append(
        seconds_table("where the time went, all processes", add_up(row.seconds for row in rounds))
    )
    collected = [row.rollouts for row in rounds if "collected_by" not in row.rollouts]
    episodes = sum(found["episodes"] for found in collected)
    size = sum(found["bytes"] for found in collected)
    parts.append(
        f"{episodes} interactions take {size / 1e6:.0f} MB, {size / max(1, episodes) / 1e6:.2f} MB "
        f"each. {models_text(add_up(found['models'] for found in collected)).rstrip('.')}."
    )
    agent = folder.agent(last.agent, config.agent)
    if not last.agent:
        parts.append(f"No round was kept: the agent is still {agent}.")
    else:
        control = folder.control(last.control, config.agent)
        told = f"; its control: {control}" if last.control else "; there is no control"
        parts.append(f"The agent after {last.kept} kept rounds: {agent}{told}.")
    return "\n\n".join(parts)


def _head(rounds: Sequence[Round]) -> str:
    analyzers = list(dict.fromkeys(row.rollouts["analyzer"] for row in rounds))
    text = f"Judged by: {', '.join(name or 'nobody' for name in analyzers)}."
    if any(row.rollouts["privileged"] for row in rounds):
        text += " PRIVILEGED: it read simulator truth, so this is no self-improvement."
    return f"{text} The simulator's truth is shown beside it and decided nothing."


def _table(rounds: Sequence[Round]) -> str:
    rows = []
    for row in rounds:
        report = row.training.get("improved") or {}
        control = row.training.get("control") or {}
        accepted, rejected = row.decision["accepted"], row.decision["rejected"]
        rows.append(
            [
                row.number,
                row.module,
                row.outcome,
                _rate(row.rollouts["judged"]),
                _rate(row.rollouts["truth"], short=True),
                f"{accepted}/{rejected}",
                report.get("steps", "–"),
                _losses(report),
                _losses(control),
                _check(row.check),
            ]
        )
    header = (
        "round", "module", "outcome", "judged success", "truth", "good/bad segments", "steps",
        "loss", "control's loss", "check, judged",
    )  # fmt: skip
    return table(header, rows)


def _sentences(row: Round) -> str:
    """Why a round went as it did."""
    blame, report = row.decision["blame"], row.training.get("improved") or {}
    lines = [f"Round {row.number}, {row.outcome}. {row.reason} {row.said}".replace("  ", " ")]
    failed = [f"{skill}: {count}" for skill, count in blame["skills"].items()]
    if row.module == "language" and report:
        lines.append(f"  {report['reason']}")
    at_fault = f"  At fault in {blame['failed']} of {blame['episodes']} judged episodes: "
    lines.append(at_fault + "; ".join([f"the plan: {blame['language']}", *failed]) + ".")
    compared = blame["imagined_right"] + blame["imagined_wrong"]
    if compared:
        lines.append(
            f"  Of {compared} failed skills, {blame['imagined_right']} were imagined to their "
            "goal (the policy did not follow), the others were imagined wrong."
        )
    lines += [f"  {note}." for note in row.decision["notes"]]
    if "collected_by" in row.rollouts:
        lines.append(f"  From the interactions of round {row.rollouts['collected_by']}.")
    if row.training.get("control_failed"):
        lines.append(f"  No control: {row.training['control_failed']}")
    if row.rollouts["broken"] or row.rollouts["unjudged"]:
        lines.append(
            f"  Left out: {row.rollouts['broken']} broken episodes, "
            f"{row.rollouts['unjudged']} without a verdict."
        )
    if len(row.check.get("by_task", {})) > 1:
        told = (
            f"{task.removeprefix('MOSEL-')} {text}" for task, text in row.check["by_task"].items()
        )
        lines.append(f"  Check by task: {'; '.join(told)}.")
    return "\n".join(lines)


def _tasks(rounds: Sequence[Round]) -> str:
    """Judged success by task and round, where there are several tasks."""
    tasks = list(rounds[0].rollouts["tasks"])
    if len(tasks) < 2:
        return ""
    rows = [
        [
            task.removeprefix("MOSEL-"),
            *(_rate(row.rollouts["tasks"][task]["judged"], short=True) for row in rounds),
        ]
        for task in tasks
    ]
    return table(["judged success", *(f"round {row.number}" for row in rounds)], rows)


def _rate(plain: dict[str, Any], *, short: bool = False) -> str:
    rate = Rate(**plain)
    return str(rate).partition(" [")[0] if short else str(rate)


def _losses(report: dict[str, Any]) -> str:
    before, after = report.get("loss_before"), report.get("loss_after")
    return "–" if before is None or after is None else f"{before:.3f} -> {after:.3f}"


def _check(check: dict[str, Any]) -> str:
    if not check or not check["pairs"]:
        return "–"
    before, after = (_rate(check[name], short=True) for name in ("before", "after"))
    return f"{before} -> {after} (+{check['gained']} -{check['lost']}, p {check['p_worse']:.2g})"


def _page(rounds: Sequence[Round], text: str, picture: Path) -> str:
    image = base64.b64encode(picture.read_bytes()).decode("ascii")
    privileged = ""
    if any(row.rollouts["privileged"] for row in rounds):
        privileged = '<p class="no">The analyzer read simulator truth: no self-improvement.</p>'
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>mosel-gym: rounds of improvement</title><style>{_STYLE}</style></head>\n<body>\n"
        f"<h1>Rounds of improvement</h1>{privileged}"
        f'<img alt="Success by round" src="data:image/png;base64,{image}">'
        '<p class="muted">Interactions of the agent that began each round; judged success with '
        "Wilson 95 % intervals.</p>"
        f"<pre>{escape(text)}</pre>\n</body></html>\n"
    )
