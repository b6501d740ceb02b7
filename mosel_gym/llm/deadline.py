"""A hard limit on how long a call may take, whatever the library under it does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import TypeVar

ResultT = TypeVar("ResultT")


class DeadlineError(Exception):
    """The call has not come back in time."""


def within(seconds: float, call: Callable[[], ResultT]) -> ResultT:
    """Run `call` in a thread of its own and wait for it at most so long.

    An HTTP library's time-out starts anew with every byte, so that a server which sends one now and
    then could hold a call for ever. On time-out the thread is left behind; whoever gave the call
    must close the connection that it waits on, and then it ends.

    Args:
        seconds: The limit.
        call: What to run.

    Returns:
        What `call` returned.

    Raises:
        DeadlineError: Time is up.
        Exception: Whatever `call` raised.
    """
    done: SimpleQueue[tuple[bool, ResultT | BaseException]] = SimpleQueue()

    def run() -> None:
        try:
            done.put((True, call()))
        except BaseException as error:  # handed over to the thread that waits
            done.put((False, error))

    threading.Thread(target=run, name="mosel-llm-call", daemon=True).start()
    try:
        succeeded, result = done.get(timeout=seconds)
    except Empty:
        raise DeadlineError from None
    if not succeeded:
        assert isinstance(result, BaseException)
        raise result
    return result  # type: ignore[return-value]
