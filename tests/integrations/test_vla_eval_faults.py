"""Agents behind the model server that fail, break, sleep or hang, and what others notice: nothing.

vla-eval's own server and client are on both ends.
"""

from __future__ import annotations

import logging
import threading
from typing import Any

import numpy as np
import pytest

pytest.importorskip("vla_eval", reason="needs vla-eval: pip install vla-eval")
import anyio

from mosel_gym.integrations.serving import ServeConfig
from mosel_gym.integrations.vla_eval import MoselModelServer
from mosel_gym.integrations.vla_eval_server import configured
from tests.integrations.vla_eval_probe import (
    Probe,
    Probes,
    client,
    message,
    refused,
    serving,
    talk,
    until,
)


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    # vla-eval logs each error with its traceback; the tests make plenty.
    caplog.set_level(logging.CRITICAL, "vla_eval")


def test_an_agent_that_fails_or_sleeps_is_told_to_its_client_alone() -> None:
    agents = iter((Probe(), Probe([[np.nan] * 7]), Probe(think_s=1.5), Probe()))
    server = MoselModelServer(Probes(lambda: next(agents)), reply_within_s=0.5, threads=3)

    async def script() -> None:
        async with client(url) as sound, client(url) as broken, client(url) as slow:
            await sound.start_episode({})
            await sound.act(message())
            await broken.start_episode({})
            with refused("The agent is at fault"):
                await broken.act(message())
            # The agent that failed is idle again and the next to be taken; the sleeper comes after.
            taken = server._take()
            await slow.start_episode({})
            with refused("no action within 0.5 s"):
                await slow.act(message())
            await sound.act(message())
            assert server.running == 1
            assert isinstance(taken, Probe)
            # The sleeper is at work still; nobody else gets it.
            await broken.start_episode({})
            await broken.act(message())

    with serving(server) as url:
        talk(script)


class Breaking(Probe):
    """Fails as a bug would."""

    def act(self, observation: Any, info: Any = None) -> Any:
        raise FileNotFoundError("/home/somebody/secret")


def test_a_fault_of_ours_is_told_without_its_details(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, "vla_eval")
    server = MoselModelServer(Probes(Breaking))
    said: list[str] = []

    async def script() -> None:
        async with client(url) as one:
            await one.start_episode({})
            for _ in range(2):
                with pytest.raises(RuntimeError, match="The server broke .*FileNotFound") as told:
                    await one.act(message())
                said.append(str(told.value))

    with serving(server) as url:
        talk(script)
    assert "secret" not in "".join(said)
    assert "secret" in caplog.text, "the server's log has the traceback"


class Held(Probe):
    """Waits until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.let_go = threading.Event(), threading.Event()

    def act(self, observation: Any, info: Any = None) -> Any:
        self.asked.set()
        assert self.let_go.wait(30)
        return super().act(observation)


def test_an_agent_that_hangs_holds_up_nobody_behind_mosel_serve() -> None:
    held = Held()
    agents = iter((held, Probe()))
    server = configured(Probes(lambda: next(agents)), ServeConfig(sessions=2))

    async def script() -> None:
        async with client(url) as slow, client(url) as quick, anyio.create_task_group() as group:
            await slow.start_episode({})
            group.start_soon(slow.act, message())
            await until(held.asked.is_set)
            await quick.start_episode({})
            try:
                with anyio.fail_after(10):
                    await quick.act(message())
            finally:
                held.let_go.set()

    with serving(server) as url:
        talk(script)
