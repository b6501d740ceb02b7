"""The half of an agent that acts: a plan, imagined frames, actions, and the record of them.

`MoselAgent` adds reflection and improvement to it; the baselines of section 4.1 do without.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mosel_gym.agents import base
from mosel_gym.agents.config import ActingConfig
from mosel_gym.agents.contract import check_parts, check_robot
from mosel_gym.agents.executor import SkillExecutor
from mosel_gym.agents.follower import PlanFollower
from mosel_gym.agents.plan_check import NOTE
from mosel_gym.agents.planning.check import checked_plan, resolve_task
from mosel_gym.agents.sb3 import Sb3Predict
from mosel_gym.agents.trace import Trace
from mosel_gym.errors import MoselError
from mosel_gym.specs import robot as find_robot
from mosel_gym.types import Episode, Observation, Skill, Task, TaskPlan


class ActingAgent(Sb3Predict):
    """Task planner, video planner and inverse dynamics, and the loop through an episode.

    Args:
        task_planner: Section 3.1.
        video_planner: Section 3.2.
        inverse_dynamics: Section 3.3.
        config: Numbers.
        judge: Asked while a skill is carried out; None asks nobody.

    Raises:
        SpecMismatch: The networks and the config name different robots or scene cameras.
    """

    def __init__(
        self,
        task_planner: base.TaskPlanner,
        video_planner: base.VideoPlanner,
        inverse_dynamics: base.InverseDynamics,
        config: ActingConfig,
        judge: base.SkillJudge | None = None,
    ) -> None:
        self.task_planner = task_planner
        self.video_planner = video_planner
        self.inverse_dynamics = inverse_dynamics
        self.robot = find_robot(config.robot)
        check_parts(config, video_planner, inverse_dynamics)
        self.judge = judge
        self.card: dict[str, Any] = {}
        self.task: Task | None = None
        self.plan: TaskPlan | None = None
        self._trace: Trace | None = None
        self._follower: PlanFollower | None = None

    @property
    @abstractmethod
    def name(self) -> str:
        """Kind and modules; results carry it."""

    @property
    @abstractmethod
    def acting_config(self) -> ActingConfig:
        """Numbers of the next episode."""

    def reset(
        self,
        task: Task | str,
        skills: Sequence[str | Skill] | None = None,
        plan: TaskPlan | Sequence[str] | None = None,
        *,
        seed: int | None = None,
    ) -> None:
        """Begin an episode.

        Args:
            task: A task, or a goal text. A text that the task tables know brings its own S.
            skills: S; needed for any other text, and overrides the tables' where given.
            plan: Carry this out, in place of what the task planner would write.
            seed: Of the networks' sampling noise in this episode; None = `config.seed`.

        Raises:
            UnknownId: The tables do not know the goal text, and no `skills` were given.
            InvalidPlan: `plan` is empty or uses a skill outside S.
        """
        self.task = self._resolved(task, skills)
        self._given_plan = None if plan is None else self._checked(plan, self.task)
        self.plan = self._given_plan
        self._seed = self.acting_config.seed if seed is None else seed
        for network in (self.video_planner, self.inverse_dynamics):
            if hasattr(network, "reset"):
                network.reset(self._seed)
        self._trace = Trace(self.task, {"agent": self.name}, self.robot)
        self._follower = None

    def restart(self) -> None:
        """Begin the next episode with the arguments of the last `reset`."""
        if self.task is not None:
            self.reset(self.task, plan=self._given_plan, seed=self._seed)

    def act(
        self, observation: Observation, info: Mapping[str, Any] | None = None
    ) -> NDArray[np.float32]:
        """The next action, float32 `[A]`; when the plan is over the arms hold still.

        Raises:
            MoselError: `reset` was not called, or the episode was finished.
            SpecMismatch: The environment has another robot than the agent, or the observation is
                not what the networks need.
        """
        trace = self._open_trace()
        check_robot(self.robot.name, info)
        age = trace.see(observation, info)
        row = trace.last_row
        if self._follower is None:
            self._follower = self._begin(row)
        action = self._follower.act(row, age)
        trace.did(action)
        return action

    def finish(self, observation: Observation, info: Mapping[str, Any] | None = None) -> None:
        """Record what the last action led to; call it once after the loop."""
        trace = self._open_trace()
        trace.see(observation, info)
        trace.finished = True

    @property
    def episode(self) -> Episode:
        """The trace so far.

        Raises:
            MoselError: There is none yet.
        """
        if self._trace is None or self._follower is None:
            raise MoselError("There is no episode yet: call `reset(task)`, then `act` in a loop.")
        if self._follower.plans.drawn:
            self._trace.note(NOTE, json.dumps(self._follower.plans.plain()))
        return self._trace.episode(self.plan, self._follower.segments())

    def _resolved(self, task: Task | str, skills: Sequence[str | Skill] | None) -> Task:
        return resolve_task(task, skills)

    def _checked(self, plan: TaskPlan | Sequence[str], task: Task) -> TaskPlan:
        return checked_plan(plan, task)

    def _written_plan(self, task: Task, observation: Observation) -> TaskPlan:
        """What the agent plans by itself from the first observation."""
        return self.task_planner.plan(task, observation)

    def _begin(self, observation: Observation) -> PlanFollower:
        assert self.task is not None
        if self.plan is None:
            self.plan = self._written_plan(self.task, observation)
        config = self.acting_config
        executor = SkillExecutor(
            self.video_planner, self.inverse_dynamics, self._asked_judge(), config.executor
        )
        plan = self._checked(self.plan, self.task)
        return PlanFollower(
            executor, plan.skills, observation, config.follower, config.transition, self.robot
        )

    def _asked_judge(self) -> base.SkillJudge | None:
        """Who is asked while a skill is carried out."""
        return self.judge

    def _open_trace(self) -> Trace:
        if self._trace is None:
            raise MoselError('Call `reset(task)` first, for example `agent.reset(info["task"])`.')
        if self._trace.finished:
            raise MoselError("This episode was finished; call `reset(task)` to begin the next one.")
        return self._trace
