"""Walks through a language plan: skill, arm transition, next skill, until nothing is left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mosel_gym.agents.executor import SkillExecutor
from mosel_gym.agents.plan_check import PlanCounts
from mosel_gym.errors import SpecMismatch
from mosel_gym.specs import RobotSpec
from mosel_gym.transition import TransitionConfig, TransitionController
from mosel_gym.types import Observation, SkillSegment

Stage = Literal["skill", "transition", "over"]


@dataclass(frozen=True)
class FollowerConfig:
    """What happens between skills."""

    home_after_last: bool = True
    """Also after the last skill the arm goes home, which shows the analyzer what it left behind."""
    min_retry_steps: int = 60
    """A missed skill is tried again from the home pose only if so many steps of its budget are
    left."""
    more_tries: int = 0
    """How often, after the plan, the skills that did not end as reached are begun once more, in the
    plan's order and with a new budget each. 0, as in the paper: the arms then rest, however many
    steps the episode still has."""

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            SpecMismatch: With the option's name.
        """
        if self.more_tries < 0:
            raise SpecMismatch(f"more_tries is {self.more_tries}; it must be at least 0.")


class PlanFollower:
    """One episode's state machine; it returns actions and remembers the segments.

    A retry from home is a segment of its own, so that a failed attempt never sits inside the
    segment of the successful one.
    """

    def __init__(
        self,
        executor: SkillExecutor,
        skills: tuple[str, ...],
        observation: Observation,
        config: FollowerConfig | None = None,
        transition: TransitionConfig | None = None,
        robot: RobotSpec | None = None,
    ) -> None:
        """Begin the first skill; the arm's pose in `observation` is the home pose of Appendix J."""
        proprio = observation["proprio"]
        self.config = config or FollowerConfig()
        self._executor = executor
        self._skills = skills
        self._planned = len(skills)  # what comes after them are further tries
        self._controller = TransitionController(proprio, transition, robot)
        self._segments: list[SkillSegment] = []
        self._at = 0  # index into the skills
        self._missed: list[str] = []  # since the plan, or the last round of further tries, began
        self._more_tries = self.config.more_tries
        self._time = 0  # actions returned so far
        self._since = 0  # when the current segment began
        self._again = False  # whether the skill was tried before
        self.stage: Stage = "over"
        if skills:
            self._start_skill(observation)

    @property
    def plans(self) -> PlanCounts:
        """Imagined plans so far, drawn and refused."""
        return self._executor.plans

    @property
    def skill(self) -> str | None:
        """The skill being carried out or prepared; None once the plan is over."""
        return None if self.stage == "over" else self._skills[min(self._at, len(self._skills) - 1)]

    def segments(self) -> tuple[SkillSegment, ...]:
        """All segments so far, the unfinished one included."""
        current = self._current()
        return (*self._segments, current) if current else tuple(self._segments)

    def act(self, observation: Observation, image_age: int = 0) -> NDArray[np.float32]:
        """The next action, float32 `[A]`; after the plan the arms hold still."""
        action = None
        while action is None:
            if self.stage == "skill":
                action = self._executor.act(observation, image_age)
                if action is None:
                    self._end_skill()
            elif self.stage == "transition":
                action = self._go_home(observation, image_age)
                if action is None:
                    self._end_transition(observation)
            else:
                action = self._controller.still(observation["proprio"])
        self._time += 1
        return action

    def _go_home(self, observation: Observation, image_age: int) -> NDArray[np.float32] | None:
        proprio = observation["proprio"]
        steps_left = self._controller.step < self._controller.config.max_steps
        # The next skill is imagined from the picture seen now: better wait for a new one.
        waits = image_age > 0 and self._at < len(self._skills) and steps_left
        if self._controller.finished(proprio) and not waits:
            return None
        return self._controller.act(proprio)

    def _start_skill(self, observation: Observation, budget: int | None = None) -> None:
        self.stage = "skill"
        self._executor.start(self._skills[self._at], observation, budget, self._again)

    def _end_skill(self) -> None:
        self._close_segment()
        self._budget_left = self._executor.budget - self._executor.steps
        again = self._executor.outcome == "missed" and self._executor.config.retry == "home"
        if not again or self._budget_left < self.config.min_retry_steps:
            if self._executor.outcome != "reached":
                self._missed.append(self._skills[self._at])
            self._at += 1
            self._budget_left = 0
            again = False
            if self._at == len(self._skills) and self._more_tries > 0:
                self._more_tries -= 1
                self._skills += tuple(self._missed)
                self._missed.clear()
        self._again = again or self._at >= self._planned
        over = self._at == len(self._skills)
        self.stage = "over" if over and not self.config.home_after_last else "transition"
        self._controller.reset()

    def _end_transition(self, observation: Observation) -> None:
        self._close_segment()
        if self._at == len(self._skills):
            self.stage = "over"
        else:
            self._start_skill(observation, self._budget_left or None)

    def _close_segment(self) -> None:
        current = self._current()
        if current:
            self._segments.append(current)
        self._since = self._time

    def _current(self) -> SkillSegment | None:
        if self._time == self._since or self.stage == "over" or self.skill is None:
            return None
        if self.stage == "transition":
            return SkillSegment(self.skill, self._since, self._time, "transition")
        imagined = self._executor.imagined
        followed = None if imagined is None else self._executor.followed
        return SkillSegment(self.skill, self._since, self._time, "skill", imagined, followed)
