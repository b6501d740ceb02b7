"""summary.json: one schema for `mosel demo`, `eval` and `run`, and what is printed of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mosel_gym.benchmark.metrics import Comparison
from mosel_gym.benchmark.provenance import plain, provenance, write_json
from mosel_gym.benchmark.report import write_report
from mosel_gym.benchmark.results import (
    EpisodeResult,
    add_up,
    compare_arms,
    plain_results,
    summarize,
    verdict_confusion,
)
from mosel_gym.benchmark.tables import (
    arms_table,
    comparisons_text,
    confusion_text,
    seconds_table,
)
from mosel_gym.types import ImproveReport, Task

if TYPE_CHECKING:
    from mosel_gym.benchmark.arms import Choice
    from mosel_gym.benchmark.demo import DemoConfig

Arms = Mapping[str, Sequence[EpisodeResult]]


@dataclass(frozen=True)
class DemoOutcome:
    """Everything that the demo's stages gave."""

    arms: dict[str, list[EpisodeResult]]
    """"before", "control" (missing where no network was trained) and "after"."""
    rollouts: list[EpisodeResult]
    choice: Choice
    improved: ImproveReport
    control: ImproveReport | None
    language: dict[str, Any] | str
    """What language refinement made of the rollouts, or why there was none."""
    stages: dict[str, float] = field(default_factory=dict)
    """Wall time of each stage, s."""


def base_summary(
    kind: str,
    task: Task,
    arms: Arms,
    config: Any,
    seed: int,
    attempts: Sequence[EpisodeResult] | None = None,
) -> dict[str, Any]:
    """The parts that every summary has.

    Args:
        kind: Which command made it.
        task: What was done.
        arms: Results by name.
        config: Settings, for the provenance.
        seed: The first one.
        attempts: What verdicts, costs and seconds are counted over; None = all of the arms.
    """
    episodes = [result for results in arms.values() for result in results]
    episodes = episodes if attempts is None else list(attempts)
    fine = [result for result in episodes if result.status == "ok"]
    first = fine[0] if fine else None
    return {
        "kind": kind,
        "task": {"id": task.id, "goal": task.goal, "skills": list(task.skill_texts)},
        "agent": first.agent if first else "",
        "planner": ", ".join(dict.fromkeys(result.planner for result in fine)),
        "analyzer": first.analyzer if first else "",
        "privileged": any(result.privileged for result in episodes),
        "privileged_agent": any(result.privileged_agent for result in episodes),
        "hints": any(result.hints for result in episodes),
        "arms": {
            name: plain(summarize(name, results)) | {"episodes": plain_results(results)}
            for name, results in arms.items()
        },
        "verdicts": verdict_confusion(episodes).to_plain(),
        "seconds_by_part": add_up(result.seconds for result in episodes),
        "models": add_up(result.models for result in episodes),
        "provenance": provenance(config, seed),
    }


def write_demo(
    folder: Path, config: DemoConfig, outcome: DemoOutcome, task: Task
) -> dict[str, Any]:
    """Write the demo's `summary.json` and `report.html`."""
    comparisons = demo_comparisons(outcome.arms)
    judged = [*outcome.rollouts, *(r for arm in outcome.arms.values() for r in arm)]
    summary = base_summary("demo", task, outcome.arms, config, config.seed) | {
        "rollouts": plain(summarize("rollouts", outcome.rollouts)),
        "verdicts": verdict_confusion(judged).to_plain(),
        "comparisons": plain(comparisons),
        "choice": asdict(outcome.choice),
        "improvement": plain(outcome.improved),
        "control": plain(outcome.control),
        "language": outcome.language,
        "seconds_by_stage": outcome.stages,
        "conclusion": conclusion(outcome.arms, comparisons),
    }
    summary["text"] = demo_text(outcome, summary, comparisons)
    write_json(folder / "summary.json", summary)
    write_report(folder)
    return summary


def demo_comparisons(arms: Arms) -> list[Comparison]:
    """After against control and before, control against before; whatever arms there are."""
    pairs = [("after", "control"), ("after", "before"), ("control", "before")]
    return [compare_arms(a, b, arms[a], arms[b]) for a, b in pairs if a in arms and b in arms]


def conclusion(arms: Arms, comparisons: Sequence[Comparison]) -> str:
    """Whether success rose, plainly, and whether chance explains it."""
    rates = {name: summarize(name, results).first_hit for name, results in arms.items()}
    before, after = rates["before"], rates["after"]
    points = 100 * (after.value - before.value)
    change = next(row for row in comparisons if (row.first, row.second) == ("after", "before"))
    if after.value > before.value and change.p_value < 0.05:
        said = f"Success rose by {points:.0f} points, from {before} to {after}."
    elif after.value > before.value:
        said = (
            f"Success was {before} before and {after} after; with {change.pairs} episodes an arm, "
            f"the difference may be chance (p = {change.p_value:.2g})."
        )
    elif after.value == before.value:
        said = f"Success did not change: {before} before, {after} after."
    else:
        said = f"Success did not rise: it fell by {-points:.0f} points, from {before} to {after}."
    if "control" not in rates:
        return f"{said} There is no control, because no network was trained."
    control = rates["control"]
    said += f" The control, trained on demonstrations alone, reached {control}"
    versus = next(row for row in comparisons if (row.first, row.second) == ("after", "control"))
    if after.value <= control.value:
        return f"{said}, no less, so no gain is claimed for the loop."
    if versus.p_value < 0.05:
        return f"{said}; the difference to it is significant (p = {versus.p_value:.2g})."
    return (
        f"{said}; with {versus.pairs} episodes an arm, the difference to it may be chance "
        f"(p = {versus.p_value:.2g})."
    )


def demo_text(
    outcome: DemoOutcome, summary: dict[str, Any], comparisons: Sequence[Comparison]
) -> str:
    """What the demo prints."""
    judged = [*outcome.rollouts, *(r for arm in outcome.arms.values() for r in arm)]
    rollouts = summarize("rollouts", outcome.rollouts)
    report = outcome.improved
    steps = f", {report.steps} gradient steps" if report.steps else ""
    language = outcome.language
    if not isinstance(language, str):
        language = (
            f"Language: {language['episodes']} reflections put the plan at fault. "
            f"Old plan {language['old_plan']}, new plan {language['new_plan']}."
        )
    return "\n\n".join(
        [
            f"Rollouts to learn from: success {rollouts.first_hit}, broken {rollouts.errors}.\n"
            f"Improved: {report.target} ({report.accepted} segments judged reached, "
            f"{report.rejected} not{steps}).\n  Why: {report.reason}\n{language}",
            "Success with Wilson 95 % intervals; skills: held 10 steps\n"
            + arms_table([summarize(name, arm) for name, arm in outcome.arms.items()]),
            comparisons_text(comparisons),
            "Verdicts on skill segments, all episodes\n"
            + confusion_text(verdict_confusion(judged), str(summary["analyzer"])),
            seconds_table("where the time went", outcome.stages),
            seconds_table("inside evaluation episodes", summary["seconds_by_part"]),
            str(summary["conclusion"]),
        ]
    )
