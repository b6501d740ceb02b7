"""Pictures every so many steps, and at no other time."""

from __future__ import annotations

from typing import Any


class PictureSchedule:
    """Repeats pictures that were drawn out of turn.

    An environment that draws every few steps also draws when the goal is reached. A fresh picture
    out of turn, and the age of pictures after it, would tell of the simulator's success.

    Args:
        every: Steps between two pictures; 1 leaves everything as it is.
    """

    def __init__(self, every: int) -> None:
        self._every = every
        self._pictures: dict[str, Any] = {}

    def seen(self, step: int, observation: Any, info: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """What may be seen at a step, counted from 0 at the reset."""
        age = step % self._every
        if self._every == 1 or age == 0 or "image_age" not in info:
            self._pictures = {
                name: value for name, value in observation.items() if getattr(value, "ndim", 0) == 3
            }
            return observation, info
        if info["image_age"] == age:
            return observation, info
        return {**observation, **self._pictures}, {**info, "image_age": age}
