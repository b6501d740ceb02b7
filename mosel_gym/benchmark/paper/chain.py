"""The improvement of one task, round after round, with the control beside every round.

runs/paper/<task>/repeat-<k>/
    settings.json               what it was begun with
    round-<r>/rollouts, buffer  interactions of the agent before the round
    agents/<label>              what came of the rounds, controls included
    trials/<label>              episodes of trials
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mosel_gym.benchmark.arms import (
    ArmJob,
    control_arm,
    improve_arm,
    language_arm,
    stored_report,
)
from mosel_gym.benchmark.paper.config import PaperConfig
from mosel_gym.benchmark.paper.labels import (
    CONTROL,
    MOSEL,
    NO_IDENTIFICATION,
    chain_label,
    is_control,
    targets_of,
)
from mosel_gym.benchmark.provenance import plain, read_json, write_json
from mosel_gym.benchmark.specs import PretrainedAgent
from mosel_gym.data.buffer import ReflectionBuffer
from mosel_gym.errors import MoselError, NotEnoughData
from mosel_gym.registry import task_of

if TYPE_CHECKING:
    from mosel_gym.benchmark.paper.runner import Runner

_SETTINGS = (
    "steps", "planner", "analyzer", "layout_spread_m", "max_steps", "rollout_render_every",
    "settle", "hold", "shown",
)  # fmt: skip
"""Of the config: what the interactions and the agents depend on."""


@dataclass
class Chain:
    """One repetition on one task; every part of it is made when it is first asked for.

    Args:
        runner: Runs episodes and trainings.
        env_id: The task.
        repeat: Number of the repetition.
    """

    runner: Runner
    env_id: str
    repeat: int

    def __post_init__(self) -> None:
        """Nothing is made yet."""
        self._failed: dict[str, MoselError] = {}
        self._collected: set[int] = set()

    @property
    def folder(self) -> Path:
        """Of everything below."""
        return self.runner.task_folder(self.env_id) / f"repeat-{self.repeat}"

    @property
    def base(self) -> str:
        """The agent before any round; errors as those of `Roster.source`."""
        return self.runner.roster.source(MOSEL, self.env_id)

    def settings(self) -> dict[str, Any]:
        """What the agents of this chain depend on."""
        config = self.runner.config
        found = {name: plain(getattr(config, name)) for name in _SETTINGS}
        found["interactions"] = self.runner.interactions(self.env_id)
        found["demonstrations"] = "given" if config.demos else config.demo_episodes
        found["base"] = self.runner.roster.mosel(self.base).fingerprint()
        return found

    def source(self, label: str) -> str:
        """Folder of the agent behind a label, which is made if need be.

        Raises:
            MoselError: It cannot be made; says why. A chain with other settings lies there.
        """
        if label in self._failed:
            raise self._failed[label]
        try:
            return self._source(label)
        except MoselError as error:
            if type(error) is not MoselError:  # that one stops the command, and is no gap
                self._failed[label] = error
            raise

    def spec(self, label: str) -> PretrainedAgent:
        """The recipe of the agent behind a label; errors as those of `source`."""
        return self.runner.roster.mosel(self.source(label), refined=bool(targets_of(label)))

    def interactions(self, done: int) -> Path:
        """Folder of the interactions of the agent that has `done` rounds behind it.

        Raises:
            MoselError: That agent cannot be made.
        """
        place = self.folder / f"round-{done + 1}"
        if done not in self._collected:
            label = chain_label(self._targets(done))
            self.runner.collect_interactions(self, label, done, place)
            self._collected.add(done)
        return place / "buffer"

    def known_fingerprint(self, label: str) -> str | None:
        """Of an agent that was made earlier from the same base with the same settings."""
        noted = self.runner.store.notes.chain(self.env_id, self.repeat)
        if noted.get("settings") != self.settings():
            return None
        found = noted.get("agents", {}).get(label)
        return None if found is None else str(found)

    def _source(self, label: str) -> str:
        targets = targets_of(label)
        assert targets is not None, f"{label} is no agent of the chain"
        if not targets:
            return self.base
        self._check_settings()
        out = self.folder / "agents" / slug(label)
        if stored_report(out) is None:
            if is_control(label):
                self._control(label, targets, out)
            else:
                self._improved(label, targets, out)
        self._note(label, out)
        return str(out)

    def _improved(self, label: str, targets: tuple[str, ...], out: Path) -> None:
        before = self.source(chain_label(targets[:-1]))
        buffer = self.interactions(len(targets) - 1)
        if label.endswith(NO_IDENTIFICATION):
            buffer = all_successes(buffer, self.folder / f"round-{len(targets)}" / "unidentified")
        demos = self._demos()
        job = self._job(before, targets, out)
        jobs: list[tuple[Callable[..., Any], ArmJob]] = []
        arm = language_arm if targets[-1] == "language" else improve_arm
        jobs.append((arm, replace(job, buffer=str(buffer), demos=demos)))
        beside = label + CONTROL
        side = self.folder / "agents" / slug(beside)
        wanted = self.runner.controls and self._has_control(label, targets)
        if demos and wanted and stored_report(side) is None:
            # Both take as long as each other: one process each.
            with suppress(MoselError):  # told when the control is asked for
                start = self.source(self._before_control(targets))
                jobs.append((control_arm, replace(self._job(start, targets, side), demos=demos)))
        self.runner.train(jobs, f"{self.env_id}: {label}")

    def _control(self, label: str, targets: tuple[str, ...], out: Path) -> None:
        demos = self._demos()
        if demos is None:
            raise NotEnoughData(
                f"no demonstrations for the control: give --demos FOLDER with {self.env_id}/ in "
                "it; the scripted expert made none that succeeded"
            )
        start = self.source(self._before_control(targets))
        job = replace(self._job(start, targets, out), demos=demos)
        self.runner.train([(control_arm, job)], f"{self.env_id}: {label}")

    def _job(self, base: str, targets: tuple[str, ...], out: Path) -> ArmJob:
        config: PaperConfig = self.runner.config
        target: Any = targets[-1]
        return ArmJob(
            base=base,
            goal=task_of(self.env_id).goal,
            buffer="",
            demos=None,
            out=str(out),
            target=target,
            steps=config.steps,
            # Later it is stored in the agent, with the plan that it arrived at.
            planner=config.planner if len(targets) == 1 else "stored",
            llm=config.llm,
            seed=100 * self.repeat + len(targets) - 1,
        )

    def _before_control(self, targets: tuple[str, ...]) -> str:
        """The agent that a control goes on from: the last control, if a network was trained yet."""
        earlier = targets[:-1]
        trained = any(target != "language" for target in earlier)
        return chain_label(earlier) + (CONTROL if trained else "")

    def _has_control(self, label: str, targets: tuple[str, ...]) -> bool:
        return targets[-1] != "language" and not label.endswith(NO_IDENTIFICATION)

    def _demos(self) -> str | None:
        return self.runner.demonstrations(self.env_id, self.base)

    def _targets(self, done: int) -> tuple[str, ...]:
        return self.runner.chain_targets(self.env_id)[:done]

    def _check_settings(self) -> None:
        """Insist on a folder that is new, or was begun like this."""
        path, mine = self.folder / "settings.json", self.settings()
        if not path.exists():
            write_json(path, mine)
            return
        stored = read_json(path)
        other = [name for name in mine if stored.get(name) != mine[name]]
        if other:
            raise MoselError(
                f"{self.folder} holds an improvement with other settings ({', '.join(other)} "
                "differ). Add --fresh to begin anew, or give other folders with --out and "
                "--results."
            )

    def _note(self, label: str, out: Path) -> None:
        notes, settings = self.runner.store.notes, self.settings()
        known = notes.chain(self.env_id, self.repeat)
        agents = known.get("agents", {}) if known.get("settings") == settings else {}
        prints = agents | {label: self.runner.roster.mosel(str(out), refined=True).fingerprint()}
        notes.put_chain(self.env_id, self.repeat, {"settings": settings, "agents": prints})


def slug(label: str) -> str:
    """A label as a folder's name."""
    return re.sub(r"[^a-z0-9]+", "-", label.lower()).strip("-")


def all_successes(buffer: Path, folder: Path) -> Path:
    """The same episodes with every skill taken as a success: refinement without identification."""
    source, made = ReflectionBuffer(buffer), ReflectionBuffer(folder)
    if len(made) >= len(source):
        return folder
    for path, said in zip(source.episodes(), source.reflections(), strict=True):
        verdicts = tuple(replace(row, success=True, reason="not judged") for row in said.verdicts)
        blind = replace(
            said,
            success=True,
            verdicts=verdicts,
            fault="none",
            failed_skill=None,
            rationale="not judged",
            analyzer="none: every skill counts as a success",
            privileged=False,
        )
        made.add(source.load(path), blind, file=path)
    return folder
