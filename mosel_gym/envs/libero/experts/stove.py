"""The stove's knob."""

from __future__ import annotations

from collections.abc import Iterator

from mosel_gym.envs.libero.experts.hand import Array, Hand


def turn_knob(hand: Hand, stove: str, *, on: bool) -> Iterator[Array]:
    """Turn the knob."""
    yield from ()
