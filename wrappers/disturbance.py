"""Visual disturbances: what another camera, another lamp or another exposure would do."""

from __future__ import annotations

from typing import Any, SupportsFloat

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

Range = tuple[float, float]


class VisualDisturbance(gym.Wrapper[Any, Any, Any, Any], gym.utils.RecordConstructorArgs):
    """Change brightness, contrast, colour temperature and gamma of all pictures (paper, G.1).

    The factors are drawn once an episode, from the episode's seed and `seed`, and stand in
    `info["disturbance"]`. Proprioception and the simulator stay as they are.

    Args:
        env: An environment with a dict observation; its uint8 `[H, W, 3]` entries are disturbed.
        brightness: Range of the factor on all channels.
        contrast: Range of the factor on the distance from the picture's mean.
        red_blue_gain: Range of the gains of red and of blue, drawn apart.
        gamma: Range of the exponent.
        seed: Another one gives other factors on the same episodes.

    Raises:
        ValueError: A range is empty or holds factors that are not positive, or `seed` is negative.
    """

    def __init__(
        self,
        env: gym.Env[Any, Any],
        *,
        brightness: Range = (0.8, 1.2),
        contrast: Range = (0.9, 1.1),
        red_blue_gain: Range = (0.95, 1.05),
        gamma: Range = (0.9, 1.1),
        seed: int = 0,
    ) -> None:
        gym.utils.RecordConstructorArgs.__init__(
            self,
            brightness=brightness,
            contrast=contrast,
            red_blue_gain=red_blue_gain,
            gamma=gamma,
            seed=seed,
        )
        gym.Wrapper.__init__(self, env)
        self._ranges = {
            "brightness": brightness,
            "contrast": contrast,
            "red": red_blue_gain,
            "blue": red_blue_gain,
            "gamma": gamma,
        }
        for name, (low, high) in self._ranges.items():
            if not 0.0 < low <= high:
                raise ValueError(f"The range of {name} is {(low, high)}; needed: 0 < low <= high.")
        if seed < 0:
            raise ValueError(f"seed is {seed}; it must be 0 or above.")
        self._seed = seed
        self._factors: dict[str, float] = {}

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin an episode and draw its factors."""
        observation, info = self.env.reset(seed=seed, options=options)
        episode = int(info.get("seed", 0 if seed is None else seed))
        rng = np.random.default_rng((episode, self._seed))
        self._factors = {name: float(rng.uniform(*span)) for name, span in self._ranges.items()}
        return self._disturbed(observation), {**info, "disturbance": dict(self._factors)}

    def step(self, action: Any) -> tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]:
        """Step; the pictures are disturbed as in all of this episode."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        info = {**info, "disturbance": dict(self._factors)}
        return self._disturbed(observation), reward, terminated, truncated, info

    def _disturbed(self, observation: Any) -> dict[str, Any]:
        return {
            name: disturb(value, self._factors) if _is_picture(value) else value
            for name, value in observation.items()
        }


def disturb(picture: NDArray[np.uint8], factors: dict[str, float]) -> NDArray[np.uint8]:
    """One picture, uint8 `[H, W, 3]`, under the given factors; a new array."""
    pixels = picture.astype(np.float32) / 255.0
    pixels *= factors["brightness"]
    mean = pixels.mean()
    pixels = mean + factors["contrast"] * (pixels - mean)
    pixels *= np.array([factors["red"], 1.0, factors["blue"]], np.float32)
    pixels = np.clip(pixels, 0.0, 1.0) ** np.float32(factors["gamma"])
    return np.asarray((255.0 * pixels).round(), np.uint8)


def _is_picture(value: Any) -> bool:
    return (
        isinstance(value, np.ndarray)
        and value.dtype == np.uint8
        and value.ndim == 3
        and value.shape[-1] == 3
    )
