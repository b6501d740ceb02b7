"""What known models cost. Prices change: the flags of `ChatConfig` come before this table."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mosel_gym.llm.chat import Usage
from mosel_gym.llm.config import ChatConfig


@dataclass(frozen=True)
class Price:
    """US dollars per million tokens."""

    in_usd: float
    out_usd: float
    picture_tokens: int = 1500
    """The most that one picture of up to 512 x 512 pixels counts, for estimates."""

    def cost_usd(self, usage: Usage) -> float:
        """Of so many tokens."""
        return (usage.input_tokens * self.in_usd + usage.output_tokens * self.out_usd) / 1e6


# The services' list prices, without discounts for cached prompts or batches. Where a price rises
# with the prompt's length, the one for up to 200 000 tokens stands here; an episode has fewer.
PRICES = {
    "openai:gpt-4.1": Price(2.00, 8.00),
    "openai:gpt-4.1-mini": Price(0.40, 1.60),
    "openai:gpt-4.1-nano": Price(0.10, 0.40),
    "openai:gpt-4o": Price(2.50, 10.00),
    "openai:gpt-4o-mini": Price(0.15, 0.60, picture_tokens=9000),
    "openai:gpt-5": Price(1.25, 10.00),
    "openai:gpt-5-mini": Price(0.25, 2.00),
    "openai:gpt-5-nano": Price(0.05, 0.40),
    "openai:o3": Price(2.00, 8.00),
    "openai:o4-mini": Price(1.10, 4.40),
    "google:gemini-2.5-pro": Price(1.25, 10.00),
    "google:gemini-2.5-flash": Price(0.30, 2.50),
    "google:gemini-2.5-flash-lite": Price(0.10, 0.40),
}
_FREE = Price(0.0, 0.0)
_DATE = re.compile(r"-\d{4}-\d{2}-\d{2}$")


def price_of(name: str, config: ChatConfig) -> Price | None:
    """The price of a model, None where none is known.

    Args:
        name: As `Provider.name`; a date at its end ("gpt-4.1-2025-04-14") changes no price.
        config: Its prices, if given, are the ones that count.
    """
    if config.price_in_usd is not None and config.price_out_usd is not None:
        return Price(config.price_in_usd, config.price_out_usd)
    if name.startswith(("transformers:", "scripted:")):
        return _FREE
    return PRICES.get(_DATE.sub("", name))
