"""UniPi: the whole task as one imagined video, and inverse dynamics that follow it; no planner.

Differences from UniPi's own paper (Du et al. 2023):

- Its video model has 1.7 billion parameters, a second one for more frames, and a large text
  encoder. Here it is the video planner of this package with a table of goal texts, trained on whole
  episodes (`mosel train video --whole-task`): it can imagine the goals that it was trained on.
- Its inverse dynamics is a small network from two frames to one action, carried out blindly. Here
  it is MOSEL's policy without a skill, which sees new pictures while it acts.
- As there, the plan is open loop: the task is imagined once, from the first picture, and never
  again. The training clips begin where tasks begin, so a picture from the middle of one would be
  like none of them.
- A frame counts as reached by the policy's own word, or is given up after `max_steps_per_frame`
  steps, at least a quarter more than its training horizon. The last frame is followed until the
  episode ends; there is no transition.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from mosel_gym.agents import base
from mosel_gym.agents.baselines.composed import Baseline
from mosel_gym.agents.baselines.reflection import not_judged
from mosel_gym.agents.config import ActingConfig
from mosel_gym.agents.planning.check import resolve_task
from mosel_gym.data.buffer import ReflectionBuffer
from mosel_gym.errors import InvalidPlan, SpecMismatch, UnknownId
from mosel_gym.models.goal_conditioned import GoalConditionedPolicy
from mosel_gym.registry import find_task
from mosel_gym.types import Episode, Observation, Reflection, Skill, Task, TaskPlan

WHOLE_EPISODE = 1_000_000
"""A budget in steps that no episode uses up."""


class WholeGoalPlanner:
    """Stands in for a task planner: the goal itself is the only step."""

    @property
    def name(self) -> str:
        """Named in every result."""
        return "whole-goal"

    def plan(
        self,
        task: Task,
        observation: Observation | None,
        history: Sequence[tuple[TaskPlan, str]] = (),
    ) -> TaskPlan:
        """The goal; there is no other plan.

        Raises:
            InvalidPlan: It has failed before, and another one is asked for.
        """
        if history:
            raise InvalidPlan(f"There is one plan without a task planner: {task.goal!r} at once.")
        return TaskPlan((task.goal,), "The whole goal at once; no task planner.", self.name)


class UniPiAgent(Baseline):
    """Video of the whole task and inverse dynamics; arguments as those of `Baseline`.

    Non-obvious behaviour:
        - Its episodes are one segment that is called by the goal. Analyzers of skills cannot judge
          it; `reflect` then says so, and that nobody judged.
        - S is not used; a goal text that the task tables do not know needs none.

    Raises:
        SpecMismatch: The policy wants to be told a skill.
    """

    kind: ClassVar[str] = "unipi"
    has_planner: ClassVar[bool] = False

    def __init__(
        self,
        video_planner: base.VideoPlanner,
        inverse_dynamics: base.InverseDynamics,
        config: ActingConfig | None = None,
        *,
        analyzer: base.VideoAnalyzer | None = None,
        buffer: ReflectionBuffer | str | Path | None = None,
    ) -> None:
        if isinstance(inverse_dynamics, GoalConditionedPolicy) and inverse_dynamics.config.skill_id:
            raise SpecMismatch(
                "UniPi has no skills, but this policy wants to be told one (skill_id=True). Train "
                "one without, with `mosel train policy --whole-task`."
            )
        config = _for_whole_tasks(config or ActingConfig(), inverse_dynamics)
        super().__init__(
            WholeGoalPlanner(),
            video_planner,
            inverse_dynamics,
            config,
            analyzer=analyzer,
            buffer=buffer,
        )

    def _resolved(self, task: Task | str, skills: Sequence[str | Skill] | None) -> Task:
        if isinstance(task, str) and not skills:
            try:
                return find_task(task)
            except UnknownId:
                return Task("custom", "custom", task, (), plan=())
        return resolve_task(task, skills)

    def _checked(self, plan: TaskPlan | Sequence[str], task: Task) -> TaskPlan:
        skills = tuple(plan.skills if isinstance(plan, TaskPlan) else plan)
        if skills != (task.goal,):
            raise InvalidPlan(
                f"{self.name} follows no plan of skills; it was given {list(skills)}. Its only "
                f"plan is the goal, {task.goal!r}: leave the plan out."
            )
        return self.task_planner.plan(task, None)

    def _watched(self, analyzer: base.VideoAnalyzer, episode: Episode) -> Reflection:
        try:
            return analyzer.analyze(episode)
        except (SpecMismatch, UnknownId) as error:
            why = f"{analyzer.name} judges skills and cannot judge the whole goal: {error}"
            return not_judged(self.name, why)


def _for_whole_tasks(config: ActingConfig, policy: base.InverseDynamics) -> ActingConfig:
    """One segment to the end of the episode, with time enough for every frame."""
    patience = config.executor.max_steps_per_frame
    if isinstance(policy, GoalConditionedPolicy):
        patience = max(patience, round(1.25 * policy.config.goal_horizon))
    executor = replace(
        config.executor,
        skill_budget=WHOLE_EPISODE,
        max_steps_per_frame=patience,
        hold_last_frame=True,
    )
    return replace(
        config, executor=executor, follower=replace(config.follower, home_after_last=False)
    )
