"""One thread that judges, and a bounded number of judgements that wait for it."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from queue import Empty, SimpleQueue
from threading import Thread, current_thread
from typing import Any, Literal, Protocol

from mosel_gym.data.judge_cost import CostMeter, JudgeCost
from mosel_gym.errors import BudgetReached
from mosel_gym.types import Episode, Reflection

OnFull = Literal["wait", "drop"]
_Jobs = SimpleQueue[Callable[[], None] | None]


class Analyzer(Protocol):
    """Whatever judges episodes: every video analyzer of this package, or one of your own."""

    def analyze(self, episode: Episode) -> Reflection:
        """Judge each skill segment."""
        ...


@dataclass(frozen=True)
class Judgement:
    """What came of one question."""

    ticket: Any
    """As it was given to `submit`."""
    reflection: Reflection | None
    """None if there is no answer; `error` then says why."""
    error: str = ""
    stopped: bool = False
    """Whether it was the budget that stopped it."""
    cost: JudgeCost = field(default_factory=JudgeCost)


class JudgeQueue:
    """Asks an analyzer in a thread of its own, in the order of the questions.

    Non-obvious behaviour:
        - The thread begins with the first question and ends with `close`, or with the program: then
          too the call under way ends and what waits is not asked. A copy by pickle begins without
          questions.
        - An exception of the analyzer is an answer too: `error` has its class and its message.
        - After a `BudgetReached` nothing is asked any more; what waits comes back unanswered.

    Args:
        analyzer: An object with `analyze(episode)`, or a function that makes one.
        size: Questions under way or waiting, at most.
        on_full: "wait" until the oldest is answered, or "drop" the new one.
    """

    def __init__(
        self, analyzer: Analyzer | Callable[[], Analyzer], size: int, on_full: OnFull
    ) -> None:
        self._given, self._size, self._on_full = analyzer, size, on_full
        one = hasattr(analyzer, "analyze") and not isinstance(analyzer, type)
        made: Any = analyzer if one else analyzer()  # type: ignore[operator]
        self._analyzer: Analyzer = made
        self._meter = CostMeter(made)
        self._jobs: _Jobs = SimpleQueue()
        self._end: weakref.finalize[Any, Any] | None = None
        self._waiting: deque[Future[Judgement]] = deque()
        self.stopped = ""
        """Why nothing is asked any more; empty while questions are taken."""
        self.dropped = 0
        """Questions that were not asked, because too many waited or because judging stopped."""
        self.asked = 0
        self.errors = 0

    def __reduce__(self) -> tuple[Any, ...]:
        """Rebuild it elsewhere; neither a thread nor its answers travel."""
        return type(self), (self._given, self._size, self._on_full)

    @property
    def cost(self) -> JudgeCost:
        """Of everything asked so far."""
        return self._meter.total

    @property
    def waiting(self) -> int:
        """Questions whose answer was not taken yet."""
        return len(self._waiting)

    def submit(self, ticket: Any, episode: Callable[[], Episode]) -> bool:
        """Ask.

        Args:
            ticket: Comes back with the answer.
            episode: Builds the episode; called in the thread, so that copying pictures costs the
                caller nothing.

        Returns:
            Whether the question was taken.
        """
        busy = [future for future in self._waiting if not future.done()]
        if not self.stopped and len(busy) >= self._size and self._on_full == "wait":
            wait(busy[: len(busy) - self._size + 1])
            busy = [future for future in busy if not future.done()]
        if self.stopped or len(busy) >= self._size:
            self.dropped += 1
            return False
        if self._end is None:
            self._jobs = SimpleQueue()
            # A daemon, since Python waits at its end for others until they have asked everything.
            thread = Thread(target=_work, args=(self._jobs,), name="judge", daemon=True)
            thread.start()
            self._end = weakref.finalize(self, _stop, self._jobs, thread)
        future: Future[Judgement] = Future()
        self._waiting.append(future)
        self._jobs.put(partial(self._settle, future, ticket, episode))
        self.asked += 1
        return True

    def ready(self, *, all_of_them: bool = False) -> list[Judgement]:
        """Take the answers that are there, oldest first; or wait until all are."""
        if all_of_them:
            wait(self._waiting)
        taken: list[Judgement] = []
        while self._waiting and self._waiting[0].done():
            taken.append(self._waiting.popleft().result())
        self.errors += sum(bool(answer.error) and not answer.stopped for answer in taken)
        return taken

    def close(self) -> None:
        """Drop what waits, let the call under way end, and end the thread; twice is fine."""
        end, self._end = self._end, None
        self._waiting.clear()
        if end is not None:
            end()

    def _settle(
        self, future: Future[Judgement], ticket: Any, episode: Callable[[], Episode]
    ) -> None:
        try:
            future.set_result(self._answer(ticket, episode))
        except BaseException as error:  # whoever waits for it must hear of it
            future.set_exception(error)

    def _answer(self, ticket: Any, episode: Callable[[], Episode]) -> Judgement:
        if self.stopped:
            return Judgement(ticket, None, self.stopped, stopped=True)
        try:
            with self._meter.measured():
                reflection = self._analyzer.analyze(episode())
            if not isinstance(reflection, Reflection):
                raise TypeError(
                    f"`analyze` returned a {type(reflection).__name__} in place of a Reflection"
                )
        except BudgetReached as error:
            self.stopped = str(error)
            return Judgement(ticket, None, str(error), True, self._meter.last)
        except Exception as error:  # a judge that fails must not end the episode
            said = f"{type(error).__name__}: {error}"
            return Judgement(ticket, None, said, cost=self._meter.last)
        return Judgement(ticket, reflection, cost=self._meter.last)


def _work(jobs: _Jobs) -> None:
    while (job := jobs.get()) is not None:
        job()
        del job  # it may hold the queue, which could not be collected while this waits


def _stop(jobs: _Jobs, thread: Thread) -> None:
    with suppress(Empty):
        while True:
            jobs.get_nowait()
    jobs.put(None)
    if thread is not current_thread():
        thread.join()
