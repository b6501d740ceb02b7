"""Rounds of self-improvement, Algorithm 1 and Fig. 6: one agent, some tasks, a control beside it.

Each round lets the current agent act in all tasks, has its analyzer judge what it did, refines one
module from that, and keeps the result unless the analyzer finds it worse on seeds that nobody
learned from. Simulator truth is recorded for the report and decides nothing.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from mosel_gym.benchmark.arms import ArmJob, control_arm, improve_arm
from mosel_gym.benchmark.modules import check_modules
from mosel_gym.benchmark.provenance import read_json, write_json
from mosel_gym.benchmark.rounds_config import RoundsConfig
from mosel_gym.benchmark.rounds_episodes import Episodes, planner_of, robotwin
from mosel_gym.benchmark.rounds_state import Outcome, Round, RoundFolder, RoundsFolder, Standing
from mosel_gym.benchmark.rounds_train import decide, plans_arm, trained
from mosel_gym.benchmark.specs import PretrainedAgent, env_ids
from mosel_gym.benchmark.workers import Workers
from mosel_gym.registry import task_of

_TRAINING_SHARE = 12
"""An arm's training counts as so many episodes in the progress bar."""


def improve_rounds(
    config: RoundsConfig, out: str | Path, workers: int | None = None, *, progress: bool = True
) -> list[Round]:
    """Carry out the rounds that are not over yet.

    Killed at any moment and called again, it goes on in the stage where it was and ends with the
    same agents as if it had never stopped.

    Args:
        config: Agent, tasks and sizes.
        out: See `rounds_state`.
        workers: Processes, one core each; 1 runs here; None = 2, or 1 if a foundation model is
            asked.
        progress: Show a bar.

    Returns:
        All rounds, those of earlier calls included.

    Raises:
        SpecMismatch: Something is missing that was asked for.
        MoselError: The folder holds something else, or no episode of a task came to its end.
        BudgetReached, MissingKey: Of a foundation model; what was finished until then is kept.
    """
    folder, tasks, asked = begin(config, out)
    if workers is None or asked:
        workers = 1 if asked else 2  # so that all episodes share one budget
    done = folder.done()
    amount = _amount(config, tasks)
    with tqdm(
        total=config.rounds * amount, initial=min(len(done), config.rounds) * amount,
        unit="ep", disable=not progress, dynamic_ncols=True,
    ) as bar:  # fmt: skip
        if workers == 1:
            return _Rounds(config, folder, Episodes(config, tasks, 1, bar)).all(done)
        with Workers(workers) as pool:
            return _Rounds(config, folder, Episodes(config, tasks, pool, bar)).all(done)


def begin(config: RoundsConfig, out: str | Path) -> tuple[RoundsFolder, list[str], bool]:
    """Find out whether everything is there, and take the folder.

    Returns:
        The folder, the ids of the tasks, and whether foundation models are asked.

    Raises:
        As `improve_rounds`.
    """
    spec = PretrainedAgent(
        config.agent, config.analyzer, None, config.planner, config.llm, config.shown
    )
    asked = spec.asked()
    check_modules(config.planner, config.analyzer, config.llm, asked, config.shown)
    config.check_demos()
    folder, tasks = RoundsFolder(Path(out)), env_ids(config.tasks)
    folder.begin(config.identity() | {"tasks": tasks, "fingerprint": spec.fingerprint()})
    return folder, tasks, bool(asked)


def _amount(config: RoundsConfig, tasks: Sequence[str]) -> int:
    """Of a round, in episodes."""
    each = [len(config.rollout_seeds(1, robotwin(task))) + 2 * config.check for task in tasks]
    return sum(each) + 2 * _TRAINING_SHARE


