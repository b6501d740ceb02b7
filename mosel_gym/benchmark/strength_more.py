"""What stands below the table of success: plans, sampling steps, execution, and goal reliance."""

from __future__ import annotations

from pathlib import Path

from mosel_gym.benchmark.metrics import Rate, share
from mosel_gym.benchmark.paper.footer import footer
from mosel_gym.benchmark.paper.labels import trials
from mosel_gym.benchmark.paper.other_tables import FIRST_PLAN, REFINED_PLAN
from mosel_gym.benchmark.paper.published import ROBOTWIN, TABLE_3
from mosel_gym.benchmark.reliance_card import carried_reliance
from mosel_gym.benchmark.reliance_verdict import paired_difference
from mosel_gym.benchmark.rows import Row, read_rows
from mosel_gym.benchmark.strength import Strength, groups_text
from mosel_gym.benchmark.strength_goals import (
    FEW_STEPS,
    GROUPS,
    LANGUAGE_GOAL,
    MANY_STEPS,
    SEEDS,
    Arm,
    arm_of,
)
from mosel_gym.errors import DamagedFile

TASKS = tuple(env_id for group in GROUPS for env_id in group.tasks)


def strength_text(path: str | Path) -> str:
    """Everything that stored rows say about the goals.

    Args:
        path: The file of rows; plans are looked for in its folder.

    Raises:
        FileNotFoundError: There is no such file.
        DamagedFile: A line of it is no row.
    """
    rows = tuple(read_rows(path))
    strength = Strength(rows)
    counted = [row for row in rows if arm_of(row.agent) and row.seed in SEEDS]
    return "\n\n".join(
        [
            f"What it must reach: success at {len(SEEDS)} held-out scenes a task (first hit of the "
            "goal), Wilson 95 % intervals",
            groups_text(strength),
            language_text(read_rows(Path(path).parent)),
            sampling_text(strength),
            *variants_text(strength),
            reliance_text(),
            "\n".join(["What it was made of:", *footer(counted), *_others(rows)]),
        ]
    )


def language_text(rows: list[Row]) -> str:
    """Accuracy of language plans, Table 3."""
    told = []
    rates = {}
    for label in (FIRST_PLAN, REFINED_PLAN):
        found = [row for env_id in ROBOTWIN for row in trials(rows, label, env_id)]
        rates[label] = share(row.success for row in found if row.status == "ok")
        told.append(str(rates[label]) if rates[label].trials else "not run")
    after = rates[REFINED_PLAN]
    every = all(trials(rows, REFINED_PLAN, env_id) for env_id in ROBOTWIN)
    word = "not known"
    if after.trials and every:
        word = "yes" if after.value >= LANGUAGE_GOAL else "NO"
    before, later = (TABLE_3[key]["language"] for key in ("before", "after"))
    return (
        f"Language plan accuracy (Table 3): paper {100 * before:.0f} % before, {100 * later:.0f} % "
        f"after; ours {told[0]} before, {told[1]} after; goal >= {LANGUAGE_GOAL:.2f}: {word}. "
        "A proxy: the share of plans with which the scripted expert, who reads simulator truth, "
        "reaches the goal (`mosel bench table3`)."
    )


def sampling_text(strength: Strength) -> str:
    """Few sampling steps against many."""
    lines = ["Sampling steps of the video planner (Table 11; paper: 0.82 at 10 steps, 0.88 at 50):"]
    for arm in _arms(strength):
        few, many = (_with(arm, f"{steps} sampling steps") for steps in (FEW_STEPS, MANY_STEPS))
        pairs = _pairs(strength, few, many)
        if not pairs:
            continue
        apart = paired_difference(pairs)
        word = "yes" if apart.high >= 0 else "NO"
        lines.append(
            f"  {arm.label}: {FEW_STEPS} steps {share(a for a, _ in pairs)}, {MANY_STEPS} steps "
            f"{share(b for _, b in pairs)}, {apart}; no loss within the interval: {word}"
        )
    if len(lines) == 1:
        lines.append(
            f"  not known: no scene was tried with both {FEW_STEPS} and {MANY_STEPS} steps; "
            f"`mosel eval --label ... --sampling-steps {FEW_STEPS}` makes such rows"
        )
    return "\n".join(lines)


def variants_text(strength: Strength) -> list[str]:
    """Arms whose execution was changed, against themselves as they are."""
    lines = []
    for arm in _arms(strength, changed=True):
        pairs = _pairs(strength, arm, _with(arm, ""))
        if pairs:
            lines.append(
                f"  {arm.label}: {_rate(pairs, 0)}, as it is {_rate(pairs, 1)}, "
                f"{paired_difference(pairs)}"
            )
    if not lines:
        return []
    return ["\n".join(["Execution changed, against the same agent as it is:", *lines])]


def reliance_text() -> str:
    """What the checkpoints that ship carry."""
    from mosel_gym.agents.checkpoint import embedded_names

    lines = ["Goal reliance of the agents that ship:"]
    for name in embedded_names():
        try:
            found = carried_reliance(name)
            limits = None if found is None else found["limits"]
        except (DamagedFile, KeyError):
            limits = None
        if limits is None:
            lines.append(
                f"  {name}: carries none of these weights; `mosel eval --goal-reliance "
                f"--agent {name} --write-card` measures it"
            )
            continue
        for limit in limits:
            word = {True: "yes", False: "NO", None: "not known"}[limit["reached"]]
            lines.append(f"  {name}: {limit['what']}: {limit['measured']}: {word}")
    return "\n".join(lines)


def _others(rows: tuple[Row, ...]) -> list[str]:
    """Rows that entered nothing."""
    labels = dict.fromkeys(row.agent for row in rows if arm_of(row.agent) is None)
    seeds = sum(arm_of(row.agent) is not None and row.seed not in SEEDS for row in rows)
    lines = []
    if labels:
        lines.append(f"Labels that are none of this table: {', '.join(map(repr, labels))}.")
    if seeds:
        lines.append(f"{seeds} rows are of other seeds than {SEEDS.start}..{SEEDS.stop - 1}.")
    return lines


def _arms(strength: Strength, *, changed: bool = False) -> list[Arm]:
    found = dict.fromkeys(arm for row in strength.rows if (arm := arm_of(row.agent)) is not None)
    if changed:
        return [arm for arm in found if arm.variant]
    return list(dict.fromkeys(_with(arm, "") for arm in found))


def _with(arm: Arm, variant: str) -> Arm:
    return Arm(arm.kind, arm.round, variant)


def _pairs(strength: Strength, first: Arm, second: Arm) -> list[tuple[bool, bool]]:
    """Outcomes of both on the scenes that both have, over all tasks."""
    found = []
    for env_id in TASKS:
        others = {row.seed: row.success for row in strength.trials(second, env_id)}
        for row in strength.trials(first, env_id):
            other = others.get(row.seed)
            if row.success is not None and other is not None:
                found.append((row.success, other))
    return found


def _rate(pairs: list[tuple[bool, bool]], side: int) -> Rate:
    return share(pair[side] for pair in pairs)
