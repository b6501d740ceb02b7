"""What training, agents and commands may ask of a video planner, whatever its kind."""

from __future__ import annotations

import dataclasses
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mosel_gym.errors import SpecMismatch, UnknownId
from mosel_gym.models.checkpoint import ConfiguredModule
from mosel_gym.models.text import SkillTable, normalized
from mosel_gym.models.text_encoder import WORDS, encode_texts, encoder_named
from mosel_gym.models.text_vectors import TextConfig, TextVectors
from mosel_gym.types import Frame, Frames, VisualPlan


class PlannerConfig(Protocol):
    """What the configs of all kinds have in common."""

    @property
    def skills(self) -> tuple[str, ...]:
        """Skill texts that it can imagine."""

    @property
    def frames(self) -> int:
        """Imagined frames."""

    @property
    def objective(self) -> str:
        """What the network predicts."""

    @property
    def num_steps(self) -> int:
        """Passes of the network for a plan."""

    @property
    def seed(self) -> int:
        """Of the sampling noise."""

    @property
    def scene_camera(self) -> str:
        """Name of the pictures."""

    @property
    def text(self) -> TextConfig:
        """How the skill is read."""


class VideoPlannerNetwork(ConfiguredModule, ABC):
    """A network that imagines a skill from the current picture, section 3.2.

    Pictures go in and come out as uint8; inside they are codes `[C, G, G]`: latents, or the pixels
    themselves. A clip is the codes of its frames in one tensor, `[frames * C, G, G]`. Implements
    `agents.base.VideoPlanner`.
    """

    config: Any  # a PlannerConfig; typing it so would make every config invariant
    unet: nn.Module
    """What training changes; everything else of the network stays."""

    def __init__(self, config: PlannerConfig) -> None:
        """Remember the config and make room for the skills."""
        super().__init__(config)
        self.skills = SkillTable(config.skills)
        frozen = config.text.encoder != "table"
        self.texts = TextVectors(len(config.skills), config.text) if frozen else None
        self.reset(config.seed)

    @property
    @abstractmethod
    def kind(self) -> str:
        """Word of `mosel train video --kind`."""

    @property
    @abstractmethod
    def size(self) -> int:
        """Height and width of the pictures inside, px."""

    @property
    def name(self) -> str:
        """Named in every result."""
        return self.kind

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    @abstractmethod
    def encode_frames(self, frames: Frames) -> Tensor:
        """Pictures uint8 `[N, H, W, 3]` of any size -> codes `[N, C, G, G]` on `device`."""

    @abstractmethod
    def decode_frames(self, codes: Tensor) -> Frames:
        """Codes `[N, C, G, G]` -> pictures uint8 `[N, size, size, 3]`."""

    @abstractmethod
    def kept(self, frames: Frames) -> NDArray[Any]:
        """Pictures in the form in which training keeps them in memory, `[N, ...]`."""

    @abstractmethod
    def from_kept(self, kept: NDArray[Any]) -> Tensor:
        """Some rows of what `kept` returned -> codes, float32 `[N, C, G, G]` on the CPU."""

    @abstractmethod
    def losses(
        self, first: Tensor, clip: Tensor, skill: Tensor, generator: torch.Generator
    ) -> Tensor:
        """Training loss, one number a sample.

        Args:
            first: Codes of the first frames, `[B, C, G, G]`.
            clip: Codes of the frames to imagine, `[B, frames * C, G, G]`.
            skill: Skill indices, int64 `[B]`.
            generator: Of noise and times.

        Returns:
            `[B]`, differentiable.
        """

    @abstractmethod
    def sample(
        self, first: Tensor, skill: Tensor, generator: torch.Generator, num_steps: int | None = None
    ) -> Tensor:
        """Imagined codes `[B, frames, C, G, G]` for `first` `[B, C, G, G]` and `skill` `[B]`.

        Raises:
            SpecMismatch: This kind cannot sample in so many steps.
        """

    def reset(self, seed: int) -> None:
        """Seed the sampling noise: the same seed and calls give the same plans."""
        self._generator = torch.Generator().manual_seed(seed)

    def index(self, skill: str) -> int:
        """Number of a skill.

        Raises:
            UnknownId: The planner was not built for this skill; says how it can be added, if so.
        """
        try:
            return self.skills.index(skill)
        except UnknownId as error:
            encoder = self.config.text.encoder
            if encoder == "table":
                raise
            named = encoder if encoder == WORDS else f"{encoder}:FOLDER"
            raise UnknownId(
                f"{error} This planner reads skills with a frozen {encoder} text encoder, so that "
                f'it can be given further ones: `planner.add_skills([...], "{named}")`, or `mosel '
                "pack --more-skills ... --text ...`, with the encoder that it was trained with."
            ) from error

    @torch.no_grad()
    def imagine(self, frame: Frame, skill: str, seed: int | None = None) -> VisualPlan:
        """Imagine how `skill` will look from here, section 3.2.

        Args:
            frame: Current picture of the scene camera, uint8 `[H, W, 3]` of any size.
            skill: One of `config.skills`.
            seed: Noise seed of this one plan; None goes on from `reset`.

        Returns:
            `config.frames` pictures of `size` px.

        Raises:
            UnknownId: The planner was not built for this skill.
            SpecMismatch: It cannot sample in `config.num_steps` steps, or `frame` is no picture.
        """
        start_s = time.perf_counter()
        generator = self._generator if seed is None else torch.Generator().manual_seed(seed)
        first = self.encode_frames(frame[None])
        index = torch.tensor([self.index(skill)], device=self.device)
        codes = self.sample(first, index, generator)[0]
        finite = bool(torch.isfinite(codes).all())
        frames = self.decode_frames(codes if finite else codes.nan_to_num(0.0, 0.0, 0.0))
        return VisualPlan(skill, frames, self.name, time.perf_counter() - start_s, finite)

    def add_skills(self, skills: Sequence[str], encoder: str) -> None:
        """Make further skills known, by their text alone; `save_module` then keeps them.

        Args:
            skills: Texts; those that are known already are left out.
            encoder: "words", "clip:FOLDER" or "t5:FOLDER": what the planner was trained with.

        Raises:
            SpecMismatch: The planner reads skills from a learned table, or with another encoder.
            DamagedFile: The encoder cannot be read.
        """
        wanted = self.config.text.encoder
        if self.texts is None:
            raise SpecMismatch(
                f"A planner with a learned table of skills cannot be given {list(skills)}: its "
                "rows come from training. Train one with `--text words`, `--text clip:FOLDER` "
                "or `--text t5:FOLDER`, or on episodes of these skills."
            )
        named, _ = encoder_named(encoder)
        old = self.texts.rows()
        known = {normalized(skill) for skill in self.config.skills}
        new = tuple(skill for skill in skills if normalized(skill) not in known)
        first, *more = encode_texts(encoder, (self.config.skills[0], *new))
        same = named == wanted and first.shape == old[0].shape
        if not same or not torch.allclose(first, old[0].cpu(), rtol=1e-2, atol=1e-2):
            raise SpecMismatch(
                f"{encoder} is not the text encoder that this planner was trained with (a {wanted} "
                f"of width {self.config.text.width}): it reads {self.config.skills[0]!r} "
                "otherwise. Give the folder that was named in training."
            )
        self._put([*(row.cpu() for row in old), *more], (*self.config.skills, *new))

    def _put(self, rows: Sequence[Tensor], skills: tuple[str, ...]) -> None:
        assert self.texts is not None
        self.texts.put(rows)
        text = dataclasses.replace(
            self.config.text, width=self.texts.vectors.shape[2], tokens=self.texts.vectors.shape[1]
        )
        self.config = dataclasses.replace(self.config, skills=skills, text=text)
        self.skills = SkillTable(skills)
