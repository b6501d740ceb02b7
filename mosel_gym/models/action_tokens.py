"""Stage 0 of the token policy: chunks of actions as a few tokens, and back (Mete et al. 2024).

A token is one of the codes of a finite scalar quantiser: each of a few numbers is rounded to a few
levels, and no codebook has to be learned or kept alive.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mosel_gym.errors import SpecMismatch


@dataclass(frozen=True)
class ActionTokensConfig:
    """Shape of the autoencoder of action chunks.

    Levels, kernels and strides are QueST's; its width is 256, and its decoder has 4 layers.
    """

    levels: tuple[int, ...] = (8, 5, 5, 5)
    """Levels of each quantised number; their product is the number of codes."""
    kernels: tuple[int, ...] = (5, 3, 3)
    strides: tuple[int, ...] = (2, 2, 1)
    """Of the convolutions; their product is how many actions one token stands for."""
    width: int = 128
    heads: int = 4
    encoder_depth: int = 2
    """Transformer layers behind the convolutions."""
    decoder_depth: int = 2
    """Transformer layers from tokens to actions; what costs most, since it works on all actions."""

    @property
    def stride(self) -> int:
        """Actions per token."""
        return math.prod(self.strides)

    def check(self, chunk: int) -> None:
        """Insist on numbers that fit together, and fit `chunk` actions.

        Raises:
            SpecMismatch: They do not; says which and how to mend it.
        """
        if min(self.levels, default=0) < 3:
            raise SpecMismatch(
                f"levels are {self.levels}; give at least one, each at least 3, such as (8, 5, 5)."
            )
        if len(self.kernels) != len(self.strides) or any(
            kernel < stride or stride < 1
            for kernel, stride in zip(self.kernels, self.strides, strict=False)
        ):
            raise SpecMismatch(
                f"kernels are {self.kernels}, strides {self.strides}; give one of each for every "
                "convolution, and no kernel shorter than its stride."
            )
        if chunk < 1 or chunk % self.stride:
            raise SpecMismatch(
                f"a chunk of {chunk} actions cannot be cut into tokens of {self.stride} actions; "
                f"make it a multiple of {self.stride}."
            )
        check_heads("the action tokens", self.width, self.heads)


class ActionTokens(nn.Module):
    """An autoencoder of normalised action chunks through a row of tokens.

    It sees actions and nothing else. A token knows the actions up to the end of its own stretch,
    and an action is decoded from the tokens up to its own: the first token alone says what to do
    first.
    """

    visible: Tensor
    earlier: Tensor
    positions: Tensor

    def __init__(self, action_size: int, chunk: int, config: ActionTokensConfig) -> None:
        """Build an untrained one for chunks of `chunk` actions of `action_size` numbers."""
        super().__init__()
        # Here, since it brings a compiler along that takes seconds to import.
        from vector_quantize_pytorch import FSQ

        config.check(chunk)
        width = config.width
        self.chunk, self.action_size = chunk, action_size
        self.count = chunk // config.stride
        """Tokens of a chunk, n."""
        self.codes = math.prod(config.levels)
        """Different tokens, C."""
        self.inward = nn.Linear(action_size, width)
        self.convolutions = nn.ModuleList(
            CausalConvolution(width, kernel, stride)
            for kernel, stride in zip(config.kernels, config.strides, strict=True)
        )
        self.encoder = nn.ModuleList(
            encoder_layer(width, config.heads) for _ in range(config.encoder_depth)
        )
        self.quantizer = FSQ(list(config.levels), dim=width)
        self.decoder = nn.ModuleList(
            nn.TransformerDecoderLayer(
                width, config.heads, 4 * width, 0.0, F.gelu, batch_first=True, norm_first=True
            )
            for _ in range(config.decoder_depth)
        )
        self.outward = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, action_size))
        self.register_buffer("positions", sines(chunk, width), persistent=False)
        self.register_buffer("earlier", later_hidden(chunk), persistent=False)
        steps, tokens = torch.arange(chunk), torch.arange(self.count)
        hidden = tokens[None] > (steps // config.stride)[:, None]
        self.register_buffer("visible", hidden, persistent=False)

    @torch.no_grad()
    def encode(self, actions: Tensor) -> Tensor:
        """Normalised actions `[B, chunk, A]` -> tokens, int64 `[B, n]` in 0..C-1.

        Always in float32: rounded differently, the same actions would become other tokens.
        """
        with torch.autocast(actions.device.type, enabled=False):
            indices: Tensor = self.quantizer(self._summaries(actions.float()))[1]
        return indices.long()

    def decode(self, tokens: Tensor) -> Tensor:
        """Tokens `[B, n]` -> normalised actions `[B, chunk, A]`."""
        return self._actions(self.quantizer.indices_to_codes(tokens))

    def forward(self, actions: Tensor) -> Tensor:
        """Normalised actions `[B, chunk, A]`, through their tokens and back, differentiable."""
        return self._actions(self.quantizer(self._summaries(actions))[0])

    def _summaries(self, actions: Tensor) -> Tensor:
        hidden: Tensor = self.inward(actions).transpose(1, 2)
        for convolution in self.convolutions:
            hidden = convolution(hidden)
        hidden = hidden.transpose(1, 2) + self.positions[: self.count]
        mask = self.earlier[: self.count, : self.count]
        for layer in self.encoder:
            hidden = layer(hidden, mask)
        return hidden

    def _actions(self, codes: Tensor) -> Tensor:
        memory = codes + self.positions[: self.count]
        hidden = self.positions.expand(len(codes), -1, -1)
        for layer in self.decoder:
            hidden = layer(hidden, memory, self.earlier, self.visible)
        actions: Tensor = self.outward(hidden)
        return actions.float()


class CausalConvolution(nn.Module):
    """A strided convolution over time; an output sees no further than its own stretch of inputs."""

    def __init__(self, width: int, kernel: int, stride: int) -> None:
        """Keep `width` channels, and one of `stride` steps."""
        super().__init__()
        self.padding = kernel - stride
        self.convolution = nn.Conv1d(width, width, kernel, stride)

    def forward(self, x: Tensor) -> Tensor:
        """`[B, width, T]` -> `[B, width, T / stride]`."""
        convolved: Tensor = F.gelu(self.convolution(F.pad(x, (self.padding, 0))))
        return convolved


def encoder_layer(width: int, heads: int) -> nn.TransformerEncoderLayer:
    """A transformer layer as both stages use it: normalised first, without dropout."""
    return nn.TransformerEncoderLayer(
        width, heads, 4 * width, 0.0, F.gelu, batch_first=True, norm_first=True
    )


def later_hidden(length: int) -> Tensor:
    """Attention mask, bool `[length, length]`: True where a row must not look, its own future."""
    return torch.ones(length, length, dtype=torch.bool).triu(1)


def sines(length: int, width: int) -> Tensor:
    """Fixed positions `[length, width]`: sines and cosines of falling frequencies."""
    frequencies = torch.exp(torch.arange(0, width, 2) * (-math.log(10_000.0) / width))
    angles = torch.arange(length)[:, None] * frequencies
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)[:, :width]


def check_heads(who: str, width: int, heads: int) -> None:
    """Insist that attention heads share a width evenly.

    Raises:
        SpecMismatch: They do not.
    """
    if heads < 1 or width % heads:
        fitting = [number for number in range(1, 17) if width % number == 0]
        raise SpecMismatch(
            f"{who}: a width of {width} cannot be shared by {heads} heads; take one of {fitting}."
        )
