"""The network of the monolithic policy, as parts of a stable-baselines3 model."""

from __future__ import annotations

from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.policies import MultiInputActorCriticPolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor, MlpExtractor
from torch import Tensor, nn


class PlainEncoder(nn.Module):
    """Three convolutions, then one vector. The last grid is flattened, so that location is kept.

    Without normalisation inside: group normalisation took half of a training step on a CPU.
    """

    def __init__(self, in_channels: int, size: int, features: int) -> None:
        """Take `[B, in_channels, size, size]`; `size` is a multiple of 8, px."""
        super().__init__()
        widths = (in_channels, 32, 64, 64)
        layers: list[nn.Module] = []
        for narrow, wide, kernel in zip(widths, widths[1:], (5, 3, 3), strict=False):
            layers += [nn.Conv2d(narrow, wide, kernel, 2, padding=kernel // 2), nn.ReLU()]
        self.layers = nn.Sequential(
            *layers,
            nn.Conv2d(64, 32, 1),  # halves the largest matrix of the network
            nn.Flatten(),
            nn.Linear(32 * (size // 8) ** 2, features),
            nn.LayerNorm(features),
        )

    def forward(self, pixels: Tensor) -> Tensor:
        """Pixels in -1..1 -> `[B, features]`."""
        result: Tensor = self.layers(pixels)
        return result


class PictureFeatures(BaseFeaturesExtractor):
    """Two picture encoders and a layer for the rest; pictures come in 0..1, as SB3 scales them.

    No batch normalisation: PPO compares the network in evaluation with the network in training.

    Args:
        observation_space: Of `PictureView`.
        features: Numbers from each picture encoder.
        state_features: Numbers from proprioception, time and goal text.
    """

    def __init__(
        self, observation_space: spaces.Dict, features: int = 256, state_features: int = 128
    ) -> None:
        pictures: list[str] = [
            name for name in ("scene", "hands") if name in observation_space.spaces
        ]
        super().__init__(observation_space, len(pictures) * features + state_features)
        encoders: dict[str, nn.Module] = {}
        for name in pictures:
            shape = observation_space[name].shape
            assert shape is not None
            encoders[name] = PlainEncoder(shape[0], shape[1], features)
        self.encoders = nn.ModuleDict(encoders)
        shape = observation_space["state"].shape
        assert shape is not None
        self.state = nn.Sequential(nn.Linear(shape[0], state_features), nn.SiLU())

    def forward(self, observations: dict[str, Tensor]) -> Tensor:
        """`[B, ...]` of each -> `[B, features_dim]`."""
        parts = [encoder(observations[name] * 2 - 1) for name, encoder in self.encoders.items()]
        return torch.cat([*parts, self.state(observations["state"])], dim=1)


class DetachedCritic(MlpExtractor):
    """The critic reads the features and does not shape them."""

    def forward_critic(self, features: Tensor) -> Tensor:
        """Features `[B, F]` -> latent of the value; no gradient goes back."""
        return super().forward_critic(features.detach())


class MonolithicPolicy(MultiInputActorCriticPolicy):
    """stable-baselines3's actor-critic, whose value loss leaves the cloned features alone.

    A value head that starts from noise would otherwise pull at an encoder that behaviour cloning
    has shaped, before the first reward is seen.
    """

    def _build_mlp_extractor(self) -> None:
        self.mlp_extractor = DetachedCritic(
            self.features_dim,
            net_arch=self.net_arch,
            activation_fn=self.activation_fn,
            device=self.device,
        )

    def mean_actions(self, observations: dict[str, Tensor]) -> Tensor:
        """The mean of the Gaussian, `[B, chunk * A]`; pictures uint8 as in the space."""
        features = self.extract_features(observations)
        assert isinstance(features, Tensor)
        mean: Tensor = self.action_net(self.mlp_extractor.forward_actor(features))
        return mean

    def actor_parameters(self) -> list[nn.Parameter]:
        """All that decides the actions."""
        critic: set[Any] = {*self.mlp_extractor.value_net.parameters()}
        critic |= {*self.value_net.parameters()}
        return [parameter for parameter in self.parameters() if parameter not in critic]
