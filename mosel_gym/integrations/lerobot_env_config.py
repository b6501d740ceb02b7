"""The environment type "mosel" for LeRobot's command line and `make_env`."""

# LeRobot is not installed where this is checked.
# mypy: disable-error-code="import-not-found, misc, untyped-decorator"

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from mosel_gym.errors import MissingLibrary, SpecMismatch
from mosel_gym.integrations.lerobot_env import register_gym_ids
from mosel_gym.integrations.lerobot_layout import ACTION, FPS, IMAGES, STATE, their_camera
from mosel_gym.registry import task_of
from mosel_gym.specs import ROBOTS

try:
    from lerobot.configs.types import (
        FeatureType,
        PolicyFeature,
    )
    from lerobot.envs.configs import EnvConfig
except ImportError as error:
    raise MissingLibrary(
        f"LeRobot cannot be imported ({error}). `pip install lerobot` in an environment of its "
        "own, and mosel-gym beside it: docs/integrations.md has the commands."
    ) from error

# At import, not when a config is made: the processes of an `AsyncVectorEnv` unpickle one.
register_gym_ids()

_SEVERAL = hasattr(EnvConfig, "create_envs")
"""Whether this LeRobot lets a type make its own environments (0.6 on)."""


@EnvConfig.register_subclass("mosel")
@dataclass
class MoselEnv(EnvConfig):
    """Options of `--env.type=mosel`.

    The type's name must not contain "libero": LeRobot would take it for its own environment.
    """

    task: str | None = "MOSEL-LiberoLong-Task6"
    """A registered id; with LeRobot 0.6 or newer also several, with commas between."""
    fps: int = FPS
    camera_size: int = 128
    """Side of the pictures in pixels; the agents that ship were trained at 128."""
    cameras: str = ""
    """Our names with commas between; "" = LIBERO's both, RoboTwin's head camera."""
    protocol: str = ""
    """LIBERO only: a preset such as "lerobot"; "" = "mosel"."""
    control: str = "ee_delta"
    """RoboTwin only: "ee_delta" or "joint"."""
    max_steps: int = 0
    """Step limit; 0 = the protocol's."""
    success_hold: int = 0
    """Steps in a row that the goal must hold; 0 = the environment's default."""
    layout_spread_m: float = 0.0
    """LIBERO only: how far objects on the table are moved."""

    def __post_init__(self) -> None:
        """Declare the features, from the robot of the task.

        Raises:
            UnknownId: No such id; the nearest are named.
            SpecMismatch: Several ids with a LeRobot that takes one, or tasks of two robots.
        """
        suites = {task_of(task).suite.startswith("robotwin") for task in self._tasks}
        if len(suites) > 1 or (len(self._tasks) > 1 and not _SEVERAL):
            raise SpecMismatch(
                f"env.task is {self.task!r}: this LeRobot takes tasks of one robot, and "
                f"{'several' if _SEVERAL else 'only one'} at a time. Run them one after the other."
            )
        self._robotwin = suites == {True}
        two_arms = "dual-panda-joint" if self.control == "joint" else "dual-panda-ee"
        robot = ROBOTS[two_arms if self._robotwin else "panda"]
        picture = (self.camera_size, self.camera_size, 3)
        self.features = {
            ACTION: PolicyFeature(type=FeatureType.ACTION, shape=(robot.action_size,)),
            "agent_pos": PolicyFeature(type=FeatureType.STATE, shape=(robot.proprio_size,)),
        }
        self.features_map = {ACTION: ACTION, "agent_pos": STATE}
        for camera in self._cameras:
            name = their_camera(camera)
            self.features[f"pixels/{name}"] = PolicyFeature(type=FeatureType.VISUAL, shape=picture)
            self.features_map[f"pixels/{name}"] = IMAGES + name

    @property
    def _tasks(self) -> list[str]:
        return [name.strip() for name in (self.task or "").split(",")]

    @property
    def _cameras(self) -> tuple[str, ...]:
        if self.cameras:
            return tuple(name.strip() for name in self.cameras.split(","))
        return ("head_camera",) if self._robotwin else ("agentview", "wrist")

    @property
    def gym_kwargs(self) -> dict[str, Any]:
        """Arguments of `LerobotEnv`."""
        given: dict[str, Any] = {
            "cameras": self._cameras,
            "camera_size": self.camera_size,
            "max_steps": self.max_steps or None,
        }
        if self.success_hold:
            given["success_hold"] = self.success_hold
        if self._robotwin:
            return given | {"control": self.control}
        return given | {
            "protocol": self.protocol or "mosel",
            "layout_spread_m": self.layout_spread_m,
        }

    def create_envs(self, n_envs: int, use_async_envs: bool = False) -> dict[str, dict[int, Any]]:
        """A vector for every task; asked by LeRobot from 0.6 on."""
        made = {}
        for index, task in enumerate(self._tasks):
            one = EnvConfig.create_envs(replace(self, task=task), n_envs, use_async_envs)
            made[index] = one[self.type][0]
        return {self.type: made}
