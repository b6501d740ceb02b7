"""How models are called: time, retries, budgets, cache and log, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ChatConfig:
    """Everything around a call; the model itself is chosen by a short text, see `chat_model`."""

    timeout_s: float = 120.0
    """Seconds that one try may wait for the service to say anything."""
    deadline_s: float = 300.0
    """Seconds for one call in all: tries, waits between them, uploads and slow answers."""
    retries: int = 4
    """Further tries after a rate limit, a server error or a lost connection, with growing waits."""
    calls_per_minute: float | None = None
    """Calls start at least 60 / this many seconds apart; None sets no limit."""
    max_calls: int | None = None
    """Calls that this run may make; answers from the cache are free. None sets no limit."""
    max_cost_usd: float | None = None
    """Money that this run may spend; needs a known price. None sets no limit."""
    price_in_usd: float | None = None
    """US dollars per million input tokens; None takes the table in `mosel_gym/llm/prices.py`."""
    price_out_usd: float | None = None
    """US dollars per million output tokens; None takes the table in `mosel_gym/llm/prices.py`."""
    cache: Path | None = None
    """Folder of earlier answers: the same question again costs nothing. None keeps none."""
    log: Path | None = None
    """File that gets one line of JSON a call: tokens, cost, seconds, outcome; no contents."""
    video_fps: float = 2.0
    """Frames a second that are looked at, by models that take an mp4."""
    max_frames: int = 20
    """Evenly spaced frames of each video, the last one included, for models that take pictures."""
    temperature: float | None = 0.0
    """Randomness of the answers; None leaves it to the model. Reasoning models are never told."""
    max_output_tokens: int = 8192
    """Tokens that an answer may have, a model's silent reasoning included."""

    def __post_init__(self) -> None:
        """Refuse values that mean nothing."""
        positive = (
            "timeout_s",
            "deadline_s",
            "calls_per_minute",
            "video_fps",
            "max_frames",
            "max_output_tokens",
        )
        for name in positive:
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name}={value} must be greater than 0")
        not_negative = (
            "retries",
            "max_calls",
            "max_cost_usd",
            "price_in_usd",
            "price_out_usd",
            "temperature",
        )
        for name in not_negative:
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise ValueError(f"{name}={value} must not be negative")
        if (self.price_in_usd is None) != (self.price_out_usd is None):
            raise ValueError(
                f"price_in_usd={self.price_in_usd} and price_out_usd={self.price_out_usd}: give "
                "both, or neither"
            )
