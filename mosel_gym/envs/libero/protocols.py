"""What a step limit, a warm-up and an upright picture are: presets, because the field disagrees."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from mosel_gym.errors import UnknownId

Orientation = Literal["upright", "opengl", "rotated"]
"""How pictures are handed out. "upright": as one sees it. "opengl": bottom row first, as LIBERO's
own environment does. "rotated": that picture turned by 180 degrees, which is the upright one
mirrored left to right, as most VLA models have been trained on."""


@dataclass(frozen=True)
class Protocol:
    """How an episode starts, ends and is seen."""

    name: str
    warm_up_steps: int
    """Idle control steps inside `reset`: LIBERO's objects start in the air and fall."""
    settle_gripper: float
    """Gripper command of those steps; -1 opens, 0 leaves it."""
    max_steps: Mapping[str, int]
    """Control steps until `truncated`, by suite."""
    states: Literal["sampled", "stored"]
    """Where `reset(seed=s)` takes its layout from: drawn from the seed by LIBERO's samplers, or
    LIBERO's stored state number `s` modulo their count."""
    fixture_seed: int | None
    """Seed of the fixtures' poses where a stored state is taken, which does not hold them; None
    takes the episode's seed."""
    orientation: Orientation


PROTOCOLS: dict[str, Protocol] = {
    preset.name: preset
    for preset in (
        # Long tasks: two skills of 250 steps and two arm transitions of 50 (Appendix J).
        Protocol("mosel", 15, -1.0, {"libero_10": 600, "libero_90": 400}, "sampled", 0, "upright"),
        # LIBERO's own lifelong-learning evaluation: zeros as idle action.
        Protocol("upstream", 5, 0.0, {"libero_10": 600, "libero_90": 600}, "stored", 0, "opengl"),
        # openpi's examples/libero; its environment is seeded with 7 once per task.
        Protocol("openpi", 10, -1.0, {"libero_10": 520, "libero_90": 400}, "stored", 7, "rotated"),
        # LeRobot's processor does the half turn later, so that its environment hands out OpenGL's.
        Protocol(
            "lerobot", 10, -1.0, {"libero_10": 520, "libero_90": 400}, "stored", None, "opengl"
        ),
        Protocol("rlinf", 15, 0.0, {"libero_10": 520, "libero_90": 400}, "stored", None, "rotated"),
    )
}


def protocol(name: str) -> Protocol:
    """Look a preset up.

    Raises:
        UnknownId: There is no such preset.
    """
    if name in PROTOCOLS:
        return PROTOCOLS[name]
    near = difflib.get_close_matches(name, PROTOCOLS, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise UnknownId(f"Unknown protocol {name!r}. Allowed: {sorted(PROTOCOLS)}.{hint}")
