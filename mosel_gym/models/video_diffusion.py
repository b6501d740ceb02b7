"""The noise of the paper's video model: v-prediction on a cosine schedule, sampled with DDIM."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from diffusers import DDIMScheduler
from torch import Tensor

from mosel_gym.errors import SpecMismatch


def check_steps(num_steps: int, train_timesteps: int) -> None:
    """Insist on a number of sampling steps that DDIM places evenly.

    Raises:
        SpecMismatch: It is no divisor of `train_timesteps`.
    """
    allowed = [n for n in range(1, train_timesteps + 1) if not train_timesteps % n]
    if num_steps not in allowed:
        raise SpecMismatch(
            f"DDIM cannot sample in {num_steps} steps here: it has to be a divisor of the "
            f"{train_timesteps} training timesteps. Allowed: {allowed}; the paper has 50, 20 and "
            "10."
        )


class VDiffusion:
    """diffusers' DDIM scheduler with the settings under which v-prediction is sound.

    Non-obvious behaviour:
        - The schedule is rescaled so that its last step is noise alone; else sampling would start
          from a picture brightness that training never showed.
        - Timesteps are "trailing", so that the first one is that last step, however few there are.
        - The number of steps has to divide the number of training steps: for any other, diffusers
          places the steps at rounded times and then walks between truncated ones.
        - min-SNR weights for v are min(SNR, gamma) / (SNR + 1), which is 0 at the rescaled last
          step, the very one that sampling starts from. Here it is min(SNR + 1, gamma) / (SNR + 1),
          as diffusers' own training scripts have it.
    """

    def __init__(self, train_timesteps: int = 100, min_snr_gamma: float = 5.0) -> None:
        """Make the schedule."""
        self.train_timesteps = train_timesteps
        self.min_snr_gamma = min_snr_gamma
        scheduler: Any = DDIMScheduler
        self.scheduler: Any = scheduler(
            num_train_timesteps=train_timesteps,
            beta_schedule="squaredcos_cap_v2",
            prediction_type="v_prediction",
            timestep_spacing="trailing",
            rescale_betas_zero_snr=True,
            clip_sample=True,  # pixels are in -1..1
        )

    def noised(self, clip: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Draw times and noise for clean clips `[B, ...]`.

        Returns:
            The noisy clips, the timesteps int64 `[B]`, and the v to predict.
        """
        place = generator.device
        times = torch.randint(self.train_timesteps, (len(clip),), generator=generator, device=place)
        noise = torch.randn(clip.shape, generator=generator, device=place).to(clip.device)
        times = times.to(clip.device)
        noisy: Tensor = self.scheduler.add_noise(clip, noise, times)
        return noisy, times, self.scheduler.get_velocity(clip, noise, times)

    def weights(self, times: Tensor) -> Tensor:
        """Loss weights `[B]` of timesteps `[B]`, see above."""
        kept: Tensor = self.scheduler.alphas_cumprod.to(times.device)[times]
        plus_one = 1 / (1 - kept).clamp_min(1e-8)  # SNR + 1
        return plus_one.clamp_max(self.min_snr_gamma) / plus_one

    def sample(
        self, velocity: Callable[[Tensor, Tensor], Tensor], noise: Tensor, num_steps: int
    ) -> Tensor:
        """From noise `[B, ...]` to clean clips, by DDIM without chance.

        Args:
            velocity: Takes x and timesteps `[B]`, returns v in the shape of x.
            noise: Where to begin.
            num_steps: Passes; a divisor of the training steps.

        Raises:
            SpecMismatch: It is none.
        """
        check_steps(num_steps, self.train_timesteps)
        self.scheduler.set_timesteps(num_steps)
        x = noise
        for step in self.scheduler.timesteps:
            v = velocity(x, step.to(x.device).expand(len(x)))
            x = self.scheduler.step(v, step, x).prev_sample
        return x
