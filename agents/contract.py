"""The parts of an agent and its environment must speak of the same robot and the same pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mosel_gym.agents.base import InverseDynamics, VideoPlanner
from mosel_gym.agents.config import ActingConfig
from mosel_gym.errors import SpecMismatch
from mosel_gym.models.goal_conditioned import GoalConditionedPolicy
from mosel_gym.models.video_base import VideoPlannerNetwork


def check_parts(config: ActingConfig, video: VideoPlanner, policy: InverseDynamics) -> None:
    """Compare what our own networks were made for with the agent's config; others cannot be asked.

    Raises:
        SpecMismatch: Another robot, or another scene camera.
    """
    scene = config.executor.scene_camera
    if isinstance(policy, GoalConditionedPolicy):
        if policy.config.robot != config.robot:
            raise SpecMismatch(
                f"The policy was made for the robot {policy.config.robot!r}, the agent's config "
                f"says {config.robot!r}. Set `robot={policy.config.robot!r}` in it, "
                "or take a preset of `agents.presets`."
            )
        _check_scene("policy", policy.config.cameras.scene, scene)
    if isinstance(video, VideoPlannerNetwork):
        _check_scene("video planner", video.config.scene_camera, scene)


def check_robot(robot: str, info: Mapping[str, Any] | None) -> None:
    """Compare the agent's robot with the environment's, where `info` names it.

    Raises:
        SpecMismatch: They differ.
    """
    told = (info or {}).get("robot", robot)
    if told != robot:
        raise SpecMismatch(
            f"The environment has the robot {told!r}, the agent was made for {robot!r}: its "
            "actions would mean something else there. Make the environment with the control mode "
            "that the agent knows, or load an agent that was trained for this robot."
        )


def _check_scene(who: str, made_for: str, used: str) -> None:
    if made_for != used:
        raise SpecMismatch(
            f"The {who} was made for the camera {made_for!r}, but the executor would show it "
            f"{used!r}. Set `ExecutorConfig(scene_camera={made_for!r})`, or take a preset of "
            "`agents.presets`."
        )
