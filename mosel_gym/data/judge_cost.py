"""What a judgement costs: calls, tokens, money and time, read off any analyzer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields


@dataclass(frozen=True)
class JudgeCost:
    """Sums; an analyzer without a foundation model costs seconds only."""

    calls: int = 0
    """Answers asked of a model; those from its cache are not among them."""
    cached: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    usd: float = 0.0
    """0 where the model's price is not known."""
    seconds: float = 0.0
    """Wall time of `analyze`."""

    def __add__(self, other: JudgeCost) -> JudgeCost:
        """The sum, part by part."""
        parts = (field.name for field in fields(self))
        return JudgeCost(**{name: getattr(self, name) + getattr(other, name) for name in parts})

    def plain(self) -> dict[str, float]:
        """For `info` and JSON."""
        return asdict(self)


class CostMeter:
    """Measures one call after another of an analyzer.

    Any analyzer will do. One with a foundation model has `usage`, or `model.usage`, with sums of
    `calls`, `cached`, `input_tokens`, `output_tokens` and `cost_usd`.
    """

    def __init__(self, analyzer: object) -> None:
        """Meter `analyzer`."""
        self._analyzer = analyzer
        self.last = JudgeCost()
        """Of the block measured last, one that raised included."""
        self.total = JudgeCost()

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Add what the block costs."""
        before, start_s = self._used(), time.perf_counter()
        try:
            yield
        finally:
            seconds, after = time.perf_counter() - start_s, self._used()
            calls, cached, read, written = (int(after[at] - before[at]) for at in range(4))
            self.last = JudgeCost(calls, cached, read, written, after[4] - before[4], seconds)
            self.total = self.total + self.last

    def _used(self) -> tuple[float, ...]:
        usage = getattr(self._analyzer, "usage", None)
        if usage is None:
            usage = getattr(getattr(self._analyzer, "model", None), "usage", None)
        names = ("calls", "cached", "input_tokens", "output_tokens", "cost_usd")
        return tuple(float(getattr(usage, name, 0)) for name in names)
