"""The autoencoder of action chunks, untrained: shapes, and who may see what."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from mosel_gym.errors import SpecMismatch
from mosel_gym.models.action_tokens import ActionTokens, ActionTokensConfig

SMALL = ActionTokensConfig(width=16, heads=2, encoder_depth=1, decoder_depth=1)


@pytest.fixture
def tokens() -> ActionTokens:
    torch.manual_seed(0)
    return ActionTokens(7, 32, SMALL).eval()


def test_a_chunk_of_32_becomes_8_of_1000_tokens(tokens: ActionTokens) -> None:
    assert (tokens.count, tokens.codes) == (8, 1000)
    actions = torch.rand(5, 32, 7) * 2 - 1
    codes = tokens.encode(actions)
    assert codes.shape == (5, 8)
    assert codes.dtype == torch.int64
    assert 0 <= codes.min() <= codes.max() < 1000
    assert len(codes.unique()) > 1
    decoded = tokens.decode(codes)
    assert decoded.shape == actions.shape
    torch.testing.assert_close(decoded, tokens(actions))  # the same way, by codes or by numbers


def test_a_token_knows_nothing_of_later_actions(tokens: ActionTokens) -> None:
    actions = torch.rand(1, 32, 7) * 2 - 1
    summaries = tokens._summaries(actions)
    changed = actions.clone()
    changed[:, 12:] = -changed[:, 12:]
    other = tokens._summaries(changed)
    torch.testing.assert_close(other[:, :3], summaries[:, :3])
    assert (other[:, 3:] - summaries[:, 3:]).abs().amax(dim=2).min() > 1e-4
    changed = actions.clone()
    changed[:, 11] = -changed[:, 11]  # the last action of the third token's own stretch
    assert (tokens._summaries(changed)[:, 2] - summaries[:, 2]).abs().max() > 1e-4


def test_the_first_token_alone_says_what_to_do_first(tokens: ActionTokens) -> None:
    codes = torch.tensor([[1, 200, 300, 400, 500, 600, 700, 800]])
    decoded = tokens.decode(codes)
    changed = codes.clone()
    changed[:, 3:] = 7
    other = tokens.decode(changed)
    torch.testing.assert_close(other[:, :12], decoded[:, :12])
    assert (other[:, 12:] - decoded[:, 12:]).abs().amax(dim=2).min() > 1e-4


def test_gradients_pass_the_rounding(tokens: ActionTokens) -> None:
    actions = torch.rand(2, 32, 7)
    (tokens(actions) - actions).abs().mean().backward()
    assert all(parameter.grad is not None for parameter in tokens.parameters())
    assert float(tokens.inward.weight.grad.abs().sum()) > 0  # type: ignore[union-attr]


def test_tokens_do_not_depend_on_mixed_precision(tokens: ActionTokens) -> None:
    actions = torch.rand(16, 32, 7) * 2 - 1
    with torch.autocast("cpu", torch.bfloat16):
        inside = tokens.encode(actions)
    assert torch.equal(inside, tokens.encode(actions))


@pytest.mark.parametrize(
    ("changes", "chunk", "said"),
    [
        ({}, 30, "multiple of 4"),
        ({"levels": (8, 2)}, 32, "at least 3"),
        ({"kernels": (5, 3)}, 32, "one of each"),
        ({"strides": (2, 4, 1)}, 32, "no kernel shorter"),
        ({"heads": 3}, 32, r"one of \[1, 2, 4, 8, 16\]"),
    ],
)
def test_numbers_that_do_not_fit_are_named(changes: dict[str, Any], chunk: int, said: str) -> None:
    with pytest.raises(SpecMismatch, match=said):
        ActionTokens(7, chunk, replace(SMALL, **changes))
