"""The four modules of MOSEL as protocols, section 3: what an implementation must offer, no more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from mosel_gym.types import (
    ActionChunk,
    Episode,
    Frame,
    Observation,
    Reflection,
    Task,
    TaskPlan,
    VisualPlan,
)


@runtime_checkable
class TaskPlanner(Protocol):
    """Language goal -> skills, section 3.1."""

    @property
    def name(self) -> str:
        """Named in every result."""
        ...

    def plan(
        self,
        task: Task,
        observation: Observation | None,
        history: Sequence[tuple[TaskPlan, str]] = (),
    ) -> TaskPlan:
        """Write a plan over `task.skills`.

        Args:
            task: Goal text and skill set S.
            observation: The first observation, or None.
            history: Earlier plans with the rationale [r] of their failure, oldest first. The new
                plan differs from all of them.

        Raises:
            InvalidPlan: No (further) valid plan exists.
        """
        ...


@runtime_checkable
class VideoPlanner(Protocol):
    """Current picture and skill -> imagined clip, section 3.2."""

    @property
    def name(self) -> str:
        """Named in every result."""
        ...

    def imagine(self, frame: Frame, skill: str) -> VisualPlan:
        """Imagine how the skill will look, from `frame` uint8 `[H, W, 3]`."""
        ...


@runtime_checkable
class InverseDynamics(Protocol):
    """Current observation and goal picture -> actions, section 3.3."""

    @property
    def name(self) -> str:
        """Named in every result."""
        ...

    def act(self, observation: Observation, goal: Frame | None, skill: str | None) -> ActionChunk:
        """A chunk of actions that leads from `observation` towards the picture `goal`."""
        ...


@runtime_checkable
class SampledDynamics(InverseDynamics, Protocol):
    """An inverse dynamics that draws its actions, and whose scale of the noise can be set."""

    def sample_at(self, temperature: float | None) -> None:
        """From now on draw with this scale of the noise; None = the policy's own."""
        ...


@runtime_checkable
class VideoAnalyzer(Protocol):
    """Recorded episode -> which sub-goals were reached, and what failed, section 3.4."""

    @property
    def name(self) -> str:
        """Named in every result."""
        ...

    def analyze(self, episode: Episode) -> Reflection:
        """Judge each skill segment of the episode, then say what is at fault."""
        ...


@runtime_checkable
class SkillJudge(Protocol):
    """A judge that can be asked while a skill is carried out, from pictures alone."""

    threshold: float
    """A probability above it counts as reached."""

    def reached(
        self,
        observation: Observation,
        skill: str,
        start_frame: Frame,
        earlier: Sequence[Observation] = (),
    ) -> float:
        """Probability in 0..1 that the sub-goal of `skill` is reached.

        Args:
            observation: What is seen now.
            skill: The skill text.
            start_frame: The scene camera's picture when the skill began, uint8 `[H, W, 3]`.
            earlier: Observations shortly before, oldest first.
        """
        ...
