"""The tables of `mosel bench agent`, with what is expected beside what was measured."""

from __future__ import annotations

import statistics
from typing import Any

import numpy as np

from mosel_gym.benchmark.agent_speed import EPISODE_STEPS, STEPS_PER_S, PlanSpeed
from mosel_gym.benchmark.agent_speed_act import KINDS, ActSpeed, Kind
from mosel_gym.benchmark.agent_speed_round import FORMULA, RoundSize, RoundSpeed
from mosel_gym.benchmark.judge_tables import markdown

INSIDE_MS, BORDER_MS, PLAN_S, PLAN_STEPS = 1.0, 60.0, 1.5, 4
"""Expected on two CPU cores, at most."""
EPISODE_S = EPISODE_STEPS / STEPS_PER_S
_EXPECTED: dict[Kind, float] = {"inside": INSIDE_MS, "border": BORDER_MS}


def agent_table(found: dict[str, Any]) -> str:
    """What `bench_agent` found, as Markdown."""
    parts = [_acting(found["acting"]), _plans(found["plans"]), _episode(found["acting"])]
    if found["round"] is not None:
        parts.append(_round(found["round"], found["round_extrapolated"], found["round_full_size"]))
    hardware, config = found["hardware"], found["config"]
    parts.append(
        f"{config['agent']} on {found['task']}, {config['repeats']} episodes from seed "
        f"{config['seed']}, pictures on every {config['render_every']}th step; "
        f"{hardware['cpu']}, {hardware['cores']} cores, one torch thread, niceness "
        f"{found['niceness']}, load "
        f"{found['load_average']:.1f} before and {found['load_average_after']:.1f} after; torch "
        f"{found['versions']['torch']}, revision {found['git_revision'] or 'not recorded'}"
    )
    return "\n\n".join(parts)


def _acting(acting: ActSpeed) -> str:
    rows = []
    for kind, seconds in acting.act_s.items():
        ms, cpu_ms = 1e3 * np.array(seconds), 1e3 * np.array(acting.cpu_s[kind])
        limit = _EXPECTED.get(kind)
        rows.append(
            [
                KINDS[kind],
                str(len(ms)),
                f"{np.median(ms):.2f}",
                f"{np.percentile(ms, 99):.2f}",
                f"{np.median(cpu_ms):.2f}",
                "–" if limit is None else f"{limit:g}",
                _within(float(np.median(ms)), limit),
            ]
        )
    heads = [
        "`act`",
        "calls",
        "median ms",
        "99 % ms",
        "median CPU ms",
        "expected ms",
        "median within",
    ]
    return markdown(heads, rows)


def _plans(plans: tuple[PlanSpeed, ...]) -> str:
    rows = []
    for plan in plans:
        limit = PLAN_S if plan.steps == PLAN_STEPS else None
        rows.append(
            [
                "one pass" if plan.steps is None else str(plan.steps),
                str(len(plan.seconds)),
                f"{plan.median_s:.3f}",
                f"{statistics.median(plan.cpu_s):.3f}",
                "–" if limit is None else f"{limit:g}",
                _within(plan.median_s, limit),
            ]
        )
    return markdown(
        ["sampling steps of a plan", "n", "median s", "median CPU s", "expected s", "within"], rows
    )


def _episode(acting: ActSpeed) -> str:
    parts = acting.parts_s(EPISODE_STEPS)
    whole = sum(parts.values())
    rows = [
        [name, f"{seconds:.2f}", f"{100 * seconds / whole:.0f} %"]
        for name, seconds in parts.items()
    ]
    rows.append(["all", f"{whole:.2f}", "100 %"])
    told = markdown([f"an episode of {EPISODE_STEPS} steps", "s", "share"], rows)
    took = ", ".join(str(episode.steps) for episode in acting.episodes)
    return (
        f"{told}\n\nexpected at most {EPISODE_S:.0f} s, which is real time at {STEPS_PER_S} Hz: "
        f"{_within(whole, EPISODE_S)}, {EPISODE_S / whole:.1f} times real time. The measured "
        f"episodes took {took} steps, "
        f"{sum(e.success for e in acting.episodes)} of {len(acting.episodes)} succeeded; what "
        f"happens at every step is scaled to {EPISODE_STEPS}"
    )


def _round(done: RoundSpeed, full_s: dict[str, float], full: RoundSize) -> str:
    measured = done.stages_s
    whole, full_whole = sum(measured.values()), sum(full_s.values())
    rows = [
        [
            name,
            f"{seconds:.1f}",
            f"{100 * seconds / whole:.0f} %",
            f"{full_s[name]:.0f}",
            f"{100 * full_s[name] / full_whole:.0f} %",
        ]
        for name, seconds in measured.items()
    ]
    rows.append(["all", f"{whole:.1f}", "100 %", f"{full_whole:.0f}", "100 %"])
    heads = ["a round of improvement", "measured s", "share", "EXTRAPOLATED s", "share"]
    lines = [
        markdown(heads, rows),
        f"measured: {_size(done.size)}, in one process. EXTRAPOLATED, not measured, to "
        f"{_size(full)}: {FORMULA}. What a training does once is scaled with its steps, so that "
        "this is rather too much. A round that "
        "refines one module, as `--target alternate` does, has one of the two trainings. With two "
        "processes rollouts and check take about half",
    ]
    if done.note:
        lines.append(done.note)
    return "\n\n".join(lines)


def _size(size: RoundSize) -> str:
    steps = ", ".join(f"{count} of the {name}" for name, count in size.steps.items())
    return f"{size.interactions} interactions, gradient steps {steps}, {size.check} checked"


def _within(value: float, limit: float | None) -> str:
    if limit is None:
        return "–"
    return "yes" if value <= limit else "NO"
