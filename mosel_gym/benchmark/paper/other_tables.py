"""Tables 3 and 11, from rows: what refinement does to intermediates, and what sampling costs."""

from __future__ import annotations

from collections.abc import Sequence

from mosel_gym.benchmark.metrics import share
from mosel_gym.benchmark.paper import published as paper
from mosel_gym.benchmark.paper.cells import Cell, Line, Table, mean_cell, percent
from mosel_gym.benchmark.paper.labels import (
    EXPERT,
    IMAGINED,
    MOSEL,
    SAMPLED,
    chain_of,
    short,
    steps_label,
    with_purpose,
)
from mosel_gym.benchmark.paper.source import Source
from mosel_gym.benchmark.paper.success_tables import POLICY, VIDEO
from mosel_gym.benchmark.rows import Row, check_pool
from mosel_gym.errors import SpecMismatch

FIRST_PLAN, REFINED_PLAN = f"{EXPERT}, first plan", f"{EXPERT}, refined plan"
_PLANS = {"before": FIRST_PLAN, "after": REFINED_PLAN}
_IMAGINERS = {"before": MOSEL, "after": VIDEO}


def table_3(source: Source, env_ids: tuple[str, ...]) -> Table:
    """Plans on RoboTwin's tasks, imagined videos on LIBERO's."""
    spoken = tuple(env_id for env_id in env_ids if "language" in chain_of(env_id))
    seen = tuple(env_id for env_id in env_ids if env_id not in spoken)
    lines = []
    for key, title in (("before", "w/o MOSEL"), ("after", "w/ MOSEL")):
        plans = [source.success(_PLANS[key], env_id) for env_id in spoken]
        videos = [imagined_cell(source, _IMAGINERS[key], env_id) for env_id in seen]
        cells = [
            *plans,
            _mean(plans, spoken, paper.TABLE_3[key]["language"]),
            *videos,
            _mean(videos, seen, paper.TABLE_3[key]["visual"]),
        ]
        lines.append(Line.of(title, cells))
    header = (
        *(f"language, {short(env_id)}" for env_id in spoken),
        "language, mean",
        *(f"visual, {short(env_id)}" for env_id in seen),
        "visual, mean",
    )
    return Table(
        "table3",
        "Table 3: plans and imagined videos before and after refinement (both are proxies)",
        header,
        tuple(lines),
        (
            "Language accuracy is a PROXY, and PRIVILEGED: a plan counts as right if the scripted "
            "expert, which acts on simulator truth, reaches the goal with it. The paper compares "
            "with plans that people hold to be right.",
            "Visual accuracy is a PROXY: the share of imagined clips whose last picture the "
            "agent's judge network calls the sub-goal reached. In the paper people look at them. "
            "Both planners imagine from the same pictures, which neither learned from. Intervals "
            "take clips as independent.",
            "The paper does not name its three LIBERO tasks; ours are those of its appendix L.2.",
        ),
    )


def imagined_cell(source: Source, label: str, env_id: str) -> Cell:
    """Share of imagined clips that the judge calls right."""
    found = with_purpose(source.rows, IMAGINED, label, env_id)
    rows = [row for row in found if row.status == "ok"]
    try:
        check_pool(rows)
    except SpecMismatch as error:
        return Cell(gap=f"not counted: {error}")
    rate = share(bool(said["judged"]) for row in rows for said in row.verdicts)
    if not rate.trials:
        return Cell(gap=source.missing(label, env_id, what=IMAGINED)())
    return Cell("", str(rate), "", rate.value, None, rate, tuple(rows))


def table_11(source: Source, env_id: str, agent: str, steps: Sequence[int]) -> Table:
    """Success and time by the video planner's sampling steps."""
    lines, notes = [], []
    for count in (*steps, None):
        label = steps_label(agent, count)
        known = paper.TABLE_11.get(str(count), {})
        rows = source.trials(label, env_id)
        success = source.success(label, env_id, known.get("success"))
        fine = [row for row in rows if row.status == "ok"]
        gap = success.gap
        cells = [
            success,
            _time_cell(fine, known.get("minutes"), gap),
            _video_cell(source, label, env_id, known.get("video_s")),
        ]
        title = f"{count} steps" if count is not None else "the agent's own number"
        lines.append(Line.of(title, cells))
    notes.append(
        "Execution time: sum of the wall times of the trials, as if they had run one by one. A "
        "video is timed by itself in one process with one thread. Both are of this hardware."
    )
    notes.append(
        f"Ours on {short(env_id)}, {agent}. The paper does not name its task; its first row is "
        "what its Table 1 has for Task 2. Its planner works in pixels, ours in a latent space."
    )
    return Table(
        "table11",
        "Table 11: sampling steps of the video planner",
        ("success", "execution time", "per video"),
        tuple(lines),
        tuple(notes),
        unit="paper · ours; time of the paper: 50 trials",
    )


def sampled_agent(which: str) -> str:
    """Label of the agent whose sampling is varied."""
    return MOSEL if which == "base" else POLICY


def _time_cell(rows: Sequence[Row], known: float | None, gap: str) -> Cell:
    told = "" if known is None else f"{known:g} min"
    if gap or not rows:
        return Cell(told, gap=gap or "no trial without an error")
    minutes = sum(row.seconds for row in rows) / 60
    return Cell(told, f"{minutes:.1f} min for {len(rows)} trials", value=minutes)


def _video_cell(source: Source, label: str, env_id: str, known: float | None) -> Cell:
    told = "" if known is None else f"{known:g} s"
    found = with_purpose(source.rows, SAMPLED, label, env_id)
    rows = [row for row in found if row.status == "ok"]
    if not rows:
        return Cell(told, gap=source.missing(label, env_id, what=SAMPLED)())
    seconds = sorted(row.seconds for row in rows)
    mean = sum(seconds) / len(seconds)
    text = f"{mean:.3f} s ({seconds[0]:.3f} to {seconds[-1]:.3f}, n = {len(seconds)})"
    return Cell(told, text, value=mean, rows=tuple(rows))


def _mean(cells: Sequence[Cell], env_ids: Sequence[str], published: float) -> Cell:
    """The paper's number is one over its three tasks, and stands beside our mean."""
    found = mean_cell(cells, [short(env_id) for env_id in env_ids])
    gap = found.gap and "no filled task"
    return Cell(percent(published), found.ours, gap, found.value, published)
