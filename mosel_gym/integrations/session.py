"""One client and the agent that it alone drives."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mosel_gym.errors import SpecMismatch
from mosel_gym.integrations.layouts import (
    SAYS_ORIENTATION,
    SAYS_STATE,
    conventions,
    layout,
    received,
)
from mosel_gym.specs import RobotSpec
from mosel_gym.specs import robot as find_robot

if TYPE_CHECKING:
    from mosel_gym.agents.pretrained import PolicyAgent

RESET = "mosel/reset"
"""True in a message: it shows the first observation of a new episode."""
OWN_KEYS = (RESET, SAYS_ORIENTATION, SAYS_STATE)
"""Every key of ours that a message may have beside those of its harness."""


@dataclass(frozen=True)
class Answer:
    """What the agent does about one message."""

    action: NDArray[np.float32]
    """float32 `[A]`, as the environment takes it."""
    step: int
    """Of the episode; 0 = this message began one."""


class Session:
    """Turns messages into actions, and knows when an episode begins.

    An episode begins with the first message, with `begin`, with `mosel/reset`, and where the goal
    text changes. The agent is then reset, so that nothing of the last episode is left in it.

    Args:
        agent: Nobody else may drive it.
        harness: Whose messages they are, see `layouts`.
        goal: For messages without a goal text.
        max_episode_mb: Pictures that an episode may hold (MiB): the agent keeps its own trace.

    Raises:
        SpecMismatch: The agent does not say which robot it is for.
        UnknownId: There is no such harness, or no such robot.
    """

    def __init__(
        self,
        agent: PolicyAgent,
        harness: str,
        goal: str | None = None,
        max_episode_mb: int = 1024,
    ) -> None:
        self.agent = agent
        self.robot = robot_of(agent)
        self.layout = layout(harness, self.robot)
        self._default = goal
        self._goal: str | None = None
        self._max_bytes = max_episode_mb * 2**20
        self._steps = self._bytes = 0

    def conventions(self) -> dict[str, Any]:
        """What a client has to keep to, as plain data for the handshake."""
        return {
            **conventions(self.layout, self.robot),
            "agent": self.agent.name,
            "default_prompt": self._default or "",
            "reset_key": RESET,
            "declaration_keys": [SAYS_ORIENTATION, SAYS_STATE],
        }

    def begin(self, goal: str | None) -> None:
        """Begin an episode; None takes the goal of the last one, or else the default.

        Raises:
            SpecMismatch: There is no goal.
            UnknownId: The task tables do not know the goal.
        """
        goal = goal or self._goal or self._default
        if goal is None:
            raise SpecMismatch(
                "There is no goal: the message has no prompt, and the server was started without "
                "a default. Send the goal text with the first observation, or start the server "
                "with `--task GOAL`."
            )
        self._goal = None  # a goal that the agent refuses is not kept
        self.agent.reset(goal)
        self._goal = goal
        self._steps = self._bytes = 0

    def act(self, message: Any) -> Answer:
        """The next action.

        Raises:
            SpecMismatch: The message is not what the layout says, or the episode is too long.
            UnknownId: The task tables do not know its goal.
            MoselError: Whatever else the agent refuses.
        """
        reset = _wants_reset(message)
        got = received(self.layout, message, self.robot)
        changed = got.task_text is not None and got.task_text != self._goal
        if reset or changed or self._goal is None:
            self.begin(got.task_text)
        self._bytes += sum(value.nbytes for value in got.observation.values())
        if self._bytes > self._max_bytes:
            raise SpecMismatch(
                f"This episode has {self._steps} steps and more than {self._max_bytes // 2**20} "
                f"MiB of pictures. Send `{RESET}` = True when an episode begins, or smaller "
                "pictures, or start the server with a larger `--max-episode-mb`."
            )
        action = np.asarray(self.agent.act(got.observation), np.float32)
        if action.shape != (self.robot.action_size,) or not np.isfinite(action).all():
            raise SpecMismatch(
                f"The agent {self.agent.name!r} gave {action!r}; the robot {self.robot.name!r} "
                f"takes {self.robot.action_size} finite numbers."
            )
        self._steps += 1
        return Answer(action, self._steps - 1)


def robot_of(agent: PolicyAgent) -> RobotSpec:
    """The robot that an agent was made for: its attribute `robot`, a row or its name.

    Raises:
        SpecMismatch: It does not say.
        UnknownId: There is no such robot.
    """
    robot = getattr(agent, "robot", None)
    if isinstance(robot, str):
        return find_robot(robot)
    if not isinstance(robot, RobotSpec):
        raise SpecMismatch(
            f"{type(agent).__name__} has no attribute `robot`, so nobody knows which state it "
            "takes and what its actions mean. Give it a row of `mosel_gym.specs.ROBOTS`."
        )
    return robot


def _wants_reset(message: Any) -> bool:
    """Check our own keys, so that a misspelt one is not passed over in silence."""
    if not isinstance(message, Mapping):
        raise SpecMismatch(f"A message must be a map of names, not {type(message).__name__}.")
    for key in message:
        if not isinstance(key, str):
            raise SpecMismatch(f"The keys of a message must be texts, not {key!r:.80}.")
        if key.startswith("mosel/") and key not in OWN_KEYS:
            near = difflib.get_close_matches(key, OWN_KEYS, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise SpecMismatch(f"Unknown key {key!r:.80}. Allowed: {list(OWN_KEYS)}.{hint}")
    wanted = message.get(RESET, False)
    if not isinstance(wanted, bool | np.bool_):
        raise SpecMismatch(f"`{RESET}` must be True or False, not {wanted!r:.80}.")
    return bool(wanted)
