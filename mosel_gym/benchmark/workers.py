"""A few processes, one core each, that keep their simulator and their networks between jobs."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection
from typing import Any, Generic, Self, TypeVar

Job = TypeVar("Job")
Out = TypeVar("Out")

# One thread a process: two one-thread jobs beat one two-thread job by a third on small networks.
# numpy, torch and Mesa read these when they are loaded, so they stand before a process is born.
_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "LP_NUM_THREADS": "1",
}


class Died(Generic[Job]):
    """Stands in for the outcome of a job whose process died, twice."""

    def __init__(self, job: Job) -> None:
        """Remember the job."""
        self.job = job


class Workers:
    """A pool of spawned processes; use it as a context manager.

    Non-obvious behaviour:
        - Processes are spawned, not forked: a GL context does not survive a fork.
        - A process ends with its parent, however that ended.
        - When a process dies (the kernel kills it, a driver crashes), the jobs under way are each
          tried once more, alone. Only one that dies again is given up.

    Args:
        count: Number of processes.
    """

    def __init__(self, count: int = 2) -> None:
        if count < 1:
            raise ValueError(f"workers is {count}; it must be at least 1.")
        self.count = count
        self._pool: ProcessPoolExecutor | None = None
        self._before: dict[str, str | None] = {}

    def __enter__(self) -> Self:
        """Set the environment that the processes inherit."""
        self._before = {name: os.environ.get(name) for name in _ENVIRONMENT}
        os.environ.update(_ENVIRONMENT)
        return self

    def __exit__(self, *error: object) -> None:
        """Stop the processes; what has not begun is dropped."""
        self._stop()
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value

    def submit(self, function: Callable[..., Out], *arguments: Any) -> Future[Out]:
        """Run one call; an exception inside is raised by the future's `result`."""
        return self._running().submit(function, *arguments)

    def map_unordered(
        self,
        function: Callable[[Job], Out],
        jobs: Sequence[Job],
        stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[Out | Died[Job]]:
        """Yield outcomes as they come.

        Once `stop` says so, no further job is begun; those under way are ended and yielded.

        Never more jobs are handed over than there are processes, so that it is known which ones
        were under way when a process died.
        """
        waiting = list(reversed(jobs))
        running: dict[Future[Out], Job] = {}
        while running or (waiting and not stop()):
            while waiting and len(running) < self.count and not stop():
                job = waiting.pop()
                running[self.submit(function, job)] = job
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            finished = [future for future in done if not _broke(future)]
            for future in finished:
                running.pop(future)
                yield future.result()
            if len(finished) < len(done):
                suspects, running = list(running.values()), {}
                self._stop()
                yield from (self._alone(function, job) for job in suspects)

    def _alone(self, function: Callable[[Job], Out], job: Job) -> Out | Died[Job]:
        """Try once more, with nothing beside it: now it is known who is at fault."""
        future = self.submit(function, job)
        wait([future])
        if _broke(future):
            self._stop()
            return Died(job)
        return future.result()

    def _running(self) -> ProcessPoolExecutor:
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self.count, context, initializer=_begin)
        return self._pool

    def _stop(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None


def _broke(future: Future[Any]) -> bool:
    return isinstance(future.exception(), BrokenProcessPool)


def _begin() -> None:
    # Ctrl-C reaches the whole process group; the parent decides what happens then.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Without this, processes of a killed run would wait for jobs for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
