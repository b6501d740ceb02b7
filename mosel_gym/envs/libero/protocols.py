"""What a step limit, a warm-up and a settle action are: presets, because the field disagrees."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from mosel_gym.errors import UnknownId


@dataclass(frozen=True)
class Protocol:
    """How an episode starts and ends."""

    name: str
    warm_up_steps: int
    """Idle control steps inside `reset`: LIBERO's objects start in the air and fall."""
    settle_gripper: float
    """Gripper command of those steps; -1 opens."""
    max_steps: int
    """Control steps until `truncated`."""


PROTOCOLS: dict[str, Protocol] = {
    # Two skills of 250 steps and two arm transitions of 50 (Appendix J).
    "mosel": Protocol("mosel", warm_up_steps=15, settle_gripper=-1.0, max_steps=600),
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
