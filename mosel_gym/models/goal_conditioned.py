"""What every kind of inverse dynamics shares, section 3.3: what it sees, and how it is asked."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mosel_gym.data.cameras import Cameras
from mosel_gym.errors import SpecMismatch
from mosel_gym.models.actions import snapped
from mosel_gym.models.blocks import ImageEncoder
from mosel_gym.models.checkpoint import ConfiguredModule
from mosel_gym.models.images import one
from mosel_gym.models.normalizer import MinMax, Standardize
from mosel_gym.models.policy_batch import PolicyBatch, SampleLosses
from mosel_gym.models.rotation import mean_rotvec, relative_rotvec
from mosel_gym.models.text import SkillTable
from mosel_gym.specs import robot as find_robot
from mosel_gym.types import ActionChunk, Frame, Observation


@dataclass(frozen=True)
class GoalConditionedConfig:
    """What a policy sees, and what it is for."""

    size: int = 64
    """Height and width of the pictures inside, px; a multiple of 8."""
    robot: str = "panda"
    """Row of `specs.ROBOTS`: how many numbers an action and `proprio` have, and what they mean."""
    cameras: Cameras = field(default_factory=Cameras)
    """Names of the pictures; without hand cameras the network has no encoder for them."""
    chunk: int = 16
    """Actions predicted at once; an executor uses the first 8 or so."""
    goal_horizon: int = 32
    """Largest distance of the goal frame in training, env steps (App. F)."""
    features: int = 256
    """Width of one encoded picture."""
    width: int = 384
    """Width of the condition, and of the network behind it."""
    skill_id: bool = False
    """Also tell the policy the skill. Measured: it then ignores the goal frame."""
    skills: tuple[str, ...] = ()
    """Skill texts, needed for `skill_id` only; if empty, training takes those of the clips."""
    skill_progress: bool = False
    """Where there is no goal, the progress head tells how far the end of the skill is. Without it
    a policy that is shown no goal cannot say that a skill is over."""
    guidance: float = 0.0
    """How far to go beyond what the goal frame changes: 0 = as learned, w = w times the difference
    between the answers with and without the goal on top (classifier-free guidance, Ho and Salimans
    2022). A scene that no demonstration shows can look like another skill's; guided, the goal has
    the last word. Costs a second encoding of each picture."""
    seed: int = 0
    """Of the sampling noise, until `reset` gives another."""

    def __post_init__(self) -> None:
        """Refuse what is no guidance.

        Raises:
            SpecMismatch: It is negative or not finite.
        """
        if not 0 <= self.guidance < math.inf:
            raise SpecMismatch(f"guidance is {self.guidance}; it must be at least 0, and finite.")


class GoalConditionedPolicy(ConfiguredModule, ABC):
    """A policy that sees the present and a goal frame, and answers with a chunk of actions.

    The scene and the goal are stacked as six channels of one encoder, so that the network can
    compare them pixel by pixel; the hands' views, stacked too, have their own. A progress head
    tells how many steps the goal is away. A kind of policy adds what turns that condition into
    actions. Implements `agents.base.InverseDynamics`.
    """

    config_class: ClassVar[type[GoalConditionedConfig]]
    config: GoalConditionedConfig
    kind: ClassVar[str]
    """Word of `mosel train policy --kind`."""
    base_name: ClassVar[str]
    """First part of the name in results."""
    loss_name: ClassVar[str]
    """What the log calls l of Appendix I."""
    home_rotvec: Tensor

    def __init__(self, config: GoalConditionedConfig) -> None:
        """Build an untrained policy."""
        super().__init__(config)
        width = config.width
        self.robot = find_robot(config.robot)
        self.skills = SkillTable(config.skills)
        hands = len(config.cameras.hands)
        self.scene_encoder = ImageEncoder(6, config.size, config.features)
        # The name is that of stored weights.
        self.wrist_encoder = (
            ImageEncoder(3 * hands, config.size, config.features) if hands else None
        )
        self.proprio_encoder = nn.Sequential(nn.Linear(self.robot.proprio_size, 64), nn.SiLU())
        views = 2 if hands else 1
        self.fusion = nn.Sequential(
            nn.Linear(views * config.features + 64, width), nn.SiLU(), nn.Linear(width, width)
        )
        self.no_goal = nn.Parameter(torch.zeros(width))
        self.skill_embedding = nn.Embedding(len(config.skills), width) if config.skill_id else None
        # In this place: a seed gives initial weights in the order in which parts are made.
        self._build_decoder()
        self.progress = nn.Sequential(nn.Linear(width, 128), nn.SiLU(), nn.Linear(128, 1))
        self.action_scaling = MinMax(self.robot.action_size)
        self.proprio_scaling = Standardize(self.robot.proprio_size)
        self.register_buffer("home_rotvec", torch.zeros(3))
        self.reset(config.seed)

    @abstractmethod
    def _build_decoder(self) -> None:
        """Make the parts that turn a condition into actions; `self.config` is set."""

    @abstractmethod
    def sample(
        self, condition: Tensor, generator: torch.Generator, without_goal: Tensor | None = None
    ) -> Tensor:
        """Actions `[B, chunk, A]` in the environment's units, grippers not yet snapped.

        Args:
            condition: What `encode` gave, `[B, width]`.
            generator: Of the sampling noise.
            without_goal: The same with the goal withheld; the answer is then guided away from what
                it would be so, by `config.guidance`.
        """

    @abstractmethod
    def losses(self, batch: PolicyBatch, generator: torch.Generator, draws: int) -> SampleLosses:
        """Losses of each sample, differentiable; what training and Appendix I are made of.

        Args:
            batch: What `training.policy_data.PolicyWindows` draws.
            generator: Of whatever a loss draws at random.
            draws: How often it does so for each sample, D; a loss without chance has D = 1.
        """

    @property
    def name(self) -> str:
        """Named in every result."""
        return f"{self.base_name}+skill-id" if self.config.skill_id else self.base_name

    def reset(self, seed: int) -> None:
        """Seed the sampling noise: the same seed and observations give the same actions."""
        self._generator = torch.Generator().manual_seed(seed)
        self._temperature: float | None = None

    def sample_at(self, temperature: float | None) -> None:
        """From now on, until `reset`, draw with this scale of the noise; None = the config's.

        Raises:
            SpecMismatch: The policy's kind does not allow that scale.
        """
        if temperature is not None:
            config: Any = self.config
            replace(config, temperature=temperature)  # refuses what it would refuse
        self._temperature = temperature

    def fit_statistics(self, actions: NDArray[np.float32], proprio: NDArray[np.float32]) -> None:
        """Set home orientation and normalisers from demonstrations, `[N, A]` and `[M, P]`."""
        at = self.robot.rotation_at
        if at is not None:
            self.home_rotvec.copy_(torch.from_numpy(mean_rotvec(proprio[:, at : at + 3])))
        rows = self.relative_proprio(torch.from_numpy(proprio).to(self.home_rotvec.device))
        self.proprio_scaling.fit(rows.cpu().numpy())
        self.action_scaling.fit(actions)

    def relative_proprio(self, proprio: Tensor) -> Tensor:
        """Proprioception `[B, P]` with its rotation seen from the home orientation."""
        at = self.robot.rotation_at
        if at is None:
            return proprio
        turned = relative_rotvec(proprio[:, at : at + 3], self.home_rotvec)
        return torch.cat([proprio[:, :at], turned, proprio[:, at + 3 :]], dim=1)

    def encode(
        self,
        scene: Tensor,
        hands: Tensor,
        proprio: Tensor,
        goal: Tensor,
        has_goal: Tensor,
        skill: Tensor | None = None,
    ) -> Tensor:
        """Everything the policy knows, as one condition vector.

        Args:
            scene: Pixels `[B, 3, S, S]` in -1..1.
            hands: Pixels of the K hand cameras, `[B, 3 K, S, S]`.
            proprio: `[B, P]`, already passed through `relative_proprio` and `proprio_scaling`.
            goal: Pixels `[B, 3, S, S]`; ignored where there is no goal.
            has_goal: bool `[B]`.
            skill: Skill indices `[B]`, with `config.skill_id` only.

        Returns:
            `[B, width]`.
        """
        shown = has_goal.to(scene.dtype)
        parts = [
            self.scene_encoder(torch.cat([scene, goal * shown[:, None, None, None]], dim=1)),
            *([] if self.wrist_encoder is None else [self.wrist_encoder(hands)]),
            self.proprio_encoder(proprio),
        ]
        condition: Tensor = self.fusion(torch.cat(parts, dim=1))
        condition = condition + (1 - shown)[:, None] * self.no_goal
        if self.skill_embedding is not None and skill is not None:
            condition = condition + self.skill_embedding(skill)
        return condition

    def encode_batch(self, batch: PolicyBatch) -> Tensor:
        """The conditions `[B, width]` of a batch."""
        return self.encode(
            batch.scene, batch.hands, batch.proprio, batch.goal, batch.has_goal, batch.skill
        )

    def predict_progress(self, condition: Tensor) -> Tensor:
        """Steps to the goal in units of `goal_horizon`, `[B]`; see `config.skill_progress`."""
        progress: Tensor = self.progress(condition)
        return progress[:, 0].float()

    def progress_errors(self, condition: Tensor, batch: PolicyBatch) -> Tensor:
        """Squared errors of the progress head, `[B]`; 0 where it has nothing to tell."""
        return (self.predict_progress(condition) - batch.progress).square() * batch.has_progress

    @torch.no_grad()
    def act(self, observation: Observation, goal: Frame | None, skill: str | None) -> ActionChunk:
        """A chunk of actions from `observation` towards the picture `goal`.

        Args:
            observation: The pictures of `config.cameras`, uint8 `[H, W, 3]` of any size, and
                `proprio` float32 `[P]` as the environment gives it.
            goal: Picture of the scene camera to reach, uint8 of any size, or None for no goal.
            skill: Read with `config.skill_id` only, where it must be given.

        Returns:
            `chunk` actions, their grippers at what the robot allows, and the predicted distance of
            the goal in env steps within 0..`goal_horizon`. Without a goal it is that of the skill's
            end, or `goal_horizon` if the policy did not learn it (`config.skill_progress`).

        Raises:
            SpecMismatch: Something is missing, or has a wrong shape or type.
            UnknownId: The policy was not built for this skill.
        """
        config = self.config
        device = self.home_rotvec.device
        proprio = self._checked_proprio(observation).to(device)
        scene = one(observation[config.cameras.scene], config.size, device)
        hands = config.cameras.hands_of(observation)
        seen = (
            scene,
            one(hands, config.size, device, len(config.cameras.hands)),
            self.proprio_scaling.encode(self.relative_proprio(proprio)),
            torch.zeros_like(scene) if goal is None else one(goal, config.size, device),
        )
        has_goal = torch.tensor([goal is not None], device=device)
        index = self._skill_index(skill, device)
        condition = self.encode(*seen, has_goal, index)
        guided = goal is not None and config.guidance > 0
        without_goal = self.encode(*seen, ~has_goal, index) if guided else None
        sampled = self.sample(condition, self._generator, without_goal)[0].cpu().numpy()
        actions = snapped(sampled, self.robot)
        told = goal is not None or config.skill_progress
        progress = float(self.predict_progress(condition).clamp(0, 1)) if told else 1.0
        return ActionChunk(actions, progress * config.goal_horizon)

    def _checked_proprio(self, observation: Observation) -> Tensor:
        self.config.cameras.require(observation, "the policy")
        if "proprio" not in observation:
            raise SpecMismatch(f"the policy needs `proprio`; there is only {sorted(observation)}.")
        proprio = self.robot.checked_proprio(observation["proprio"]).astype(np.float32)
        return torch.from_numpy(proprio[None])

    def _skill_index(self, skill: str | None, device: torch.device) -> Tensor | None:
        if not self.config.skill_id:
            return None
        if skill is None:
            raise SpecMismatch(f"a policy with skill id needs a skill: one of {self.skills.texts}.")
        return torch.tensor([self.skills.index(skill)], device=device)