class _Rounds:
    def __init__(self, config: RoundsConfig, folder: RoundsFolder, episodes: Episodes) -> None:
        self.config, self.folder, self.episodes = config, folder, episodes

    def all(self, done: list[Round]) -> list[Round]:
        """Every round up to the number that was asked for."""
        bar = self.episodes.bar
        for number in range(len(done) + 1, self.config.rounds + 1):
            before = bar.n
            done.append(self._round(number, done[-1].standing if done else Standing()))
            bar.update(before + _amount(self.config, self.episodes.tasks) - bar.n)
        if done:
            self.folder.link("agent", done[-1].standing.agent)
            self.folder.link("control", done[-1].standing.control)
        return done

    def _round(self, number: int, standing: Standing) -> Round:
        place = self.folder.round(number)
        source = self.folder.agent(standing.agent, self.config.agent)
        collected = place.once("rollouts", lambda: self._collected(number, source, place))
        decision, training = self._train(
            number, self._job(number, source, collected, place), standing, place
        )
        skipped = decision["skip"] or training["failed"]
        check: dict[str, Any] = {}
        if not skipped:
            refined = str(place.path / "agent")
            check = place.once(
                "check", lambda: self.episodes.check(number, source, refined, place.path)
            )
        outcome: Outcome = "skipped" if skipped else "rolled back" if check["worse"] else "kept"
        if outcome == "kept":
            control = number if training["control"] else standing.control
            standing = Standing(number, control, standing.kept + 1)
        shutil.rmtree(place.path / "clips", ignore_errors=True)
        found = Round(
            number=number,
            outcome=outcome,
            said=skipped or check["said"],
            module=decision["module"],
            reason=decision["reason"],
            standing=standing,
            rollouts=collected,
            decision=decision,
            training=training,
            check=check,
            recipe={} if skipped else _in_force(place.path / "agent", decision["module"]),
            seeds={
                "interactions": self.config.rollout_seeds(
                    self.config.collector_of(number), robotwin=True
                ).start,
                "check": self.config.check_seeds(number).start,
                "training": self.config.training_seed(number),
            },
            seconds=_seconds(collected, training, check),
            wall_s=place.wall_s(),
        )
        write_json(place.path / "round.json", found)
        return found

    def _collected(self, number: int, source: str, place: RoundFolder) -> dict[str, Any]:
        collector = self.config.collector_of(number)
        if collector == number:
            return self.episodes.collect(number, source, place.path)
        earlier: dict[str, Any] = read_json(self.folder.round(collector).path / "rollouts.json")
        return earlier | {"collected_by": collector, "seconds": {"acting": 0.0, "judging": 0.0}}

    def _job(
        self, number: int, source: str, collected: dict[str, Any], place: RoundFolder
    ) -> ArmJob:
        config, collector = self.config, self.config.collector_of(number)
        earlier = {config.collector_of(k) for k in range(1, number)} - {collector}
        buffers = [str(self.folder.round(k).path / "buffer") for k in sorted(earlier)]
        return ArmJob(
            base=source,
            goal=task_of(self.episodes.tasks[0]).goal,
            buffer=str(self.folder.round(collector).path / "buffer"),
            earlier=tuple(buffers) if config.accumulate else (),
            demos=None if config.demos is None else str(config.demos),
            out=str(place.path / "agent"),
            target=config.target_of(number),
            steps=config.steps,
            planner=planner_of(config, source),
            llm=config.llm,
            seed=config.training_seed(number),
            recipe=config.recipe,
            skills=None if config.replay_all else tuple(collected["skills"]),
            store=str(place.path / "clips"),
            demo_store=str(self.folder.path / "clips"),
            device=config.device,
        )

    def _train(
        self, number: int, job: ArmJob, standing: Standing, place: RoundFolder
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Who is at fault, and what training came to; the latter only fails if it is skipped."""

        def decided(language_over: str = "") -> Any:
            self.episodes.bar.set_description(f"round {number}: who was at fault")
            return self._submit([(decide, job, number - 1, language_over)])[0]

        decision = place.once("decision", decided)
        if decision["skip"]:
            return decision, {"improved": None, "control": None, "failed": decision["skip"]}
        training = place.once(
            "training", lambda: self._arms(number, job, decision, standing, place)
        )
        if decision["module"] == "language" and job.target == "auto" and training["failed"]:
            # The planner has no other plan: on to the module that comes next. In this order, a run
            # that is killed in between asks once more for a plan, or begins with the new decision.
            again = decided(training["failed"])
            (place.path / "training.json").unlink()
            write_json(place.path / "decision.json", again)
            return self._train(number, job, standing, place)
        return decision, training

    def _arms(
        self,
        number: int,
        job: ArmJob,
        decision: dict[str, Any],
        standing: Standing,
        place: RoundFolder,
    ) -> dict[str, Any]:
        """Train the agent and, beside it, its control."""
        module = decision["module"]
        self.episodes.bar.set_description(f"round {number}: training, {module}")
        jobs: list[tuple[Any, ...]]
        if module == "language":
            jobs = [(trained, plans_arm, job, tuple(decision["goals"]))]
        else:
            job = replace(job, target=module)
            jobs = [(trained, improve_arm, job)]
        if module != "language" and self.config.control:
            base = self.folder.control(standing.control, self.config.agent)
            out, planner = str(place.path / "control"), planner_of(self.config, base)
            beside = replace(job, base=base, out=out, planner=planner)
            jobs.append((trained, control_arm, beside))
        done = self._submit(jobs)
        self.episodes.bar.update(2 * _TRAINING_SHARE)
        control = done[1] if len(done) > 1 else {"report": None, "failed": ""}
        return {
            "improved": done[0]["report"],
            "failed": done[0]["failed"],
            "control": control["report"],
            "control_failed": control["failed"],
        }

    def _submit(self, jobs: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Calls, beside each other where there are processes for that."""
        workers = self.episodes.workers
        if not isinstance(workers, Workers):
            return [function(*arguments) for function, *arguments in jobs]
        futures = [workers.submit(function, *arguments) for function, *arguments in jobs]
        return [future.result() for future in futures]


def _in_force(agent: Path, module: str) -> dict[str, Any]:
    """The numbers that the module was refined with, as the refined agent's own file has them."""
    if module not in ("video", "policy"):
        return {}
    config = read_json(agent / "agent.json")["config"][module]
    names = (
        "alpha",
        "margin",
        "demo_fraction",
        "failed_fraction",
        "failed_goal",
        "balance",
        "old_share",
    )
    loop = {name: config["loop"][name] for name in ("steps", "batch_size", "lr", "seed")}
    return {name: config[name] for name in names if name in config} | loop


def _seconds(
    collected: dict[str, Any], training: dict[str, Any], check: dict[str, Any]
) -> dict[str, float]:
    """By stage, summed over processes."""
    found = {
        "interactions": collected["seconds"]["acting"],
        "judging": collected["seconds"]["judging"],
        "training": (training["improved"] or {}).get("seconds", 0.0),
        "control": (training["control"] or {}).get("seconds", 0.0),
        "check": sum(check["seconds"].values()) if check else 0.0,
    }
    return {name: round(value, 2) for name, value in found.items()}
