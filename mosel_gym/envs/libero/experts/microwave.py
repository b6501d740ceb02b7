"""Opening and closing."""

from __future__ import annotations

from collections.abc import Iterator

from mosel_gym.envs.libero.experts.hand import Array, Hand


def open_microwave(hand: Hand, name: str) -> Iterator[Array]:
    """Open."""
    yield from ()


def close_microwave(hand: Hand, name: str) -> Iterator[Array]:
    """Close."""
    yield from ()
