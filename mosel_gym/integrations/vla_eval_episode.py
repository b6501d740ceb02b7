"""One episode of one client of the model server: its agent, its goal, its gripper."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mosel_gym.data.images import area_resize
from mosel_gym.errors import InvalidAction, MoselError, SpecMismatch
from mosel_gym.integrations.layouts import HarnessLayout, received
from mosel_gym.specs import RobotSpec

if TYPE_CHECKING:
    from mosel_gym.agents.pretrained import PolicyAgent

PICTURE_SIZE = 128
"""Larger pictures are averaged down to this side: what our own environments show, and a third of
the memory that vla-eval's 256 would take in the agent's trace."""


@dataclass(frozen=True)
class EpisodeLimits:
    """How much a client may send."""

    max_message_mb: int = 16
    """Arrays of one observation (MiB)."""
    max_episode_mb: int = 1024
    """Pictures that one episode may hold in memory (MiB): the agent keeps what it saw."""


class ServedEpisode:
    """From the first observation to the last, for a single client.

    The agent is taken when the first observation arrives, so that everything that can go wrong is
    told as the answer to an observation: vla-eval's client reads no other.

    Args:
        take: Hands out an agent that nobody else uses.
        robot: Of the agents.
        layout: How vla-eval sends that robot's observations.
        goal: Where an observation has none.
        limits: How much the client may send.
        task: The client's description of the task, from EPISODE_START.
    """

    def __init__(
        self,
        take: Callable[[], PolicyAgent],
        robot: RobotSpec,
        layout: HarnessLayout,
        goal: str | None,
        limits: EpisodeLimits,
        task: Mapping[str, Any],
    ) -> None:
        self._take = take
        self._default, self._limits = goal, limits
        self._bytes = 0
        self._robot, self._layout, self._task = robot, layout, dict(task)
        self._goal = ""
        self._grippers = np.full(len(robot.arms), robot.open_grip)
        self._agent: PolicyAgent | None = None
        self._busy = False
        self.fault = ""
        """Why the episode is over; empty while it runs."""

    def answer(self, message: Any) -> NDArray[np.float32]:
        """The action for an observation, float32 `[A]`; blocks while the agent thinks.

        Raises:
            MoselError: Whatever is wrong with the message, or with the agent.
        """
        if self.fault:
            raise MoselError(
                f"This episode is over: {self.fault} Send EPISODE_START to begin the next one."
            )
        self._busy = True
        try:
            return self._answer(message)
        finally:
            self._busy = False

    def end(self, fault: str) -> PolicyAgent | None:
        """Refuse further observations.

        Returns:
            The agent, for the next episode; None where there is none, or where it is still at work
            on an answer that nobody waits for any more.
        """
        self.fault = self.fault or fault
        agent, self._agent = self._agent, None
        return None if self._busy else agent

    def _answer(self, message: Any) -> NDArray[np.float32]:
        if not isinstance(message, Mapping):
            raise SpecMismatch(
                f"An observation must be a mapping of names, not {type(message).__name__}; see "
                "docs/integrations.md for vla-eval's layout."
            )
        size, most = _bytes_of(message), self._limits.max_message_mb * 2**20
        if size > most:
            raise SpecMismatch(
                f"The observation has {size} bytes of arrays; at most {most} are taken. Send "
                "smaller pictures, or start the server with a larger `max_message_mb`."
            )
        told = received(self._layout, message, self._robot)
        goal = told.task_text or self._default
        if goal is None:
            raise SpecMismatch(
                "The observation has no text under 'task_description': the agent would not know "
                "what to do. Send the task's instruction with every observation."
            )
        agent = self._agent or self._begin(goal)
        if goal != self._goal:
            raise SpecMismatch(
                f"The task changed from {self._goal!r} to {goal!r} within an episode. Send "
                "EPISODE_START before another task."
            )
        observation = _small(told.observation)
        self._bytes += _bytes_of(observation)
        if self._bytes > self._limits.max_episode_mb * 2**20:
            raise SpecMismatch(
                f"This episode has more than {self._limits.max_episode_mb} MiB of pictures. Send "
                "EPISODE_END where it ends, or start the server with a larger `max_episode_mb`."
            )
        return self._command(agent.act(observation))

    def _begin(self, goal: str) -> PolicyAgent:
        skills = self._task.get("skills")
        if skills is not None and not (
            isinstance(skills, list) and skills and all(isinstance(text, str) for text in skills)
        ):
            raise SpecMismatch(
                f"The task's 'skills' are {skills!r:.200}; send a list of skill texts, or leave "
                "them out where the task tables know the goal."
            )
        said = self._task.get("robot", self._robot.name)
        if said != self._robot.name:
            raise SpecMismatch(
                f"The environment has the robot {said!r:.80}, the agent was made for "
                f"{self._robot.name!r}. Serve an agent for that robot, or set the benchmark's "
                "`control` to what the agent knows."
            )
        self._agent = agent = self._take()
        agent.reset(goal, skills, seed=self._seed())
        self._goal = goal
        return agent

    def _seed(self) -> int:
        """Of the agent's noise: with our benchmark the environment's, else the episode's number."""
        numbers = (self._task.get(key, 0) for key in ("first_seed", "episode_idx"))
        return sum(n for n in numbers if isinstance(n, int)) % 2**31

    def _command(self, action: NDArray[np.float32]) -> NDArray[np.float32]:
        """The agent's action under vla-eval's spec: in range, and the gripper -1 or +1.

        Our 0 ("as it was told before") has no place in a binary gripper; the last command stands
        in its place.
        """
        robot = self._robot
        command = np.array(action, np.float32)
        if command.shape != (robot.action_size,) or not np.isfinite(command).all():
            raise InvalidAction(
                f"The agent's action is {command.tolist()}; it must be {robot.action_size} finite "
                "numbers. The agent is at fault, not the observation."
            )
        if robot.control == "joint":
            return command
        command = np.clip(command, -1.0, 1.0)
        grippers = list(robot.gripper_dims)
        told = np.sign(command[grippers])
        self._grippers = np.where(told == 0, self._grippers, told)
        command[grippers] = self._grippers
        return command


def _small(observation: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {
        name: area_resize(value, PICTURE_SIZE)
        if value.ndim == 3 and max(value.shape[:2]) > PICTURE_SIZE
        else value
        for name, value in observation.items()
    }


def _bytes_of(message: Mapping[Any, Any]) -> int:
    """Of its arrays, those in mappings within it included."""
    return sum(
        value.nbytes
        if isinstance(value, np.ndarray)
        else _bytes_of(value)
        if isinstance(value, Mapping)
        else 0
        for value in message.values()
    )
