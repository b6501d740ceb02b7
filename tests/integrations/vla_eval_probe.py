"""What the tests of the vla-eval adapter share: agents that tell what they saw, and messages."""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import anyio
import numpy as np
import pytest
import vla_eval
from numpy.typing import NDArray
from vla_eval.connection import Connection

from mosel_gym.integrations.vla_eval import MoselModelServer
from mosel_gym.specs import ROBOTS, RobotSpec

BENCHMARK = "mosel_gym.integrations.vla_eval:MoselBenchmark"
POSE = np.array([0.1, -0.2, 1.0, 3.1, 0.2, -0.3, 0.04, -0.04], np.float32)
GOAL, OTHER_GOAL = "close the microwave", "turn on the stove"


def f32(numbers: Sequence[Any]) -> NDArray[np.float32]:
    """An action, as it goes over the wire."""
    return np.asarray(numbers, np.float32)


class Probe:
    """Keeps what it was told and shown; acts as `actions` say, the last one over and over."""

    def __init__(
        self,
        actions: Sequence[Sequence[float]] = ((0.0,) * 7,),
        robot: RobotSpec = ROBOTS["panda"],
        think_s: float = 0.0,
    ) -> None:
        self.robot, self.think_s = robot, think_s
        self.name = "probe"
        self.actions = np.asarray(actions, np.float32)
        self.resets: list[dict[str, Any]] = []
        self.seen: list[dict[str, NDArray[Any]]] = []
        self._step = 0

    def reset(
        self, task: str, skills: Any = None, plan: Any = None, *, seed: int | None = None
    ) -> None:
        self.resets.append({"task": task, "skills": skills, "seed": seed, "at": len(self.seen)})
        self._step = 0

    def act(self, observation: Mapping[str, NDArray[Any]], info: Any = None) -> NDArray[np.float32]:
        time.sleep(self.think_s)
        self.seen.append({name: np.array(value) for name, value in observation.items()})
        action = self.actions[min(self._step, len(self.actions) - 1)]
        self._step += 1
        return np.asarray(action)


class Probes:
    """Builds probes and remembers them."""

    def __init__(self, make: Callable[[], Any] = Probe) -> None:
        self.made: list[Any] = []
        self._make = make

    def __call__(self) -> Any:
        self.made.append(self._make())
        return self.made[-1]


def asymmetric(seed: int, size: int = 72) -> NDArray[np.uint8]:
    """No turn of it looks like another."""
    return np.random.default_rng(seed).integers(0, 256, (size, size, 3), np.uint8)


def message(goal: str = GOAL, **changed: Any) -> dict[str, Any]:
    """An observation as vla-eval's LIBERO benchmark sends it; None leaves an entry out."""
    sent = {
        "images": {"agentview": asymmetric(0), "wrist": asymmetric(1)},
        "states": POSE,
        "task_description": goal,
        **changed,
    }
    return {name: value for name, value in sent.items() if value is not None}


@contextmanager
def serving(server: MoselModelServer) -> Iterator[str]:
    """The URL of a server that vla-eval runs in a thread."""
    with vla_eval.serve_background(server) as handle:
        yield handle.url


def talk(script: Callable[[], Awaitable[None]]) -> None:
    """Run what clients do; an answer that never comes is an error."""

    async def limited() -> None:
        with anyio.fail_after(60):
            await script()

    anyio.run(limited)


@contextmanager
def kept_environment() -> Iterator[None]:
    """Importing vla-eval's LIBERO benchmark sets OpenGL variables; other tests draw otherwise."""
    before = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def client(url: str) -> Connection:
    """vla-eval's own, without its minutes of patience."""
    return Connection(url, timeout=30, max_retries=1)


@contextmanager
def refused(told: str) -> Iterator[None]:
    """The server's answer is an error that says so; vla-eval's client prints it as a dict."""
    with pytest.raises(RuntimeError) as caught:
        yield
    said = str(caught.value).replace("\\", "")
    assert told in said, said


async def until(true: Callable[[], bool]) -> None:
    """Wait for what the server does on its own time."""
    with anyio.fail_after(20):
        while not true():
            await anyio.sleep(0.01)


def config(suite: Any, **entry: Any) -> dict[str, Any]:
    """A vla-eval config of one entry, with small pictures."""
    params = {"suite": suite, "camera_size": 64, "seed": 0, **entry.pop("params", {})}
    return {"benchmarks": [{"benchmark": BENCHMARK, "params": params, **entry}]}
