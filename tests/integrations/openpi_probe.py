"""A server in a thread, an agent that shows what it got, and messages to send."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from websockets.sync.client import ClientConnection, connect

from mosel_gym.integrations.openpi import OpenpiServer
from mosel_gym.integrations.openpi_wire import pack, unpack
from mosel_gym.integrations.serving import ServeConfig
from mosel_gym.specs import ROBOTS
from mosel_gym.types import Observation

if TYPE_CHECKING:
    from mosel_gym.agents.pretrained import PolicyAgent

GOAL = "put the white mug on the plate and put the chocolate pudding to the right of the plate"
OTHER = "turn on the stove and put the moka pot on it"
STATE = np.array([0.1, -0.2, 1.0, 3.1, 0.2, -0.3, 0.04, -0.04])
OPENS, CLOSES = -1.0, 1.0


class Probe:
    """Moves by a third, a tenth, ...; opens on even and closes on odd steps of an episode."""

    name = "probe"
    robot = ROBOTS["panda"]

    def __init__(self) -> None:
        self.goals: list[str] = []
        self.seen: list[Observation] = []
        """Since the last reset."""
        self.calls = 0
        """Of its whole life."""
        self.hold = threading.Event()
        self.hold.set()
        self.breaks = False

    def reset(self, task: str, **_: Any) -> None:
        self.goals.append(task)
        self.seen = []

    def act(
        self, observation: Observation, info: Mapping[str, Any] | None = None
    ) -> np.ndarray[Any, np.dtype[np.float32]]:
        assert self.hold.wait(30)
        if self.breaks:
            raise RuntimeError("a secret of the server")
        self.calls += 1
        self.seen.append(observation)
        return action(len(self.seen) - 1, float(observation["proprio"][0]))


def action(
    step: int, x: float = float(np.float32(STATE[0]))
) -> np.ndarray[Any, np.dtype[np.float32]]:
    """What the probe does at a step, for a hand at x."""
    grip = OPENS if step % 2 == 0 else CLOSES
    return np.array([1 / 3, 0.1, -1e-7, step, x, -0.0, grip], np.float32)


class Served:
    """A running server and the probes that it made, one a session."""

    def __init__(self, config: ServeConfig) -> None:
        self.probes: list[Probe] = []
        self.server = OpenpiServer(self.make, config)
        self.port = 0

    def make(self) -> PolicyAgent:
        self.probes.append(Probe())
        return cast("PolicyAgent", self.probes[-1])

    @contextmanager
    def connected(self) -> Iterator[ClientConnection]:
        """A bare client, after the metadata."""
        url = f"ws://127.0.0.1:{self.port}"
        with connect(url, compression=None, max_size=None, proxy=None) as client:
            unpack(cast(bytes, client.recv(timeout=20)))
            yield client


def sent(client: ClientConnection, message: Any) -> dict[str, Any]:
    """The reply to one message, which may be raw bytes; a text frame fails the test."""
    client.send(message if isinstance(message, bytes | str) else pack(message))
    reply = client.recv(timeout=20)
    assert isinstance(reply, bytes), reply
    return cast(dict[str, Any], unpack(reply))


def observation(seed: int = 0, **changes: Any) -> dict[str, Any]:
    """A message of openpi's LIBERO client; None removes an entry, `__` stands for `/`."""
    rng = np.random.default_rng(seed)
    whole = {
        "observation/image": rng.integers(0, 256, (72, 72, 3), np.uint8),
        "observation/wrist_image": rng.integers(0, 256, (72, 72, 3), np.uint8),
        "observation/state": STATE,
        "prompt": GOAL,
    }
    whole.update({key.replace("__", "/"): value for key, value in changes.items()})
    return {key: value for key, value in whole.items() if value is not None}


@contextmanager
def serving(config: ServeConfig | None = None) -> Iterator[Served]:
    """A server with probes, on a free port of this machine."""
    served = Served(config or ServeConfig(port=0))
    with running(served.server) as served.port:
        yield served


@contextmanager
def running(server: OpenpiServer) -> Iterator[int]:
    """Run a server in a thread of its own; gives its port."""
    ready, loop, stop = threading.Event(), asyncio.new_event_loop(), asyncio.Event()
    port = 0

    async def run() -> None:
        nonlocal port
        async with server.listening() as port:
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
    thread.start()
    try:
        assert ready.wait(20)
        yield port
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(30)
        assert not thread.is_alive()
        loop.close()
