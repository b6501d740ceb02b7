"""Any agent of this package where stable-baselines3 expects a model.

`agents/sb3.py` gives every agent `predict`; this adds what a harness around it may have changed.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mosel_gym.errors import SpecMismatch
from mosel_gym.types import Observation, Task


class Predicts(Protocol):
    """An agent that has `predict`, as all of this package do."""

    def reset(self, task: Task | str, *, seed: int | None = None) -> None:
        """Begin an episode."""
        ...

    def predict(
        self,
        observation: Observation,
        state: Any = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = True,
    ) -> tuple[NDArray[np.float32], Any]:
        """`act` in the form of stable-baselines3."""
        ...


class AgentModel:
    """An agent for `evaluate_policy` and `env.step(model.predict(observation))`.

    Example:
        model = AgentModel(MoselAgent.from_pretrained("libero-long"), task="MOSEL-LiberoLong-Task6")
        evaluate_policy(model, Monitor(gym.make(model.task_id)), n_eval_episodes=5)

    Non-obvious behaviour:
        - stable-baselines3's `VecTransposeImage` puts channels first; they are put back, so that
          the agent sees the same bytes as without it.
        - `deterministic` is not used. The noise of every episode is that of `seed`.
        - stable-baselines3 passes no `info`, so the age of repeated pictures is unknown: leave
          `render_every` at 1.

    Args:
        agent: Any; one environment each.
        task: Id, goal text or task; `predict` begins its episodes.
        seed: Of the agent's sampling noise.
    """

    def __init__(self, agent: Predicts, task: Task | str, *, seed: int | None = None) -> None:
        self.agent = agent
        self.task = _task(task)
        self.seed = seed
        self._begun = False

    @property
    def task_id(self) -> str:
        """Of the environment to make."""
        return self.task.id

    def predict(
        self,
        observation: Observation,
        state: Any = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = True,
    ) -> tuple[NDArray[np.float32], Any]:
        """The next action, with a leading axis if the observation has one.

        Args:
            observation: A Dict observation of one environment, with or without a leading axis.
            state: Handed back unchanged.
            episode_start: Where true, an episode begins.
            deterministic: Not used.

        Raises:
            SpecMismatch: More than one environment, or no Dict observation.
        """
        if not isinstance(observation, dict):
            raise SpecMismatch(
                f"An agent needs the Dict observation of its environment, not "
                f"{type(observation).__name__}. Leave wrappers that flatten it out."
            )
        if not self._begun or (episode_start is not None and np.any(episode_start)):
            self.agent.reset(self.task, seed=self.seed)
            self._begun = True
        return self.agent.predict(channels_last(observation), state, None, deterministic)


def channels_last(observation: Observation) -> dict[str, NDArray[Any]]:
    """Undo `VecTransposeImage`: RGB pictures `[..., 3, H, W]` become `[..., H, W, 3]`."""
    return {
        name: np.moveaxis(value, -3, -1) if _channels_first(value) else value
        for name, value in observation.items()
    }


def _channels_first(value: NDArray[Any]) -> bool:
    picture = value.dtype == np.uint8 and value.ndim >= 3
    return picture and value.shape[-3] == 3 and value.shape[-1] != 3


def _task(task: Task | str) -> Task:
    from mosel_gym.agents.planning.check import resolve_task
    from mosel_gym.registry import TASKS

    if isinstance(task, str) and task in TASKS:
        return TASKS[task]
    return resolve_task(task)
