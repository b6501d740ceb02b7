"""The agents before and after the rounds, and the control, on seeds of evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mosel_gym.benchmark.comparing import paired_text, rates_text
from mosel_gym.benchmark.evaluate import EvalConfig, evaluate
from mosel_gym.benchmark.paper.config import TRIALS
from mosel_gym.benchmark.rounds_config import RoundsConfig
from mosel_gym.benchmark.rounds_episodes import planner_of
from mosel_gym.benchmark.rounds_state import Round, RoundsFolder
from mosel_gym.benchmark.rows import Row, merge_rows, read_rows
from mosel_gym.benchmark.specs import env_ids
from mosel_gym.benchmark.strength_goals import Arm


def arms(
    config: RoundsConfig, out: str | Path, rounds: Sequence[Round], *, every: bool = False
) -> list[tuple[str, int, str]]:
    """Label, rounds behind it, and source of each agent that is worth measuring.

    The labels are those that `mosel bench strength` reads.

    Args:
        config: As the rounds were run.
        out: Their folder.
        rounds: All that are over.
        every: The agents after each kept round, in place of the last one alone.
    """
    folder = RoundsFolder(Path(out))
    found = [(Arm("base").label, 0, config.agent)]
    kept = [row.standing for row in rounds if row.outcome == "kept"]
    for standing in kept if every else kept[-1:]:
        after = folder.agent(standing.agent, config.agent)
        found.append((Arm("after", standing.kept).label, standing.kept, after))
        if standing.control:
            control = folder.control(standing.control, config.agent)
            found.append((Arm("control", standing.kept).label, standing.kept, control))
    return list(dict.fromkeys(found))


def evaluate_rounds(
    config: RoundsConfig,
    out: str | Path,
    rounds: Sequence[Round],
    episodes: int,
    workers: int | None = None,
    *,
    every: bool = False,
    progress: bool = True,
) -> str:
    """Measure them on the same seeds and write `<out>/rows.jsonl`; gives tables.

    Args:
        config: As the rounds were run.
        out: Their folder; finished episodes are not run again.
        rounds: All that are over.
        episodes: Of each agent and task, from seed 1 000 000 on.
        workers: Processes.
        every: See `arms`.
        progress: Show bars.
    """
    folder, rows = Path(out) / "evaluation", list[Row]()
    for label, number, source in arms(config, out, rounds, every=every):
        for task in env_ids(config.tasks):
            wanted = EvalConfig(
                agent=source,
                task=task,
                planner=planner_of(config, source),
                llm=config.llm,
                layout_spread_m=config.layout_spread_m,
                max_steps=config.max_steps,
                render_every=config.render_every,
                hold=config.hold,
                settle=config.settle,
                video=False,
                label=label,
                round=number,
                repeat=config.repeat,
            )
            place = (
                folder / f"{'control' if label.startswith('control') else 'agent'}-{number}" / task
            )
            first = TRIALS + 10_000 * config.repeat
            done = evaluate(
                wanted, place, range(first, first + episodes), workers, progress=progress
            )
            rows += done.rows
    merge_rows(Path(out) / "rows.jsonl", rows)
    every_row = read_rows(Path(out) / "rows.jsonl")
    return f"Held-out evaluation\n{rates_text(every_row)}\n\n{paired_text(every_row)}"


def eval_commands(config: RoundsConfig, out: str | Path, rounds: Sequence[Round]) -> str:
    """The commands that measure the same."""
    told: list[str] = []
    spread = f" --layout-spread-m {config.layout_spread_m:g}" if config.layout_spread_m else ""
    steps = f" --max-steps {config.max_steps}" if config.max_steps is not None else ""
    first = TRIALS + 10_000 * config.repeat
    for label, number, source in arms(config, out, rounds):
        place = Path(out) / "evaluation" / f"by-hand-{len(told)}"
        told.append(
            f"  mosel eval --agent {source} --tasks {' '.join(env_ids(config.tasks))} "
            f"--episodes 50 --seed {first}{spread}{steps} --no-video --label '{label}' "
            f"--round {number} --rows {Path(out) / 'rows.jsonl'} --out {place}"
        )
    return "\n".join(
        ["To measure success on held-out seeds, the same for all (or add --evaluate 50):", *told]
    )
