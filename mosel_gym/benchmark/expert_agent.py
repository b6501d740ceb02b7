"""PRIVILEGED: an agent that plans and reflects like any other, and acts as the scripted expert.

It shows what a plan is worth apart from what a policy can do. The planner sees pictures and words
only, the analyzer what analyzers see; but the arms are moved with simulator truth, and the agent's
name and every result say so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from mosel_gym.agents.base import TaskPlanner, VideoAnalyzer
from mosel_gym.agents.improvement.evidence import Evidence, Memory
from mosel_gym.agents.improvement.language import History, refine_plan
from mosel_gym.agents.planning.check import checked_plan, resolve_task
from mosel_gym.agents.trace import Trace
from mosel_gym.data.buffer import ReflectionBuffer
from mosel_gym.envs.base import LongHorizonEnv
from mosel_gym.envs.expert_episode import skill_actions, transition_actions
from mosel_gym.errors import MoselError, SpecMismatch
from mosel_gym.types import (
    Episode,
    ImproveReport,
    Observation,
    Reflection,
    SkillSegment,
    Target,
    Task,
    TaskPlan,
)


class ExpertAgent:
    """Task planner and video analyzer of your choice, with the scripted expert between them.

    Non-obvious behaviour:
        - It needs the environment itself: `bind(env)` before each `reset`, as `run_episode` does.
        - A skill that cannot be carried out, as with a tool in the wrong hand, is tried all the
          same and ends without its sub-goal; the plan goes on after it, as the paper's does.
        - Between two skills the arms go home (Appendix J). After the last one they stay where they
          are, as in the demonstrations: a full dustpan should not be carried about.

    Args:
        task_planner: Writes the plan at the first `act`, when there is a picture.
        analyzer: Reflects.
        buffer: Folder of a `ReflectionBuffer` that every reflection goes into; None keeps the
            last one in memory.
    """

    privileged = True

    def __init__(
        self,
        task_planner: TaskPlanner,
        analyzer: VideoAnalyzer,
        *,
        buffer: ReflectionBuffer | str | Path | None = None,
    ) -> None:
        self.task_planner = task_planner
        self.analyzer = analyzer
        self.buffer = ReflectionBuffer(buffer) if isinstance(buffer, str | Path) else buffer
        self.plans: dict[str, TaskPlan] = {}
        """Goal text -> the plan that language refinement arrived at; `reset` starts from it."""
        self.history: dict[str, History] = {}
        self.rounds = 0
        """Improvement rounds done."""
        self.task: Task | None = None
        self.plan: TaskPlan | None = None
        self._env: LongHorizonEnv | None = None
        self._trace: Trace | None = None
        self._last: tuple[Episode, Reflection] | None = None

    @property
    def name(self) -> str:
        """Its modules, and that it is privileged; results carry it."""
        return f"expert(privileged; {self.task_planner.name}, {self.analyzer.name})"

    def bind(self, env: gym.Env[Any, Any]) -> None:
        """Take the environment whose state the expert reads.

        Raises:
            SpecMismatch: It is not one of this package, so that no expert knows it.
        """
        inner = env.unwrapped
        if not isinstance(inner, LongHorizonEnv):
            raise SpecMismatch(
                f"The scripted expert knows the environments of this package; {inner} is none. "
                "`mosel list` names them."
            )
        self._env = inner

    def reset(
        self,
        task: Task | str,
        skills: Sequence[str] | None = None,
        plan: TaskPlan | Sequence[str] | None = None,
        *,
        seed: int | None = None,
    ) -> None:
        """Begin an episode; arguments as those of `MoselAgent.reset`.

        Raises:
            MoselError: There is no environment yet.
            UnknownId: The tables do not know the goal text, and no `skills` were given.
            InvalidPlan: `plan` is empty or uses a skill outside S.
        """
        env = self._bound()
        self.task = resolve_task(task, skills)
        self.plan = None if plan is None else checked_plan(plan, self.task)
        self._trace = Trace(self.task, {"agent": self.name}, env.robot)
        self._actions: Iterator[NDArray[np.float32]] | None = None
        self._segments: list[SkillSegment] = []
        self._time = 0
        self._last = None

    def act(
        self, observation: Observation, info: Mapping[str, Any] | None = None
    ) -> NDArray[np.float32]:
        """The expert's next action, float32 `[A]`; when the plan is over the arms hold still."""
        trace = self._open_trace()
        trace.see(observation, info)
        if self._actions is None:
            self._actions = self._carry_out(self._planned(trace.last_row))
        action = next(self._actions)
        trace.did(action)
        self._time += 1
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
        if self._trace is None or self._actions is None:
            raise MoselError("There is no episode yet: call `reset(task)`, then `act` in a loop.")
        return self._trace.episode(self.plan, tuple(self._segments))

    def reflect(self, episode: Episode | None = None) -> Reflection:
        """What failed, which skill, and why (section 3.4); asked again, it says the same again."""
        if episode is None and self._last is not None:
            return self._last[1]
        episode = self.episode if episode is None else episode
        reflection = self.analyzer.analyze(episode)
        self._last = (episode, reflection)
        if self.buffer is not None:
            self.buffer.add(episode, reflection, round=self.rounds)
        return reflection

    def improve(
        self, buffer: ReflectionBuffer | Memory | None = None, target: Target = "auto"
    ) -> ImproveReport:
        """Write a new plan from episodes that failed; the next `reset` starts from it.

        Args:
            buffer: Reflected episodes; None takes the last one.
            target: "language" or "auto"; there is nothing else to refine.

        Raises:
            SpecMismatch: Another target: an expert has no networks.
            NotEnoughData: No episode of this goal failed.
            InvalidPlan: The task planner has no further plan.
        """
        if target not in ("language", "auto"):
            raise SpecMismatch(
                f"target is {target!r}; the scripted expert has no networks, so only 'language' "
                "can be refined."
            )
        if self.task is None:
            raise MoselError("Refining the language plan needs a task: call `reset(task)` first.")
        last = [] if self._last is None else [self._last]
        evidence = Evidence(last if buffer is None else buffer)
        evidence.require_episodes(0)
        goal = self.task.goal
        plan, history = refine_plan(
            self.task, evidence, self.task_planner, self.history.get(goal, [])
        )
        self.plans[goal], self.history[goal] = plan, history
        self.rounds += 1
        accepted, rejected = evidence.counts()
        return ImproveReport(
            target="language",
            reason="The expert's plan is all that can be refined.",
            episodes=len(evidence.reflections()),
            accepted=accepted,
            rejected=rejected,
            plan=plan,
            analyzer=self.analyzer.name,
        )

    def _planned(self, observation: Observation) -> tuple[str, ...]:
        assert self.task is not None
        if self.plan is None:
            self.plan = self.plans.get(self.task.goal) or self.task_planner.plan(
                self.task, observation, self.history.get(self.task.goal, ())
            )
        return checked_plan(self.plan, self.task).skills

    def _carry_out(self, skills: tuple[str, ...]) -> Iterator[NDArray[np.float32]]:
        """Actions without end; each is computed from the state that the one before led to."""
        env = self._bound()
        home = env._proprio()
        for number, skill in enumerate(skills):
            if number:
                yield from self._segment(skill, "transition", transition_actions(env, home))
            yield from self._segment(skill, "skill", skill_actions(env, skill))
        while True:
            yield env.robot.still(env._proprio(), "keep")

    def _segment(
        self, skill: str, kind: Any, actions: Iterator[NDArray[np.float64]]
    ) -> Iterator[NDArray[np.float32]]:
        start = self._time
        self._segments.append(SkillSegment(skill, start, start, kind))
        for action in actions:
            # Known before the step: an episode that ends here has this action in its segment.
            self._segments[-1] = SkillSegment(skill, start, self._time + 1, kind)
            yield action.astype(np.float32)
        if self._segments[-1].stop == start:  # nothing was left to do
            self._segments.pop()

    def _bound(self) -> LongHorizonEnv:
        if self._env is None:
            raise MoselError(
                "The expert acts on simulator truth: call `agent.bind(env)` before `reset`."
            )
        return self._env

    def _open_trace(self) -> Trace:
        if self._trace is None:
            raise MoselError('Call `reset(task)` first, for example `agent.reset(info["task"])`.')
        if self._trace.finished:
            raise MoselError("This episode was finished; call `reset(task)` to begin the next one.")
        return self._trace
