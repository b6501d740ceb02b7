"""A reward for sub-goals, for learning with simulator truth."""

from __future__ import annotations

from typing import Any, SupportsFloat

import gymnasium as gym


class SubgoalReward(gym.Wrapper[Any, Any, Any, Any], gym.utils.RecordConstructorArgs):
    """Reward 1/n when one of the n sub-goals of `info["subgoals"]` is first reached.

    The sub-goals are simulator truth: a policy that learned from this reward is privileged in
    training, which any report on it has to say.

    Args:
        env: An environment whose `info` has `subgoals`.
        take_back: Subtract 1/n when a sub-goal that was paid for is lost, and pay for it again when
            it comes back; False pays once an episode.
        keep_env_reward: Add the environment's own reward.
    """

    def __init__(
        self, env: gym.Env[Any, Any], *, take_back: bool = False, keep_env_reward: bool = False
    ) -> None:
        gym.utils.RecordConstructorArgs.__init__(
            self, take_back=take_back, keep_env_reward=keep_env_reward
        )
        gym.Wrapper.__init__(self, env)
        self._take_back, self._keep_env_reward = take_back, keep_env_reward
        self._paid: set[str] = set()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin an episode; what is true from the start earns nothing.

        Raises:
            KeyError: `info` has no `subgoals`.
        """
        observation, info = self.env.reset(seed=seed, options=options)
        if "subgoals" not in info:
            raise KeyError(
                "SubgoalReward needs info['subgoals'] (sentence -> bool), as the environments of "
                f"mosel-gym give it; this one gives {sorted(info)}."
            )
        self._paid = {text for text, done in info["subgoals"].items() if done}
        return observation, info

    def step(self, action: Any) -> tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]:
        """Step, with the reward of the sub-goals."""
        observation, env_reward, terminated, truncated, info = self.env.step(action)
        subgoals: dict[str, bool] = info["subgoals"]
        gained = {text for text, done in subgoals.items() if done} - self._paid
        lost = {text for text in self._paid if not subgoals[text]} if self._take_back else set()
        self._paid = (self._paid | gained) - lost
        reward = (len(gained) - len(lost)) / len(subgoals)
        if self._keep_env_reward:
            reward += float(env_reward)
        info = {**info, "env_reward": float(env_reward)}
        return observation, reward, terminated, truncated, info
