"""Keeping a finished sub-environment of a vector where it is."""

from __future__ import annotations

from typing import Any, SupportsFloat

import gymnasium as gym


class FreezeFinished(gym.Wrapper[Any, Any, Any, Any], gym.utils.RecordConstructorArgs):
    """After the end, stand still until the next seeded reset.

    For evaluating one episode per sub-environment with Gymnasium's own vector environments, which
    reset a finished one by themselves (`AutoresetMode.NEXT_STEP`): here that costs nothing.

    Non-obvious behaviour:
        - After `terminated` or `truncated`, `step` and `reset()` without seed and options return
          the last observation and, from `step`, the last flags; nothing is simulated and the
          reward is 0. `info["frozen"]` says so.
        - A vector environment resets on every other step of a finished one and then reports no
          flags: count an episode as over at the first flag, or by `info["frozen"]`.
        - `reset(seed=...)` and `reset(options=...)` begin a new episode.

    Example:
        envs = gym.make_vec(env_id, 8, vectorization_mode="async", wrappers=[FreezeFinished])
    """

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        gym.utils.RecordConstructorArgs.__init__(self)
        gym.Wrapper.__init__(self, env)
        self._end: tuple[Any, bool, bool, dict[str, Any]] | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin an episode; without seed and options, a finished one stays as it is."""
        if self._end is not None and seed is None and not options:
            observation, _, _, info = self._end
            return observation, info
        self._end = None
        observation, info = self.env.reset(seed=seed, options=options)
        return observation, {**info, "frozen": False}

    def step(self, action: Any) -> tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]:
        """Step, or return the end again."""
        if self._end is not None:
            observation, terminated, truncated, info = self._end
            return observation, 0.0, terminated, truncated, info
        observation, reward, terminated, truncated, info = self.env.step(action)
        if terminated or truncated:
            self._end = (observation, terminated, truncated, {**info, "frozen": True})
        return observation, reward, terminated, truncated, {**info, "frozen": False}
