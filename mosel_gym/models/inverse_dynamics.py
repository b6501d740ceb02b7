"""The inverse dynamics [pi], section 3.3: what to do to make the scene look like the goal frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from mosel_gym.models.blocks import Denoiser
from mosel_gym.models.flow import TimeEmbedding, euler, interpolate, normal, uniform_times
from mosel_gym.models.goal_conditioned import GoalConditionedConfig, GoalConditionedPolicy
from mosel_gym.models.policy_batch import PolicyBatch, SampleLosses

_SPELLED_OUT = {"action_dim": 7, "gripper_dim": 6, "proprio_dim": 8, "rotation_at": 3}


@dataclass(frozen=True)
class GoalPolicyConfig(GoalConditionedConfig):
    """Shape and sampling of the policy."""

    depth: int = 4
    """Residual blocks of the denoiser."""
    expansion: float = 1.0
    """Hidden width of a block, in units of `width`."""
    num_steps: int = 8
    """Euler steps of the sampler."""
    temperature: float = 0.0
    """Scale of the noise that a chunk is sampled from: 1 = a sample of what was learned, 0 = always
    the same one, from the middle of the noise. Measured on LIBERO: 0 grasps and places better."""


class GoalPolicy(GoalConditionedPolicy):
    """A diffusion policy with a goal frame: flow matching over a chunk of actions.

    The paper's policy on LIBERO (Appendix F, after Chi et al. 2023).
    """

    config_class: ClassVar[type[GoalPolicyConfig]] = GoalPolicyConfig
    config: GoalPolicyConfig
    kind: ClassVar[str] = "diffusion"
    base_name: ClassVar[str] = "goal-policy"
    loss_name: ClassVar[str] = "flow"

    def _build_decoder(self) -> None:
        config = self.config
        self.time_embedding = TimeEmbedding(config.width)
        self.denoiser = Denoiser(
            config.chunk * self.robot.action_size, config.width, config.depth, config.expansion
        )

    @classmethod
    def upgraded(cls, stored: Mapping[str, Any]) -> dict[str, Any]:
        """Configs from before robots had names spell one out; it can only have been "panda"."""
        values = {name: value for name, value in stored.items() if name not in _SPELLED_OUT}
        spelled = {name: stored[name] for name in _SPELLED_OUT if name in stored}
        if any(spelled[name] != _SPELLED_OUT[name] for name in spelled):
            raise ValueError(f"{spelled} are not those of the robot 'panda', {_SPELLED_OUT}")
        return values

    def velocity(self, noisy: Tensor, times: Tensor, condition: Tensor) -> Tensor:
        """Velocity of the flow at normalised actions `[B, chunk * A]`, times `[B]`."""
        embedded = condition + self.time_embedding(times)
        velocity: Tensor = self.denoiser(noisy, embedded)
        return velocity.float()

    def losses(self, batch: PolicyBatch, generator: torch.Generator, draws: int) -> SampleLosses:
        """Flow-matching error, averaged over chunk and action dimensions, at `draws` times each."""
        count, device = len(batch.actions), batch.actions.device
        condition = self.encode_batch(batch)
        actions = batch.actions.repeat(draws, 1)
        noise = normal(tuple(actions.shape), generator, device)
        times = uniform_times(len(actions), generator, device)
        velocity = self.velocity(
            interpolate(noise, actions, times), times, condition.repeat(draws, 1)
        )
        flow = (velocity - (actions - noise)).square().mean(dim=1)
        return SampleLosses(
            flow.view(draws, count).T,
            times.view(draws, count).T,
            self.progress_errors(condition, batch),
        )

    @torch.no_grad()
    def sample(
        self, condition: Tensor, generator: torch.Generator, without_goal: Tensor | None = None
    ) -> Tensor:
        """Actions `[B, chunk, A]`; guidance changes the velocity at every step of the flow."""
        config = self.config
        batch, size = len(condition), self.robot.action_size
        noise = normal((batch, config.chunk * size), generator, condition.device)
        noise = noise * (config.temperature if self._temperature is None else self._temperature)
        steps = config.num_steps
        times = torch.arange(steps, device=condition.device) / steps
        both = condition if without_goal is None else torch.cat([condition, without_goal])
        embedded = both + self.time_embedding(times)[:, None]
        modulations = self.denoiser.modulations(embedded)  # [steps, B or 2 B, 3 width] each

        def velocity(x: Tensor, t: float) -> Tensor:
            step = round(t * steps)
            at_step = [every[step] for every in modulations]
            if without_goal is None:
                return self.denoiser.denoise(x, at_step).float()
            told, untold = self.denoiser.denoise(x.repeat(2, 1), at_step).float().chunk(2)
            return told + config.guidance * (told - untold)

        flat = euler(velocity, noise, steps)
        # never beyond what the demonstrations did
        actions = flat.clamp(-1, 1).view(batch, config.chunk, size)
        return self.action_scaling.decode(actions)
