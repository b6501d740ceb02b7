"""PaLM-E: a task planner above a policy that is told the skill in words; nothing is imagined.

Differences from PaLM-E's own paper (Driess et al. 2023; the MOSEL paper also names SayCan):

- There one large model with pictures in its prompt plans, and plans again after every skill; no
  success detector stands beside it. Here the task planner of this package writes the whole plan
  from the first picture, so that all rows of a table differ in nothing else.
- There the skills are a policy conditioned on language. Here the policy is one of those
  that MOSEL uses, without its goal frame: a learned table of skill texts stands for a language
  encoder, so it knows the skills that it was trained on and no others.
- There the planner decides when a skill is over. Here the policy does, if it was trained with
  `skill_progress`: its progress head then tells how far the end of the skill is. Without that a
  skill takes its whole budget (250 steps on LIBERO).
- After a skill the arm goes home (Appendix J of MOSEL), as for every agent here.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np

from mosel_gym.agents import base
from mosel_gym.agents.baselines.composed import Baseline
from mosel_gym.agents.config import ActingConfig
from mosel_gym.data.buffer import ReflectionBuffer
from mosel_gym.errors import SpecMismatch
from mosel_gym.models.goal_conditioned import GoalConditionedPolicy
from mosel_gym.types import Frame, VisualPlan


class NoVideo:
    """A video planner that imagines nothing: the policy then goes by the skill's text."""

    @property
    def name(self) -> str:
        """Named in every result."""
        return "none"

    def imagine(self, frame: Frame, skill: str) -> VisualPlan:
        """No frames, uint8 `[0, H, W, 3]`."""
        return VisualPlan(skill, np.zeros((0, *frame.shape), np.uint8), self.name)


class PalmEAgent(Baseline):
    """Task planner and skill-conditioned policy; arguments as those of `Baseline`.

    Raises:
        SpecMismatch: The policy is not told the skill, so that without a goal it would know
            nothing of what to do.
    """

    kind: ClassVar[str] = "palm-e"
    has_video: ClassVar[bool] = False

    def __init__(
        self,
        task_planner: base.TaskPlanner,
        inverse_dynamics: base.InverseDynamics,
        config: ActingConfig | None = None,
        *,
        analyzer: base.VideoAnalyzer | None = None,
        buffer: ReflectionBuffer | str | Path | None = None,
    ) -> None:
        if (
            isinstance(inverse_dynamics, GoalConditionedPolicy)
            and not inverse_dynamics.config.skill_id
        ):
            raise SpecMismatch(
                "PaLM-E shows its policy no goal frame, and this policy is not told the skill "
                "either (skill_id=False). Train one with `mosel train policy --model.skill-id "
                "--model.skill-progress --augmentation.goal-dropout 1`."
            )
        super().__init__(
            task_planner, NoVideo(), inverse_dynamics, config, analyzer=analyzer, buffer=buffer
        )
