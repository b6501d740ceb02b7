"""Limits on calls, money and pace, shared by all threads that use a model."""

from __future__ import annotations

import threading
import time

from mosel_gym.errors import BudgetReached
from mosel_gym.llm.chat import Usage


class Budget:
    """What may still be spent. A call is booked before it is made, so that threads cannot race.

    Args:
        name: Of the model, for messages.
        max_calls: None sets no limit.
        max_cost_usd: None sets no limit.
        total: Another budget that everything is taken from as well, shared by several models.
    """

    def __init__(
        self,
        name: str,
        max_calls: int | None,
        max_cost_usd: float | None,
        total: Budget | None = None,
    ) -> None:
        self._name = name
        self._total = total
        self._max_calls = max_calls
        self._max_cost_usd = max_cost_usd
        self._lock = threading.Lock()
        self._used = Usage()
        self._booked_usd = 0.0

    @property
    def used(self) -> Usage:
        """Of all calls so far, those under way included in `calls`."""
        with self._lock:
            return self._used

    def book(self, most_usd: float) -> None:
        """Take one call from the budget.

        Args:
            most_usd: What it can cost at most, by estimate.

        Raises:
            BudgetReached: There is none left, or too little money for such a call.
        """
        with self._lock:
            calls, spent_usd = self._used.calls, self._used.cost_usd
            if self._max_calls is not None and calls >= self._max_calls:
                raise BudgetReached(
                    f"{self._name}: all {self._max_calls} calls of the budget are used. Nothing "
                    "was sent. --llm.max-calls allows more; --llm.cache makes a second run start "
                    "from the answers of the first."
                )
            limit_usd = self._max_cost_usd
            if limit_usd is not None and spent_usd + self._booked_usd + most_usd > limit_usd:
                raise BudgetReached(
                    f"{self._name}: {spent_usd:.4f} of {limit_usd:g} US dollars are spent after "
                    f"{calls} calls, {self._booked_usd:.4f} are booked, and the next call may cost "
                    f"{most_usd:.4f}. Nothing was sent. --llm.max-cost-usd allows more; a smaller "
                    "--llm.max-output-tokens makes the estimate smaller."
                )
            if self._total is not None:
                self._total.book(most_usd)
            self._used += Usage(calls=1)
            self._booked_usd += most_usd

    def settle(self, most_usd: float, used: Usage) -> None:
        """Replace what was booked by what it was; `used` does not count the call again."""
        if self._total is not None:
            self._total.settle(most_usd, used)
        with self._lock:
            self._booked_usd -= most_usd
            self._used += used

    def add(self, used: Usage) -> None:
        """Count what was free, such as an answer from the cache."""
        self.settle(0.0, used)


class Pace:
    """Lets calls start at least so far apart.

    Args:
        calls_per_minute: None lets them start at once.
    """

    def __init__(self, calls_per_minute: float | None) -> None:
        self._apart_s = 60.0 / calls_per_minute if calls_per_minute else 0.0
        self._lock = threading.Lock()
        self._next_s = 0.0

    def wait(self) -> None:
        """Sleep until it is this caller's turn."""
        if not self._apart_s:
            return
        with self._lock:
            now_s = time.monotonic()
            turn_s = max(now_s, self._next_s)
            self._next_s = turn_s + self._apart_s
        time.sleep(turn_s - now_s)
