"""Our environments as LeRobot's evaluation expects them, and their ids `gym_mosel/<id>`.

This module needs no LeRobot; `lerobot_env_config` tells LeRobot of it.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

import mosel_gym  # noqa: F401  (registers the ids)
from mosel_gym.envs.base import LongHorizonEnv
from mosel_gym.errors import SimulationDiverged
from mosel_gym.integrations.lerobot_layout import orientation, their_camera, turned
from mosel_gym.registry import TASKS

NAMESPACE = "gym_mosel"
"""LeRobot makes an environment of the type "mosel" from the id `gym_mosel/<task>`."""
_NEW_ROLLOUT = "lerobot_new_rollout"
"""LeRobot's own reset option from 0.6 on; it is no business of an environment."""


class LerobotEnv(gym.Env[dict[str, Any], NDArray[np.float32]], gym.utils.EzPickle):
    """One of our tasks with LeRobot's names and attributes.

    Observation (Dict), of which LeRobot makes `observation.images.<name>` and `observation.state`:
        - `pixels`: pictures uint8 `[H, W, 3]`. LIBERO: `image` (the scene) and `image2` (the
          wrist), turned by 180 degrees. RoboTwin: under their own names, upright.
        - `agent_pos`: our `proprio`, float32 `[P]`.

    Action, reward and `info` are those of the environment inside.

    Non-obvious behaviour:
        - LIBERO's pictures come turned as LeRobot's LIBERO datasets are. LeRobot's processor for
          its own LIBERO environment would turn them again; it is not applied to the type "mosel".
        - A simulation that diverged raises: LeRobot knows no third outcome, and would count it as a
          failure of the policy.
        - It never resets itself.

    Args:
        task_id: A registered id, such as "MOSEL-LiberoLong-Task6".
        render_mode: "rgb_array" or None.
        **kwargs: For the environment, such as `camera_size` and `protocol`.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 20}  # noqa: RUF012

    def __init__(
        self, task_id: str, *, render_mode: str | None = "rgb_array", **kwargs: Any
    ) -> None:
        gym.utils.EzPickle.__init__(self, task_id, render_mode=render_mode, **kwargs)
        inner = gym.make(task_id, render_mode=render_mode, **kwargs).unwrapped
        assert isinstance(inner, LongHorizonEnv)
        self.inner = inner
        self.render_mode = render_mode
        self.task = task_id
        """LeRobot's `task` is a name; the goal is in `task_description`."""
        self.task_description = inner.task.goal
        self._max_episode_steps = inner.max_steps
        self._wanted = orientation(inner.robot)
        spaces = inner.observation_space
        assert isinstance(spaces, gym.spaces.Dict)
        pictures = {their_camera(name): spaces[name] for name in inner.cameras}
        space = gym.spaces.Dict(
            {"pixels": gym.spaces.Dict(pictures), "agent_pos": spaces["proprio"]}
        )
        self.observation_space = space
        self.action_space = inner.action_space

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Begin an episode; arguments as those of the environment inside."""
        super().reset(seed=seed)
        ours = {name: value for name, value in (options or {}).items() if name != _NEW_ROLLOUT}
        return self._told(*self.inner.reset(seed=seed, options=ours))

    def step(
        self, action: NDArray[np.float32]
    ) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """Step.

        Raises:
            SimulationDiverged: The episode is void.
        """
        observation, reward, terminated, truncated, info = self.inner.step(action)
        if info.get("status") == "error":
            raise SimulationDiverged(info["error"])
        observation, info = self._told(observation, info)
        return observation, reward, terminated, truncated, info

    def render(self) -> NDArray[np.uint8] | None:
        """The scene camera's view, upright: it is for people."""
        return self.inner.render()

    def close(self) -> None:
        """Free the simulator; calling it twice is fine."""
        self.inner.close()

    def _told(
        self, observation: dict[str, NDArray[Any]], info: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        incoming = str(info.get("image_orientation", "upright"))
        pixels = {
            their_camera(name): turned(observation[name], incoming, self._wanted)
            for name in self.inner.cameras
        }
        told = {"pixels": pixels, "agent_pos": observation["proprio"]}
        return told, info | {"image_orientation": self._wanted}


def register_gym_ids() -> None:
    """Register `gym_mosel/<id>` for every id of ours; safe to call twice."""
    for task_id in TASKS:
        if f"{NAMESPACE}/{task_id}" not in gym.registry:
            gym.register(
                f"{NAMESPACE}/{task_id}",
                entry_point="mosel_gym.integrations.lerobot_env:LerobotEnv",
                kwargs={"task_id": task_id},
                # LeRobot looks for `task_description` on what `gym.make` returns: no wrappers.
                order_enforce=False,
                disable_env_checker=True,
            )
