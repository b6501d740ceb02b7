"""The video planner [phi], section 3.2: imagines a skill from the current picture, in latents."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import torch
from numpy.typing import NDArray
from torch import Tensor

from mosel_gym.models.codec import Codec, CodecConfig
from mosel_gym.models.flow import (
    euler_from_data_prediction,
    interpolate,
    logit_normal_times,
    normal,
)
from mosel_gym.models.text_vectors import TextConfig
from mosel_gym.models.video_base import VideoPlannerNetwork
from mosel_gym.models.video_unets import unet_2d
from mosel_gym.types import Frames


@dataclass(frozen=True)
class VideoPlannerConfig:
    """Shape and sampling of the planner."""

    skills: tuple[str, ...] = ()
    """Skill texts that it can imagine."""
    codec: CodecConfig = field(default_factory=CodecConfig)
    frames: int = 7
    """Imagined frames: linspace(0, T, frames + 1) without the first, so the last is the goal."""
    widths: tuple[int, ...] = (64, 128)
    """U-Net widths, one a resolution; multiples of 8."""
    layers: int = 1
    """Residual blocks a resolution."""
    objective: Literal["flow", "regression"] = "flow"
    """"regression" predicts the mean in one pass: the fastest, and the baseline to beat."""
    num_steps: int = 2
    """Euler steps; 1, 2, 4 and 8 measured alike (the paper samples 50 steps in 31 s)."""
    seed: int = 0
    """Of the sampling noise, until `reset` gives another."""
    scene_camera: str = "agentview"
    """Name of the pictures that it imagines."""
    text: TextConfig = field(default_factory=TextConfig)
    """How it reads the skill; training sets it by --text."""


class LatentVideoPlanner(VideoPlannerNetwork):
    """A U-Net on stacked frame latents, conditioned on the first frame's latent and the skill.

    It predicts the clean clip as a residual on the first frame's latent (x-prediction), so that a
    static background costs it nothing.
    """

    config_class: ClassVar[type[VideoPlannerConfig]] = VideoPlannerConfig
    config: VideoPlannerConfig

    def __init__(self, config: VideoPlannerConfig) -> None:
        """Build an untrained planner with an untrained codec inside."""
        super().__init__(config)
        self.codec = Codec(config.codec)
        channels = config.codec.channels
        self.unet = unet_2d(
            config.codec.grid,
            (channels * (config.frames + 1), channels * config.frames),
            config.widths,
            config.layers,
            1,
            max(1, len(config.skills)),
            config.text,
        )

    @property
    def kind(self) -> str:
        """Either "latent" or "regression"."""
        return "regression" if self.config.objective == "regression" else "latent"

    @property
    def size(self) -> int:
        """Height and width of the codec's pictures, px."""
        return self.config.codec.size

    @property
    def name(self) -> str:
        """Named in every result."""
        return f"latent-{self.config.objective}"

    def encode_frames(self, frames: Frames) -> Tensor:
        """As the codec does."""
        return self.codec.encode_frames(frames)

    def decode_frames(self, codes: Tensor) -> Frames:
        """As the codec does."""
        return self.codec.decode_frames(codes)

    def kept(self, frames: Frames) -> NDArray[Any]:
        """Latents: no augmentation changes pixels, so the codec can go first, once and for all.

        float16 halves the memory; the codec's own error is a hundred times larger.
        """
        return self.codec.encode_frames(frames).half().cpu().numpy()

    def from_kept(self, kept: NDArray[Any]) -> Tensor:
        """Back to float32."""
        return torch.from_numpy(kept).float()

    def predict(self, noisy: Tensor, times: Tensor, first: Tensor, skill: Tensor) -> Tensor:
        """The clean clip, from a noisy one.

        Args:
            noisy: Latents at time t, `[B, frames * C, G, G]`.
            times: `[B]`, 0 = noise, 1 = data.
            first: Latent of the current picture, `[B, C, G, G]`.
            skill: Skill indices, int64 `[B]`.

        Returns:
            `[B, frames * C, G, G]`.
        """
        inputs = torch.cat([noisy, first], dim=1)
        label = skill if self.texts is None else self.texts.mean(skill)
        # diffusers embeds timesteps of about 0..1000
        residual: Tensor = self.unet(inputs, times * 1000.0, class_labels=label).sample
        return residual.float() + first.repeat(1, self.config.frames, 1, 1)

    def losses(
        self, first: Tensor, clip: Tensor, skill: Tensor, generator: torch.Generator
    ) -> Tensor:
        """Loss of the predicted clean clip, one number a sample, `[B]`.

        The flow objective weights by 1 / (1 - t), bounded at 5: late on the path the task is easy
        and the details are decided. The regression objective is the same network at t = 0 without
        noise.
        """
        if self.config.objective == "regression":
            noisy, times = torch.zeros_like(clip), torch.zeros(len(clip), device=clip.device)
        else:
            times = logit_normal_times(len(clip), generator, clip.device)
            noisy = interpolate(normal(tuple(clip.shape), generator, clip.device), clip, times)
        predicted = self.predict(noisy, times, first, skill)
        error = (predicted - clip).square().mean(dim=(1, 2, 3))
        return error / (1 - times).clamp_min(0.2)

    @torch.no_grad()
    def sample(
        self, first: Tensor, skill: Tensor, generator: torch.Generator, num_steps: int | None = None
    ) -> Tensor:
        """Imagined latents `[B, frames, C, G, G]` for `first` `[B, C, G, G]` and `skill` `[B]`."""
        config = self.config
        batch, channels, grid, _ = first.shape
        shape = (batch, config.frames * channels, grid, grid)
        if config.objective == "regression":
            empty = first.new_zeros(shape)
            clip = self.predict(empty, first.new_zeros(batch), first, skill)
        else:
            clip = euler_from_data_prediction(
                lambda x, t: self.predict(x, first.new_full((batch,), t), first, skill),
                normal(shape, generator, first.device),
                num_steps or config.num_steps,
            )
        return clip.view(batch, config.frames, channels, grid, grid)
