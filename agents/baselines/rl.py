"""Any stable-baselines3 model as an agent: it acts, and has no plan, no judge and no improvement.

The row "VLA-RL" of Table 1 and whatever was learned from scratch go through here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from mosel_gym.agents.base import TaskPlanner, VideoAnalyzer
from mosel_gym.agents.baselines.reflection import not_judged
from mosel_gym.agents.baselines.rl_views import View, inner_env
from mosel_gym.agents.contract import check_robot
from mosel_gym.agents.planning.check import resolve_task
from mosel_gym.agents.sb3 import Sb3Predict
from mosel_gym.agents.trace import Trace
from mosel_gym.data.buffer import ReflectionBuffer
from mosel_gym.envs.base import LongHorizonEnv
from mosel_gym.errors import (
    InvalidPlan,
    MissingLibrary,
    MoselError,
    SpecMismatch,
    UnknownId,
)
from mosel_gym.registry import find_task
from mosel_gym.specs import robot as find_robot
from mosel_gym.types import (
    Episode,
    ImproveReport,
    Observation,
    Reflection,
    Skill,
    SkillSegment,
    Target,
    Task,
    TaskPlan,
)

try:
    from stable_baselines3.common.base_class import BaseAlgorithm
    from stable_baselines3.common.policies import BasePolicy

    from mosel_gym.agents.baselines.rl_stored import StoredPolicy, load_policy, save_policy
except ImportError as error:  # pragma: no cover  # the extra is installed where tests run
    raise MissingLibrary(
        "An agent of the kind 'rl' needs stable-baselines3, which is not installed: "
        "`pip install mosel-gym[rl]`."
    ) from error


class RLAgent(Sb3Predict):
    """One network from observation to actions.

    Example:
        agent = RLAgent(model, view=view)  # model: PPO, SAC, ... trained in ViewEnv(env, view)
        agent.save("runs/my-agent")        # `mosel eval --agent runs/my-agent`

    Non-obvious behaviour:
        - It acts on the mean of its distribution: the same observations give the same actions.
        - A chunk is carried out blindly, the next picture is looked at after it.
        - With a view of simulator state it is privileged: `bind(env)` gives it the environment, and
          every result says so. With any other view `bind` keeps nothing.
        - It writes no plan, and one that is given is refused. Its episodes are one segment that is
          called by the goal. An analyzer that is given only watches; those of skills cannot judge
          the whole goal, and `reflect` then says that nobody judged.

    Args:
        model: An algorithm of stable-baselines3, or only its policy.
        view: What the model sees; the one that it was trained with.
        label: First part of the name, such as "vla-rl".
        analyzer: Reflects; None = this agent has none.
        buffer: Where `reflect` keeps episodes: a folder.
        algorithm: Needed with a policy alone; the name of what trained it.

    Raises:
        SpecMismatch: Model and view have different spaces.
    """

    def __init__(
        self,
        model: BaseAlgorithm | BasePolicy,
        view: View,
        *,
        label: str = "rl",
        analyzer: VideoAnalyzer | None = None,
        buffer: ReflectionBuffer | str | Path | None = None,
        algorithm: str | None = None,
    ) -> None:
        self.policy: BasePolicy = model.policy if isinstance(model, BaseAlgorithm) else model
        self.algorithm = algorithm or (
            type(model).__name__ if isinstance(model, BaseAlgorithm) else "PPO"
        )
        for what in ("observation_space", "action_space"):
            of_model, of_view = getattr(self.policy, what), getattr(view, what)
            if of_model != of_view:
                raise SpecMismatch(
                    f"The model's {what} is {of_model}, the view's is {of_view}. Give the view "
                    "that the model was trained with, as in `ViewEnv(env, view)`."
                )
        self.view = view
        self.robot = find_robot(view.robot)
        self.label = label
        self.analyzer = analyzer
        self.buffer = ReflectionBuffer(buffer) if isinstance(buffer, str | Path) else buffer
        self.card: dict[str, Any] = {}
        """What it was trained on and with what information; carried along."""
        self.task: Task | None = None
        self._seed: int | None = None
        self._env: LongHorizonEnv | None = None
        self._trace: Trace | None = None
        self._chunk: deque[NDArray[np.float32]] = deque()
        self._steps = 0
        self._reflected: tuple[int, Reflection] | None = None

    @property
    def name(self) -> str:
        """Label, algorithm and view; results carry it."""
        told = "privileged; " if self.privileged else ""
        return f"{self.label}({told}{self.algorithm}, {self.view.name})"

    @property
    def privileged(self) -> bool:
        """Whether it acts on simulator state."""
        return self.view.privileged

    def bind(self, env: gym.Env[Any, Any]) -> None:
        """Take the environment, if the view reads its state; else do nothing.

        Raises:
            SpecMismatch: It is not one of this package.
        """
        if self.privileged:
            self._env = inner_env(env)

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
            task: A task, or a goal text.
            skills: S; not used, but recorded with the episode.
            plan: Must be None.
            seed: Not used: it acts on the mean.

        Raises:
            InvalidPlan: A plan was given.
            MoselError: The view needs an environment and has none.
        """
        if plan is not None:
            raise InvalidPlan(
                f"{self.name} follows no plan; it was given {plan!r}. Leave the plan out."
            )
        if self.privileged and self._env is None:
            raise MoselError(
                f"{self.name} acts on simulator state: call `agent.bind(env)` before `reset`."
            )
        self.task = _resolved(task, skills)
        self._seed = seed
        self._trace = Trace(self.task, {"agent": self.name}, self.robot)
        self._chunk.clear()
        self._steps = 0
        self._reflected = None

    def restart(self) -> None:
        """Begin the next episode with the arguments of the last `reset`."""
        if self.task is not None:
            self.reset(self.task, seed=self._seed)

    def act(
        self, observation: Observation, info: Mapping[str, Any] | None = None
    ) -> NDArray[np.float32]:
        """The next action, float32 `[A]`.

        Raises:
            MoselError: `reset` was not called, or the episode was finished.
            SpecMismatch: The observation is not what the view needs.
        """
        trace = self._open_trace()
        assert self.task is not None
        check_robot(self.robot.name, info)
        trace.see(observation, info)
        if not self._chunk:
            seen = self.view.see(trace.last_row, self.task.goal, self._steps, self._env)
            output, _ = self.policy.predict(seen, deterministic=True)
            self._chunk.extend(self.view.actions(output))
        action = self._chunk.popleft()
        trace.did(action)
        self._steps += 1
        return action

    def finish(self, observation: Observation, info: Mapping[str, Any] | None = None) -> None:
        """Record what the last action led to; call it once after the loop."""
        trace = self._open_trace()
        trace.see(observation, info)
        trace.finished = True

    @property
    def episode(self) -> Episode:
        """The trace so far, one segment that is called by the goal.

        Raises:
            MoselError: There is none yet.
        """
        if self._trace is None or self.task is None or self._steps == 0:
            raise MoselError("There is no episode yet: call `reset(task)`, then `act` in a loop.")
        whole = SkillSegment(self.task.goal, 0, self._steps)
        return self._trace.episode(None, (whole,))

    def reflect(self, episode: Episode | None = None) -> Reflection:
        """What a given analyzer says; without one, that there is none. Nothing is learned from it.

        Args:
            episode: Any recorded one; None = its own last one, about which it answers once.
        """
        own, length = episode is None, len(self._trace or ())
        if own and self._reflected is not None and self._reflected[0] == length:
            return self._reflected[1]
        episode = self.episode if episode is None else episode
        if self.analyzer is None:
            reflection = not_judged(self.name)
        else:
            reflection = self._watched(self.analyzer, episode)
            if self.buffer is not None and reflection.judged:
                self.buffer.add(episode, reflection)
        if own:
            self._reflected = (length, reflection)
        return reflection

    def improve(self, buffer: Any = None, target: Target = "auto") -> ImproveReport:
        """Nothing: it learns from rewards, in `mosel train vla-rl`, not from reflections."""
        return ImproveReport(
            target="none",
            reason=f"{self.name} learns from ground-truth reward in its environment only "
            "(`mosel train vla-rl` or `mosel train rl`); reflected episodes change nothing.",
            episodes=0,
            accepted=0,
            rejected=0,
            analyzer=getattr(self.analyzer, "name", ""),
        )

    def save(self, folder: str | Path) -> Path:
        """Write `agent.json` and `policy.safetensors`; the analyzer is not stored.

        Raises:
            SpecMismatch: The model is built from a class that the format does not name.
        """
        stored = StoredPolicy(self.policy, self.algorithm, self.view, self.label, self.card)
        return save_policy(folder, stored)

    @classmethod
    def from_pretrained(
        cls,
        name_or_dir: str | Path,
        *,
        task_planner: TaskPlanner | None = None,
        analyzer: VideoAnalyzer | None = None,
        buffer: ReflectionBuffer | str | Path | None = None,
        device: str = "cpu",
    ) -> Self:
        """Read a folder that `save` wrote.

        Raises:
            SpecMismatch: A task planner was given; there is no place for one.
            UnknownId: No such agent.
            DamagedFile: A file of it is missing or damaged.
        """
        if task_planner is not None:
            raise SpecMismatch(
                f"The agent {str(name_or_dir)!r} is one network without a task planner; "
                f"{task_planner.name!r} cannot plan for it. Leave --planner out."
            )
        stored = load_policy(name_or_dir, device)
        agent = cls(
            stored.policy,
            stored.view,
            label=stored.label,
            analyzer=analyzer,
            buffer=buffer,
            algorithm=stored.algorithm,
        )
        agent.card = stored.card
        return agent

    def _watched(self, analyzer: VideoAnalyzer, episode: Episode) -> Reflection:
        try:
            return analyzer.analyze(episode)
        except (SpecMismatch, UnknownId) as error:
            why = f"{analyzer.name} judges skills and cannot judge the whole goal: {error}"
            return not_judged(self.name, why)

    def _open_trace(self) -> Trace:
        if self._trace is None:
            raise MoselError('Call `reset(task)` first, for example `agent.reset(info["task"])`.')
        if self._trace.finished:
            raise MoselError("This episode was finished; call `reset(task)` to begin the next one.")
        return self._trace


def _resolved(task: Task | str, skills: Sequence[str | Skill] | None) -> Task:
    """S is not used, so that a text that the task tables do not know needs none."""
    if isinstance(task, str) and not skills:
        try:
            return find_task(task)
        except UnknownId:
            return Task("custom", "custom", task, (), plan=())
    return resolve_task(task, skills)
