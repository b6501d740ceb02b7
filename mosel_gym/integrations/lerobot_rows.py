"""One agent for every row of a batch: LeRobot drives several environments with one policy.

This module needs no LeRobot.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from mosel_gym.agents.pretrained import PolicyAgent
from mosel_gym.errors import SpecMismatch, UnknownId
from mosel_gym.integrations.layouts import Received
from mosel_gym.integrations.session import robot_of
from mosel_gym.specs import RobotSpec


class AgentRows:
    """Agents side by side, each with an episode of its own.

    Non-obvious behaviour:
        - LeRobot says "reset" once for a whole batch, before its first observation. Every row then
          begins anew at the next `act`. A row also begins anew when its text changes.
        - An environment that ends before the others is reset by LeRobot without a word to the
          policy, and what happens in it from then on is not counted. Its agent goes on regardless.
        - Row 0 exists from the start; the others are loaded when a batch first has them.

    Args:
        load: Makes one agent.
        skills: Skill set S; needed for goal texts that the task tables do not know. () = theirs.
        seed: Of the agents' sampling noise, the same in every row; None = each agent's own.
    """

    def __init__(
        self,
        load: Callable[[], PolicyAgent],
        skills: Sequence[str] = (),
        seed: int | None = None,
    ) -> None:
        self._load = load
        self._skills = tuple(skills)
        self._seed = seed
        self.agents: list[PolicyAgent] = [load()]
        self._texts: list[str | None] = [None]

    @property
    def robot(self) -> RobotSpec:
        """The robot that the agents were made for.

        Raises:
            SpecMismatch: The agent does not say.
        """
        return robot_of(self.agents[0])

    def reset(self) -> None:
        """Every row begins a new episode at the next `act`."""
        self._texts = [None] * len(self.agents)

    def act(self, rows: Sequence[Received]) -> NDArray[np.float32]:
        """The next action of every row, float32 `[B, A]`.

        Raises:
            SpecMismatch: A row has no goal text, or an observation that the agent cannot use.
            UnknownId: The task tables do not know a text, and there are no `skills`.
        """
        while len(self.agents) < len(rows):
            self.agents.append(self._load())
            self._texts.append(None)
        return np.stack([self._act(index, row) for index, row in enumerate(rows)])

    def _act(self, index: int, row: Received) -> NDArray[np.float32]:
        text = row.task_text
        if text is None:
            raise SpecMismatch(
                f"Row {index} of the batch has no text in 'task', and the agent needs a goal. "
                "Use an environment that has `task_description`, as ours do."
            )
        agent = self.agents[index]
        if text != self._texts[index]:
            try:
                agent.reset(text, skills=self._skills or None, seed=self._seed)
            except UnknownId as error:
                raise UnknownId(
                    f"{error} In LeRobot that is the policy's option `skills`: "
                    "--policy.skills='[\"pick up the cup\", ...]'."
                ) from error
            self._texts[index] = text
        return agent.act(row.observation)
