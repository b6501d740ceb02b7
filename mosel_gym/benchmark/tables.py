"""Plain text tables for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mosel_gym.benchmark.metrics import Comparison, Confusion
from mosel_gym.benchmark.reliance import RelianceRow, total
from mosel_gym.benchmark.results import ArmSummary


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Align columns; the first one to the left, the others too, two spaces between."""
    cells = [list(header), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[at]) for row in cells) for at in range(len(header))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in cells
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(line.rstrip() for line in lines)


def arms_table(arms: Sequence[ArmSummary]) -> str:
    """Success of each arm: first hit, held, and by skill."""
    skills = list(dict.fromkeys(skill for arm in arms for skill in arm.asked))
    rows: list[list[object]] = [
        ["success, first hit", *(arm.first_hit for arm in arms)],
        ["success, held 10 steps", *(arm.held for arm in arms)],
    ]
    for skill in skills:
        rows.append([f"  {skill}", *(arm.skills_held.get(skill, "") for arm in arms)])
    rows.append(["mean steps", *(f"{arm.mean_steps:.0f}" for arm in arms)])
    rows.append(["broken episodes", *(arm.errors for arm in arms)])
    if any(arm.unjudged for arm in arms):
        rows.append(["without a verdict", *(arm.unjudged for arm in arms)])
    return table(["", *(arm.label for arm in arms)], rows)


def comparisons_text(comparisons: Sequence[Comparison]) -> str:
    """Paired comparisons, one a line."""
    return "\n".join(f"{comparison} (exact McNemar)" for comparison in comparisons)


def confusion_text(verdicts: Confusion, analyzer: str) -> str:
    """The analyzer's verdicts against the truth."""
    grid = table(
        [f"{analyzer} analyzer", "truth: reached", "truth: not reached"],
        [
            ["said reached", verdicts.true_positives, verdicts.false_positives],
            ["said not reached", verdicts.false_negatives, verdicts.true_negatives],
        ],
    )
    rates = (
        f"accuracy {verdicts.accuracy}; precision {verdicts.precision}; recall {verdicts.recall}"
    )
    return f"{grid}\n{rates}"


def seconds_table(title: str, seconds: Mapping[str, float]) -> str:
    """Where the time went, largest first."""
    whole = sum(seconds.values()) or 1.0
    rows = sorted(seconds.items(), key=lambda item: -item[1])
    return table([title, "s", "%"], [[k, f"{v:.0f}", f"{100 * v / whole:.0f}"] for k, v in rows])


def models_text(models: Mapping[str, float]) -> str:
    """What foundation models cost, in one line; says so if there were none."""
    if not models:
        return "Foundation models: none were asked."
    cost_usd = models["cost_usd"]
    money = f"{cost_usd:.4f} USD" if cost_usd else "no known price"
    return (
        f"Foundation models: {models['calls']:.0f} calls, {models['cached']:.0f} answers from the "
        f"cache, {models['input_tokens']:.0f} tokens in, {models['output_tokens']:.0f} out, "
        f"{money}, {models['seconds']:.0f} s"
    )


def reliance_table(rows: Sequence[RelianceRow]) -> str:
    """Goal reliance: skills down, kinds of goals across; a dash is what cannot be measured."""
    modes = list(dict.fromkeys(row.mode for row in rows))
    skills = list(dict.fromkeys((row.task, row.skill) for row in rows))
    held = {(row.task, row.skill, row.mode): row.held for row in rows}
    body: list[list[object]] = []
    for task, skill in skills:
        rates = [held.get((task, skill, mode), "–") for mode in modes]
        body.append([task.removeprefix("MOSEL-"), skill, *rates])
    body.append(["all", "", *(total(rows, mode) for mode in modes)])
    return table(["task", "skill, held", *modes], body)
