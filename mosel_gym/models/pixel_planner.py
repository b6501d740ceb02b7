"""Video planners in pixels: the paper's 3-D diffusion model, and a small one for little compute."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import torch
from numpy.typing import NDArray
from torch import Tensor

from mosel_gym.models.flow import (
    euler_from_data_prediction,
    interpolate,
    logit_normal_times,
    normal,
)
from mosel_gym.models.images import checked, to_frames, to_tensor
from mosel_gym.models.text_vectors import TextConfig
from mosel_gym.models.video_base import VideoPlannerNetwork
from mosel_gym.models.video_diffusion import VDiffusion, check_steps
from mosel_gym.models.video_unets import FramesAsChannels, FramesInTime
from mosel_gym.types import Frames


@dataclass(frozen=True)
class PixelPlannerConfig:
    """Shape and sampling; the defaults are those of the kind "pixel-small"."""

    skills: tuple[str, ...] = ()
    """Skill texts that it can imagine."""
    network: Literal["unet2d", "unet3d"] = "unet2d"
    """Frames as channels of a 2-D U-Net, or along the time axis of a 3-D one."""
    size: int = 64
    """Height and width of the pictures, px; a multiple of 2 to the number of halvings."""
    frames: int = 7
    """Imagined frames: linspace(0, T, frames + 1) without the first, so the last is the goal."""
    widths: tuple[int, ...] = (64, 128, 256, 256)
    """U-Net widths, one a resolution; multiples of 8."""
    layers: int = 1
    """Residual blocks a resolution."""
    attention: int = 1
    """How many of the smallest resolutions have attention."""
    objective: Literal["flow", "v_prediction"] = "flow"
    """"flow": flow matching, few explicit sigmas. "v_prediction": as the paper, with DDIM."""
    num_steps: int = 4
    """Passes for a plan. Of a flow 2 to 8; of v-prediction a divisor of `train_timesteps`."""
    train_timesteps: int = 100
    """Of v-prediction."""
    min_snr_gamma: float = 5.0
    """Of v-prediction: bounds the weight of nearly clean clips in the loss."""
    text_dropout: float = 0.0
    """Share of samples in training from which the skill is kept."""
    guidance: float = 0.0
    """w of classifier-free guidance, (1 + w) told - w untold; it doubles the time of a plan."""
    seed: int = 0
    """Of the sampling noise, until `reset` gives another."""
    scene_camera: str = "agentview"
    """Name of the pictures that it imagines."""
    text: TextConfig = field(default_factory=TextConfig)
    """How it reads the skill; training sets it by --text."""

    def __post_init__(self) -> None:
        """Refuse steps that DDIM cannot take, before anything is trained or evaluated."""
        if self.objective == "v_prediction":
            check_steps(self.num_steps, self.train_timesteps)


class PixelVideoPlanner(VideoPlannerNetwork):
    """A U-Net of diffusers on the pixels of a clip, conditioned on its first frame and the skill.

    With "flow" it predicts the clean clip as a residual on the first frame, as the latent planner
    does; with "v_prediction" it predicts v of the paper's diffusion.
    """

    config_class: ClassVar[type[PixelPlannerConfig]] = PixelPlannerConfig
    config: PixelPlannerConfig

    def __init__(self, config: PixelPlannerConfig) -> None:
        """Build an untrained planner."""
        super().__init__(config)
        network = FramesAsChannels if config.network == "unet2d" else FramesInTime
        self.unet = network(
            config.size,
            config.frames,
            config.widths,
            config.layers,
            config.attention,
            max(1, len(config.skills)),
            config.text,
        )
        self._diffusion = VDiffusion(config.train_timesteps, config.min_snr_gamma)

    @property
    def kind(self) -> str:
        """Either "pixel-small" or "paper"."""
        return "pixel-small" if self.config.network == "unet2d" else "paper"

    @property
    def size(self) -> int:
        """Height and width of the pictures, px."""
        return self.config.size

    @property
    def name(self) -> str:
        """Named in every result."""
        return f"{self.kind}-{self.config.objective.replace('_', '-')}"

    def encode_frames(self, frames: Frames) -> Tensor:
        """Pixels in -1..1."""
        return to_tensor(checked(frames, self.size), self.device)

    def decode_frames(self, codes: Tensor) -> Frames:
        """Clipped to -1..1."""
        return to_frames(codes)

    def kept(self, frames: Frames) -> NDArray[Any]:
        """uint8 `[N, S, S, 3]`; no copy where the size fits."""
        return checked(frames, self.size)

    def from_kept(self, kept: NDArray[Any]) -> Tensor:
        """Pixels in -1..1."""
        return to_tensor(kept)

    def predict(
        self, noisy: Tensor, times: Tensor, first: Tensor, skill: Tensor, told: Tensor
    ) -> Tensor:
        """With "flow" the clean clip, with "v_prediction" v; all `[B, frames * 3, S, S]`.

        Args:
            noisy: The clip at its time.
            times: `[B]`: of a flow 0 = noise, 1 = data; else the timestep.
            first: The current picture, `[B, 3, S, S]`.
            skill: Skill indices, int64 `[B]`.
            told: bool `[B]`: where the skill is shown.
        """
        flow = self.config.objective == "flow"
        scale = 1000.0 if flow else 1000.0 / self.config.train_timesteps
        out: Tensor = self.unet(noisy, times * scale, first, skill, told, self.texts).float()
        return out + first.repeat(1, self.config.frames, 1, 1) if flow else out

    def losses(
        self, first: Tensor, clip: Tensor, skill: Tensor, generator: torch.Generator
    ) -> Tensor:
        """Squared error `[B]`: weighted by 1 / (1 - t), bounded at 5, or by min-SNR."""
        place = generator.device
        drawn = torch.rand(len(clip), generator=generator, device=place).to(clip.device)
        told = drawn >= self.config.text_dropout
        if self.config.objective == "flow":
            times = logit_normal_times(len(clip), generator, clip.device)
            noisy = interpolate(normal(tuple(clip.shape), generator, clip.device), clip, times)
            target, weights = clip, 1 / (1 - times).clamp_min(0.2)
        else:
            noisy, times, target = self._diffusion.noised(clip, generator)
            weights = self._diffusion.weights(times)
        predicted = self.predict(noisy, times, first, skill, told)
        return (predicted - target).square().mean(dim=(1, 2, 3)) * weights

    @torch.no_grad()
    def sample(
        self, first: Tensor, skill: Tensor, generator: torch.Generator, num_steps: int | None = None
    ) -> Tensor:
        """Imagined pixels `[B, frames, 3, S, S]` for `first` `[B, 3, S, S]` and `skill` `[B]`."""
        config, steps = self.config, num_steps or self.config.num_steps
        batch, channels, size, _ = first.shape
        shape = (batch, config.frames * channels, size, size)
        noise = normal(shape, generator, first.device)
        if config.objective == "flow":
            clip = euler_from_data_prediction(
                lambda x, t: self._guided(x, first.new_full((batch,), t), first, skill),
                noise,
                steps,
            )
        else:
            clip = self._diffusion.sample(
                lambda x, t: self._guided(x, t, first, skill), noise, steps
            )
        return clip.view(batch, config.frames, channels, size, size)

    def _guided(self, noisy: Tensor, times: Tensor, first: Tensor, skill: Tensor) -> Tensor:
        told = torch.ones(len(first), dtype=torch.bool, device=first.device)
        predicted = self.predict(noisy, times, first, skill, told)
        if self.config.guidance == 0:
            return predicted
        untold = self.predict(noisy, times, first, skill, ~told)
        return predicted + self.config.guidance * (predicted - untold)
