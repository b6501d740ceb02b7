"""Small synthetic clips: a block that slides left or right, from the same first picture."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mosel_gym.data.windows import Clip

MakeClips = Callable[..., list[Clip]]
SIZE = 16


def sliding_block(direction: int, steps: int, rng: np.random.Generator, every: int) -> Clip:
    """A white block on grey that moves by up to 6 px; the action is its direction."""
    frames = np.full((steps + 1, SIZE, SIZE, 3), 90, np.uint8)
    for step in range(steps + 1):
        left = 6 + round(direction * 6 * step / steps)
        frames[step, 6:10, left : left + 4] = (250, 240, 60)
    wrist = np.full_like(frames, 60)
    proprio = rng.normal(0, 0.01, (steps + 1, 8)).astype(np.float32)
    proprio[:, 3] += 3.1
    actions = np.zeros((steps, 7), np.float32)
    actions[:, 0] = 0.8 * direction
    actions[:, 6] = -1
    fresh = np.arange(steps + 1) % every == 0
    skill = "slide left" if direction < 0 else "slide right"
    return Clip(skill, frames, wrist, proprio, actions, fresh, success=True)


@pytest.fixture(scope="session")
def make_clips() -> MakeClips:
    def make(count: int = 4, steps: int = 24, every: int = 1) -> list[Clip]:
        rng = np.random.default_rng(0)
        return [sliding_block((-1, 1)[i % 2], steps, rng, every) for i in range(count)]

    return make
