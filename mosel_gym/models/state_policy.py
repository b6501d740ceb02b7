"""A small policy that sees simulator state: no part of MOSEL, but a source of honest failures.

It learns a task in a minute on one core, and then misses, drops and knocks things over as learned
policies do, which is what a judge has to be trained and measured on. PRIVILEGED: nothing that it
does counts as a result.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mosel_gym.models.checkpoint import ConfiguredModule
from mosel_gym.models.normalizer import MinMax, Standardize
from mosel_gym.models.text import SkillTable
from mosel_gym.rotations import quat_wxyz_to_matrix
from mosel_gym.specs import RobotSpec
from mosel_gym.types import ActionChunk

Array = NDArray[np.float64]


@dataclass(frozen=True)
class StatePolicyConfig:
    """Shape of the policy; one policy knows one scene."""

    skills: tuple[str, ...] = ()
    robot: str = "panda"
    """Row of `specs.ROBOTS`."""
    features: int = 0
    """Length of what `state_features` gives in this scene."""
    actions: int = 7
    chunk: int = 8
    """Actions that are predicted at once."""
    hidden: int = 256


class StatePolicy(ConfiguredModule):
    """Features of the state and a skill -> a chunk of actions and the steps that are left."""

    config_class: ClassVar[type[StatePolicyConfig]] = StatePolicyConfig
    config: StatePolicyConfig

    def __init__(self, config: StatePolicyConfig) -> None:
        """Build an untrained policy."""
        super().__init__(config)
        self.skills = SkillTable(config.skills)
        self.normal = Standardize(config.features)
        self.scaling = MinMax(config.actions)
        self.embedding = nn.Embedding(max(1, len(config.skills)), 32)
        layers: list[nn.Module] = []
        width = config.features + 32
        for _ in range(3):
            layers += [nn.Linear(width, config.hidden), nn.LayerNorm(config.hidden), nn.SiLU()]
            width = config.hidden
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(width, config.chunk * config.actions + 1)

    def forward(self, features: Tensor, skill: Tensor) -> tuple[Tensor, Tensor]:
        """Scaled actions `[B, chunk, A]` and the logarithm of 1 + steps left, `[B]`.

        Args:
            features: As `state_features` gives them, float `[B, F]`.
            skill: Indices, int64 `[B]`.
        """
        seen = self.normal.encode(features).clamp(-8.0, 8.0)
        out = self.head(self.body(torch.cat([seen, self.embedding(skill)], dim=1))).float()
        actions = out[:, :-1].reshape(-1, self.config.chunk, self.config.actions)
        return actions, out[:, -1]

    @torch.no_grad()
    def act(self, features: Array, skill: str) -> ActionChunk:
        """The next actions, in the environment's units, and how many steps the skill still takes.

        Raises:
            UnknownId: The policy does not know the skill.
        """
        seen = torch.from_numpy(np.asarray(features, np.float32))[None]
        actions, left = self(seen, torch.tensor([self.skills.index(skill)]))
        steps = float(torch.expm1(left[0]).clamp(min=0.0))
        return ActionChunk(self.scaling.decode(actions)[0].numpy(), steps)


def state_features(
    robot: RobotSpec, proprio: NDArray[np.floating], poses: Array, joints: Array
) -> Array:
    """What the policy sees of a state, float64 `[F]`.

    Args:
        robot: Whose `proprio` it is.
        proprio: float `[P]`.
        poses: World position (m) and wxyz rotation of every body that matters, `[n, 7]`.
        joints: Of drawers, doors and knobs, m or rad, `[m]`.
    """
    hands = robot.end_effectors(proprio)
    turns = quat_wxyz_to_matrix(poses[:, 3:])[:, :, :2].reshape(len(poses), 6)
    parts = [np.asarray(proprio, np.float64), joints, poses[:, :3].ravel(), turns.ravel()]
    for position, turn in hands:
        parts += [position, turn, (poses[:, :3] - position).ravel()]
    return np.concatenate(parts)
