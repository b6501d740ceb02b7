"""stub"""
from __future__ import annotations

from collections.abc import Iterator

from mosel_gym.envs.libero.experts.errors import AimErrors
from mosel_gym.envs.libero.experts.hand import Array, Hand
from mosel_gym.envs.libero.experts.held import Held


def slide_in(hand: Hand, held: Held, where: str, errors: AimErrors) -> Iterator[Array]:
    yield from ()
