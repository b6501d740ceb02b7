"""report.html: opens from disk, needs no server, no network and no script."""

from __future__ import annotations

import os
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from mosel_gym.benchmark import plots
from mosel_gym.benchmark.provenance import read_json
from mosel_gym.benchmark.tables import models_text
from mosel_gym.data.atomic import atomic_path
from mosel_gym.errors import DamagedFile

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1f2933; background: #fff;
       max-width: 1080px; margin: 2rem auto; padding: 0 1.2rem; }
h1 { font-size: 1.5rem; margin-bottom: .2rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
h3 { font-size: 1rem; margin: 0 0 .3rem; }
.muted { color: #616e7c; } .lead { font-size: 1.05rem; border-left: 4px solid #2f7d5b;
       padding: .4rem .9rem; background: #f5f7fa; }
table { border-collapse: collapse; margin: .6rem 0; }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #e4e7eb;
       vertical-align: top; }
figure { display: inline-block; margin: 0 1.5rem 1rem 0; vertical-align: top; }
figure img { max-width: 100%; } figcaption { font-size: .85rem; color: #616e7c; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(330px, 1fr)); gap: 1rem; }
.card { border: 1px solid #e4e7eb; border-radius: 8px; padding: .8rem; font-size: .88rem; }
.card video { width: 100%; border-radius: 4px; background: #e4e7eb; }
.card ul { margin: .3rem 0; padding-left: 1.1rem; }
.yes { color: #1c6b48; font-weight: 600; } .no { color: #b3261e; font-weight: 600; }
.wrong { background: #fdf1d6; }
pre { white-space: pre-wrap; background: #f5f7fa; padding: .7rem; font-size: .82rem; }
"""


def write_report(folder: str | Path) -> Path:
    """Write `report.html` beside a `summary.json`, from nothing but that file.

    Links to mp4s are relative, so that the folder can be moved or sent as a whole.

    Raises:
        DamagedFile: `summary.json` is missing, or not a summary of this package.
    """
    folder = Path(folder)
    summary = read_json(folder / "summary.json")
    try:
        page = _page(summary)
    except (KeyError, TypeError, AttributeError) as error:
        raise DamagedFile(
            f"{folder / 'summary.json'} is not a summary that a report can be made of: "
            f"{type(error).__name__}: {error}"
        ) from error
    path = folder / "report.html"
    with atomic_path(path) as draft:
        draft.write_text(page, encoding="utf-8")
    os.chmod(path, 0o644)
    return path


def _page(summary: Mapping[str, Any]) -> str:
    title = f"mosel-gym {summary['kind']}: {summary['task']['id']}"
    sections = [
        _head(summary, title),
        _success(summary),
        _improvement(summary),
        _verdicts(summary),
        _time(summary),
        *(_arm_cards(name, arm) for name, arm in summary["arms"].items()),
        _provenance(summary),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body>\n"
        + "\n".join(section for section in sections if section)
        + "\n</body></html>\n"
    )


def _head(summary: Mapping[str, Any], title: str) -> str:
    said = summary.get("conclusion", "")
    privileged = ""
    if summary["privileged"]:
        privileged += (
            '<p class="no">The analyzer read simulator truth: these verdicts are not autonomous.'
            "</p>"
        )
    if summary.get("privileged_agent"):
        privileged += (
            '<p class="no">The arms were moved by the scripted expert, which reads simulator '
            "truth: success says what a plan is worth, not what a policy can do.</p>"
        )
    if summary.get("hints"):
        privileged += '<p class="no">A person\'s hints were given to the models.</p>'
    if summary.get("stopped"):
        privileged += f'<p class="no">{escape(summary["stopped"])}</p>'
    return (
        f"<h1>{escape(title)}</h1>"
        f'<p class="muted">“{escape(summary["task"]["goal"])}”<br>'
        f"Agent: {escape(summary['agent'])}. Planner: {escape(summary.get('planner', ''))}. "
        f"Analyzer: {escape(summary['analyzer'])}. {escape(summary['provenance']['time'])}</p>"
        + (f'<p class="lead">{escape(said)}</p>' if said else "")
        + privileged
    )


def _success(summary: Mapping[str, Any]) -> str:
    arms = summary["arms"]
    header = "".join(f"<th>{escape(name)}</th>" for name in arms)
    rows = [
        ("success, first hit", [arm["first_hit"] for arm in arms.values()]),
        ("success, held 10 steps", [arm["held"] for arm in arms.values()]),
    ]
    skills = list(dict.fromkeys(skill for arm in arms.values() for skill in arm["asked"]))
    rows += [(skill, [arm["skills_held"].get(skill) for arm in arms.values()]) for skill in skills]
    body = "".join(
        f"<tr><td>{escape(name)}</td>{''.join(f'<td>{_rate(rate)}</td>' for rate in rates)}</tr>"
        for name, rates in rows
    )
    errors = "".join(f"<td>{arm['errors']}</td>" for arm in arms.values())
    compared = "".join(
        f"<li>{escape(row['first'])} vs {escape(row['second'])}: +{row['gained']} −{row['lost']} "
        f"of {row['pairs']} paired seeds, exact McNemar p = {row['p_value']:.2g}</li>"
        for row in summary.get("comparisons", [])
    )
    if not any(arm["first_hit"]["trials"] for arm in arms.values()):
        return (
            f"<h2>Success</h2><p>No episode came to its end.</p><table><tr><th></th>{header}</tr>"
            f"<tr><td>broken episodes</td>{errors}</tr></table>"
        )
    return (
        "<h2>Success</h2>"
        + _image(plots.success_bars(arms), "All sub-goals reached, with Wilson 95 % intervals.")
        + _image(plots.skill_bars(arms), "Each skill of the plan, predicate held 10 steps.")
        + f"<table><tr><th></th>{header}</tr>{body}"
        + f"<tr><td>broken episodes</td>{errors}</tr></table>"
        + (f"<ul>{compared}</ul>" if compared else "")
    )


def _improvement(summary: Mapping[str, Any]) -> str:
    report = summary.get("improvement")
    if not report:
        return ""
    rows = [("improved", report), ("control", summary.get("control"))]
    body = "".join(
        f"<tr><td>{name}</td><td>{escape(row['target'])}</td><td>{row['accepted']}</td>"
        f"<td>{row['rejected']}</td><td>{row['steps']}</td><td>{_number(row['loss_before'])}</td>"
        f"<td>{_number(row['loss_after'])}</td><td>{row['seconds']:.0f}</td></tr>"
        for name, row in rows
        if row
    )
    language = summary.get("language", "")
    if isinstance(language, Mapping):
        said = "".join(
            f"<li>{escape(key.replace('_', ' '))}: {escape(str(value))}</li>"
            for key, value in language.items()
        )
        language = f"<h3>Language refinement</h3><ul>{said}</ul>"
    else:
        language = f"<p>{escape(str(language))}</p>"
    return (
        f"<h2>Improvement</h2><p>{escape(report['reason'])}</p><table><tr><th></th><th>module</th>"
        "<th>segments judged reached</th><th>judged failed</th><th>gradient steps</th>"
        f"<th>loss before</th><th>after</th><th>s</th></tr>{body}</table>{language}"
    )


def _verdicts(summary: Mapping[str, Any]) -> str:
    verdicts = summary["verdicts"]
    if not sum(verdicts[key] for key in verdicts if key.startswith(("true_", "false_"))):
        return ""
    rates = "".join(
        f"<tr><td>{name}</td><td>{_rate(verdicts[name])}</td></tr>"
        for name in ("accuracy", "precision", "recall")
    )
    return (
        "<h2>The analyzer's verdicts against the truth</h2>"
        + _image(plots.confusion_matrix(verdicts), "Skill segments; the truth is for scoring only.")
        + f"<table>{rates}<tr><td>F1</td><td>{_number(verdicts['f1'])}</td></tr></table>"
    )


def _time(summary: Mapping[str, Any]) -> str:
    parts = _image(
        plots.time_bars(summary["seconds_by_part"]), "Inside episodes, summed over processes."
    )
    stages = summary.get("seconds_by_stage")
    whole = _image(plots.time_bars(stages), "Stages, wall time.") if stages else ""
    models = f"<p>{escape(models_text(summary.get('models', {})))}.</p>"
    return f"<h2>Where the time went</h2>{whole}{parts}{models}"


def _arm_cards(name: str, arm: Mapping[str, Any]) -> str:
    """Cards of the attempts that belong to this arm, and not to an earlier refinement of it."""
    folder, refinement = arm.get("folder", name), arm.get("refinement", 0)
    mine = [row for row in arm["episodes"] if row.get("refinement", 0) == refinement]
    cards = "".join(_card(folder, episode) for episode in mine)
    title = "Episodes" if name == "episodes" else f"Episodes: {escape(name)}"
    return f'<h2>{title}</h2><div class="cards">{cards}</div>'


def _card(folder: str, episode: Mapping[str, Any]) -> str:
    title = f"<h3>seed {episode['seed']}</h3>"
    if episode["status"] == "error":
        error = f"<pre>{escape(episode['error'])}</pre>"
        return f'<div class="card">{title}<p class="no">broken</p>{error}</div>'
    video = ""
    if episode["video"]:
        source = escape(f"{folder}/{episode['video']}")
        video = f'<video controls preload="metadata" src="{source}"></video>'
    plan = "".join(f"<li>{escape(skill)}</li>" for skill in episode["plan"])
    verdicts = "".join(_verdict(row) for row in episode["verdicts"])
    judged = episode["judged_success"]
    said = "" if judged is None else f" Analyzer: {_yes(judged)}."
    return (
        f'<div class="card">{title}{video}<p>Goal: {_yes(episode["success"])} '
        f"after {episode['steps']} steps.{said}</p><ol>{plan}</ol>"
        + _words("Why this plan", episode.get("reasoning", ""))
        + f"<ul>{verdicts}</ul>"
        + f'<p class="muted">{escape(episode["rationale"])}</p>'
        + _words("No verdict", episode.get("unjudged", ""))
        + _words("Not refined further", episode.get("refinement_ended", ""))
        + "</div>"
    )


def _words(what: str, said: str) -> str:
    return f'<p class="muted">{what}: {escape(said)}</p>' if said else ""


def _verdict(row: Mapping[str, Any]) -> str:
    truth = row["truth"]
    wrong = truth is not None and truth != row["judged"]
    note = "" if truth is None else f" (truth: {'reached' if truth else 'not reached'})"
    return (
        f"<li{' class=wrong' if wrong else ''}>{escape(row['skill'])}: "
        f"{_yes(row['judged'])} {100 * row['confidence']:.0f} %{note}</li>"
    )


def _provenance(summary: Mapping[str, Any]) -> str:
    found = summary["provenance"]
    rows = {
        "revision": found.get("git_revision") or "not from a repository",
        "processor": f"{found['hardware']['cpu']}, {found['hardware']['cores']} cores",
        "versions": ", ".join(f"{name} {text}" for name, text in found["versions"].items()),
        "settings": ", ".join(f"{k}={v}" for k, v in (found.get("config") or {}).items()),
    }
    body = "".join(f"<tr><td>{k}</td><td>{escape(str(v))}</td></tr>" for k, v in rows.items())
    return f"<h2>How this was made</h2><table>{body}</table>"


def _image(uri: str, caption: str) -> str:
    # Figures are drawn at 144 dpi; zoomed out by half they stay sharp on a dense screen.
    return (
        f'<figure><img src="{uri}" style="zoom: 0.55" alt="{escape(caption)}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _rate(rate: Mapping[str, Any] | None) -> str:
    if not rate or not rate["trials"]:
        return "–"
    share = 100 * rate["successes"] / rate["trials"]
    return (
        f"{rate['successes']}/{rate['trials']} = {share:.0f} % "
        f'<span class="muted">[{100 * rate["low"]:.0f}, {100 * rate["high"]:.0f}]</span>'
    )


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _yes(value: bool | None) -> str:
    if value is None:
        return "unknown"
    return '<span class="yes">reached</span>' if value else '<span class="no">not reached</span>'
