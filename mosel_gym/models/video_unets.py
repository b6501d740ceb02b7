"""U-Nets of diffusers behind one face: a noisy clip, its first frame, a time and a skill in."""

from __future__ import annotations

from typing import Any, cast

import torch
from diffusers import UNet2DModel, UNet3DConditionModel
from torch import Tensor, nn

from mosel_gym.models.text_vectors import TextConfig, TextProjection, TextVectors

GROUPS = 8
"""Of the group norms; widths are multiples of it."""
TABLE_TOKENS = 4
"""Vectors that a learned table has for each skill, for a network that attends to them."""


def unet_2d(
    size: int,
    channels: tuple[int, int],
    widths: tuple[int, ...],
    layers: int,
    attention: int,
    rows: int,
    text: TextConfig,
) -> nn.Module:
    """A `UNet2DModel` that adds the skill to the time embedding.

    Args:
        size: Height and width, a multiple of 2 to the number of halvings.
        channels: In and out; a clip's frames are stacked in them.
        widths: One a resolution.
        layers: Residual blocks a resolution.
        attention: How many of the smallest resolutions have self-attention.
        rows: Rows of the learned table, without a text encoder.
        text: How the skill is read: as its row's number, or as the vector of a frozen encoder.
    """
    plain = len(widths) - attention
    frozen = text.encoder != "table"
    how: dict[str, Any] = {"class_embed_type": "identity"} if frozen else {"num_class_embeds": rows}
    unet: Any = UNet2DModel(  # type: ignore[no-untyped-call]
        sample_size=size,
        in_channels=channels[0],
        out_channels=channels[1],
        block_out_channels=widths,
        down_block_types=("DownBlock2D",) * plain + ("AttnDownBlock2D",) * attention,
        up_block_types=("AttnUpBlock2D",) * attention + ("UpBlock2D",) * plain,
        layers_per_block=layers,
        norm_num_groups=GROUPS,
        attention_head_dim=min(32, widths[-1]),
        **how,
    )
    if frozen:  # diffusers hands the vector over as it is; what is put here is trained
        unet.class_embedding = TextProjection(text.width, 4 * widths[0])
    return cast(nn.Module, unet)


class FramesAsChannels(nn.Module):
    """Frames stacked in the channels of a 2-D U-Net, the first frame behind them."""

    def __init__(
        self,
        size: int,
        frames: int,
        widths: tuple[int, ...],
        layers: int,
        attention: int,
        skills: int,
        text: TextConfig,
    ) -> None:
        """Build it for RGB; one row more than there are skills stands for "not told"."""
        super().__init__()
        channels = (3 * (frames + 1), 3 * frames)
        self.net = unet_2d(size, channels, widths, layers, attention, skills + 1, text)
        self.not_told = skills

    def forward(
        self,
        noisy: Tensor,
        times: Tensor,
        first: Tensor,
        skill: Tensor,
        told: Tensor,
        texts: TextVectors | None,
    ) -> Tensor:
        """What the network predicts.

        Args:
            noisy: `[B, frames * 3, S, S]`.
            times: `[B]`, in the about 0..1000 that diffusers embeds.
            first: `[B, 3, S, S]`.
            skill: int64 `[B]`.
            told: bool `[B]`: where False, the skill is kept from the network.
            texts: Vectors of a frozen encoder, or None for the learned table.

        Returns:
            `[B, frames * 3, S, S]`.
        """
        if texts is None:
            label = torch.where(told, skill, self.not_told)
        else:
            label = texts.mean(skill) * told[:, None]
        inputs = torch.cat([noisy, first], dim=1)
        predicted: Tensor = self.net(inputs, times, class_labels=label).sample
        return predicted


class FramesInTime(nn.Module):
    """Frames along the time axis of a 3-D U-Net, the first frame behind the channels of each."""

    def __init__(
        self,
        size: int,
        frames: int,
        widths: tuple[int, ...],
        layers: int,
        attention: int,
        skills: int,
        text: TextConfig,
    ) -> None:
        """Build it for RGB; it attends to the skill's vectors at the `attention` smallest sizes."""
        super().__init__()
        plain, width = len(widths) - attention, widths[-1]
        net: Any = UNet3DConditionModel
        self.net: nn.Module = net(
            sample_size=size,
            in_channels=6,
            out_channels=3,
            block_out_channels=widths,
            down_block_types=("DownBlock3D",) * plain + ("CrossAttnDownBlock3D",) * attention,
            up_block_types=("CrossAttnUpBlock3D",) * attention + ("UpBlock3D",) * plain,
            layers_per_block=layers,
            norm_num_groups=GROUPS,
            cross_attention_dim=width,
            attention_head_dim=8,  # to diffusers, this is the number of heads
        )
        # diffusers drops a tenth in time; AVDC nothing, and a resumed run would draw otherwise.
        for part in self.net.modules():
            if isinstance(part, nn.Dropout):
                part.p = 0.0
        self.frames = frames
        self.read: nn.Module
        if text.encoder == "table":
            self.read = nn.Embedding(skills, TABLE_TOKENS * width)
        else:
            self.read = TextProjection(text.width, width)

    def forward(
        self,
        noisy: Tensor,
        times: Tensor,
        first: Tensor,
        skill: Tensor,
        told: Tensor,
        texts: TextVectors | None,
    ) -> Tensor:
        """As `FramesAsChannels.forward`."""
        batch, _, height, width = noisy.shape
        clip = noisy.view(batch, self.frames, 3, height, width).transpose(1, 2)
        still = first[:, :, None].expand_as(clip)
        if texts is None:
            words: Tensor = self.read(skill).view(batch, TABLE_TOKENS, -1)
        else:
            words = self.read(texts.sequence(skill))
        words = words * told[:, None, None]
        inputs = torch.cat([clip, still], dim=1)
        predicted: Tensor = self.net(inputs, times, encoder_hidden_states=words).sample
        return predicted.transpose(1, 2).reshape(noisy.shape)
