"""The episodes of a round: interactions that are judged and learned from, and the check."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from mosel_gym.benchmark.execution import ExecutedAgent, Execution
from mosel_gym.benchmark.metrics import share
from mosel_gym.benchmark.paper.roster import arguments
from mosel_gym.benchmark.provenance import plain
from mosel_gym.benchmark.results import EpisodeResult, add_up
from mosel_gym.benchmark.rollouts import Keep, rollouts
from mosel_gym.benchmark.rounds_check import compare_judged
from mosel_gym.benchmark.rounds_config import RoundsConfig
from mosel_gym.benchmark.specs import PretrainedAgent
from mosel_gym.benchmark.workers import Workers
from mosel_gym.errors import MoselError

Results = Mapping[str, Sequence[EpisodeResult]]
"""By task."""


@dataclass
class Episodes:
    """Runs them, over processes, and never one that is on disk.

    Args:
        config: How.
        tasks: Environment ids.
        workers: Processes, or a pool that stays open; 1 runs here.
        bar: A progress bar of episodes.
    """

    config: RoundsConfig
    tasks: Sequence[str]
    workers: Workers | int
    bar: Any

    def collect(self, number: int, source: str, place: Path) -> dict[str, Any]:
        """The interactions of round `number`, into `place/buffer`; gives what they came to.

        Raises:
            MoselError: No episode of a task came to its end.
        """
        buffer = place / "buffer"
        agent = replace(self.agent(source), buffer=str(buffer.resolve()))
        results = {task: self._interactions(number, agent, task, place) for task in self.tasks}
        every = _all(results)
        fine = [row for row in every if row.status == "ok"]
        size = _bytes(buffer)
        return {
            "episodes": len(every),
            "broken": len(every) - len(fine),
            "unjudged": sum(row.judged_success is None for row in fine),
            **_rates(fine),
            "tasks": {task: _rates(rows) for task, rows in results.items()},
            "skills": list(dict.fromkeys(skill for row in fine for skill in row.plan)),
            "analyzer": next((row.analyzer for row in fine if row.analyzer), ""),
            "privileged": any(row.privileged for row in fine),
            "models": add_up(row.models for row in every),
            "seconds": _seconds(every),
            "bytes": size,
            "bytes_per_episode": round(size / max(1, len(fine))),
        }

    def _interactions(
        self, number: int, agent: PretrainedAgent, task: str, place: Path
    ) -> list[EpisodeResult]:
        """Of one task; every second one explores, where that was asked for."""
        seeds, explore = self.config.rollout_seeds(number, robotwin(task)), self.config.explore
        text, folder = f"round {number}: interactions", place / "rollouts" / task
        if explore is None:
            return self._run(agent, task, seeds, folder, text)
        exploring = ExecutedAgent(agent, Execution(temperature=explore))
        wide = folder.with_name(f"{task}-exploring")
        return [
            *self._run(agent, task, seeds[::2], folder, text),
            *self._run(exploring, task, seeds[1::2], wide, f"{text}, exploring,"),
        ]

    def check(self, number: int, before: str, after: str, place: Path) -> dict[str, Any]:
        """Compare two agents on the check seeds of round `number`; see `rounds_check`.

        Raises:
            MoselError: No episode of a task came to its end.
        """
        arms: dict[str, Results] = {}
        for name, source in (("before", before), ("after", after)):
            arms[name] = {
                task: self._run(
                    self.agent(source),
                    task,
                    self.config.check_seeds(number),
                    place / "check" / name / task,
                    f"round {number}: check {name},",
                )
                for task in self.tasks
            }
        found = compare_judged(arms["before"], arms["after"], self.config.check_p)
        every = [row for results in arms.values() for row in _all(results)]
        return asdict(found) | {
            "truth": {name: _rates(_all(results))["truth"] for name, results in arms.items()},
            "broken": sum(row.status == "error" for row in every),
            "seconds": _seconds(every),
        }

    def agent(self, source: str) -> PretrainedAgent:
        """The recipe of an agent: the planner that was asked for is, after a round, its own."""
        config = self.config
        planner = planner_of(config, source)
        return PretrainedAgent(source, config.analyzer, None, planner, config.llm, config.shown)

    def _run(
        self,
        agent: PretrainedAgent | ExecutedAgent,
        task: str,
        seeds: Sequence[int],
        place: Path,
        text: str,
    ) -> list[EpisodeResult]:
        """Episodes of one task; a few go ahead, to see whether the others can."""
        config, workers = self.config, self.workers
        kwargs = arguments(
            task,
            agent.source,
            success_hold=max(config.hold, config.settle),
            max_steps=config.max_steps,
            render_every=config.render_every,
            layout_spread_m=config.layout_spread_m or None,
        )
        self.bar.set_description(f"{text} {task.removeprefix('MOSEL-')}")

        def run(some: Sequence[int]) -> list[EpisodeResult]:
            return rollouts(
                agent, task, kwargs, some, workers, place, False,
                keep=Keep(hold=config.hold), on_result=lambda result: self.bar.update(),
            )  # fmt: skip

        ahead = run(seeds[: workers.count if isinstance(workers, Workers) else 1])
        if ahead and all(row.status == "error" for row in ahead):
            raise MoselError(
                f"No episode of {task} with {agent.source} came to its end. The first one "
                f"(seed {ahead[0].seed}): {ahead[0].error.strip()}"
            )
        return run(seeds)


def planner_of(config: RoundsConfig, source: str) -> str:
    """Who plans for an agent: the planner that was asked for, until a round has stored it."""
    return config.planner if source == config.agent else "stored"


def robotwin(task: str) -> bool:
    """Whether a task is RoboTwin's."""
    return "RoboTwin" in task


def _all(results: Results) -> list[EpisodeResult]:
    return [row for rows in results.values() for row in rows]


def _rates(rows: Iterable[EpisodeResult]) -> dict[str, Any]:
    """What the analyzer said, and the simulator's truth, which decides nothing."""
    fine = [row for row in rows if row.status == "ok"]
    return {
        "judged": plain(share(row.judged_success for row in fine)),
        "truth": plain(share(row.success for row in fine)),
    }


def _seconds(rows: Sequence[EpisodeResult]) -> dict[str, float]:
    """Summed over processes."""
    parts = add_up(row.seconds for row in rows)
    judging = parts.pop("judging", 0.0)
    return {"acting": round(sum(parts.values()), 3), "judging": round(judging, 3)}


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
