"""An environment as a stable-baselines3 model is trained in it: through a view, chunk by chunk."""

from __future__ import annotations

from typing import Any, SupportsFloat, cast

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from mosel_gym.agents.baselines.rl_views import ModelObservation, View, inner_env
from mosel_gym.errors import SpecMismatch


class ViewEnv(gym.Env[Any, NDArray[np.float32]]):
    """One step of this environment is one decision: `chunk` steps of the environment inside.

    Non-obvious behaviour:
        - Rewards of a chunk are added up; what is left of a chunk at the episode's end is dropped.
        - `info` is that of the last inner step, with `env_steps`, the inner steps of this decision.
        - Episodes that diverged (`info["status"] == "error"`) raise: nothing must be learned from
          them.

    Args:
        env: Observation and info as in `LongHorizonEnv`. With `render_every` equal to the chunk,
            pictures are drawn when the model looks, and at no other time.
        view: What the model sees; the same object goes into `RLAgent`.
    """

    def __init__(self, env: gym.Env[Any, Any], view: View) -> None:
        self.env = env
        self.view = view
        self.observation_space = view.observation_space
        self.action_space = cast("gym.spaces.Space[NDArray[np.float32]]", view.action_space)
        self.render_mode = env.render_mode
        self._inner = inner_env(env) if view.privileged else None
        self._goal = ""
        self._steps = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[ModelObservation, dict[str, Any]]:
        """Begin an episode.

        Raises:
            SpecMismatch: The environment has another robot than the view.
        """
        super().reset(seed=seed)
        observation, info = self.env.reset(seed=seed, options=options)
        if info.get("robot", self.view.robot) != self.view.robot:
            raise SpecMismatch(
                f"The environment has the robot {info['robot']!r}, the view is for "
                f"{self.view.robot!r}. Make the environment with the control mode of the view."
            )
        self._goal, self._steps = str(info["task"]), 0
        return self.view.see(observation, self._goal, 0, self._inner), info

    def step(
        self, action: NDArray[np.float32]
    ) -> tuple[ModelObservation, SupportsFloat, bool, bool, dict[str, Any]]:
        """Carry out one chunk.

        Raises:
            SpecMismatch: The simulation diverged.
        """
        total, before = 0.0, self._steps
        for row in self.view.actions(action):
            observation, reward, terminated, truncated, info = self.env.step(row)
            total += float(reward)
            self._steps += 1
            if terminated or truncated:
                break
        if info.get("status") == "error":
            raise SpecMismatch(f"{info['error']} Start the run again; it goes on after it.")
        seen = self.view.see(observation, self._goal, self._steps, self._inner)
        info = {**info, "env_steps": self._steps - before}
        return seen, total, terminated, truncated, info

    def render(self) -> Any:
        """What the inner environment draws."""
        return self.env.render()

    def close(self) -> None:
        """Close the inner environment."""
        self.env.close()


class NumberedEpisodes(gym.Wrapper[Any, Any, Any, Any]):
    """Every reset takes the next seed; so a run that goes on repeats no episode.

    Args:
        env: Any.
        seed: Of the first episode.
        stride: To the next one; with several environments, their number.
    """

    def __init__(self, env: gym.Env[Any, Any], seed: int, stride: int = 1) -> None:
        super().__init__(env)
        self._next, self._stride = seed, stride

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin the next episode; a seed that is given is not used."""
        chosen, self._next = self._next, self._next + self._stride
        return self.env.reset(seed=chosen, options=options)
