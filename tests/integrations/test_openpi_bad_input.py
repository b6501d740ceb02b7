"""Whatever one client does, it is told, and the client beside it does not notice."""

from __future__ import annotations

import asyncio
import http.client
import re
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgpack  # type: ignore[import-untyped]
import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection

from mosel_gym.errors import DamagedFile, MoselError, SpecMismatch
from mosel_gym.integrations.openpi import OpenpiServer
from mosel_gym.integrations.openpi_wire import pack, unpack
from mosel_gym.integrations.serving import ServeConfig
from tests.integrations.openpi_probe import (
    GOAL,
    OTHER,
    STATE,
    Served,
    action,
    observation,
    sent,
    serving,
)


@pytest.fixture
def served() -> Iterator[Served]:
    with serving(ServeConfig(port=0, sessions=2, max_message_mb=1)) as served:
        yield served


def pickled() -> bytes:
    """An array of objects, as a pickle would carry it."""
    array = {b"__ndarray__": True, b"data": b"cos\nsystem\n.", b"dtype": "|O", b"shape": [1]}
    return bytes(msgpack.packb({"observation/image": array}))


BAD: dict[str, tuple[Callable[[], Any], str]] = {
    "no msgpack": (lambda: b"\xc1 not msgpack", "A message of 13 bytes cannot be read as msgpack"),
    "cut off": (lambda: pack(observation())[:-40], "cannot be read as msgpack"),
    "text frame": (lambda: "hello", "must be a binary frame"),
    "a list": (lambda: [1, 2], "must be a map of names, not list"),
    "objects": (pickled, r"got '\|O'. Objects"),
    "no camera": (lambda: observation(observation__wrist_image=None), "lacks 'observation/wrist"),
    "no state": (lambda: observation(observation__state=None), "lacks 'observation/state'"),
    "no goal": (lambda: observation(prompt=None), "There is no goal"),
    "flipped": (
        lambda: observation(mosel__image_orientation="upright"),
        "declares mosel/image_orientation = 'upright', but openpi is declared to send 'rotated'",
    ),
    "another state": (
        lambda: observation(mosel__state="joints"),
        "declares mosel/state = 'joints', but openpi is declared to send 'eef_position",
    ),
    "channels first": (
        lambda: observation(observation__image=np.zeros((3, 72, 72), np.uint8)),
        "The channels stand first",
    ),
    "nan": (lambda: observation(observation__state=STATE * np.nan), "8 finite numbers"),
    "short state": (lambda: observation(observation__state=STATE[:7]), r"got the shape \[7\]"),
    "misspelt key": (lambda: observation(mosel__rest=True), "Did you mean 'mosel/reset'"),
    "reset as a number": (lambda: observation(mosel__reset=1), "must be True or False, not 1"),
}


def refusal(client: ClientConnection, message: Any) -> str:
    """The words for a bad message, after which the server must have closed."""
    client.send(message if isinstance(message, bytes | str) else pack(message))
    told = client.recv(timeout=20)
    assert isinstance(told, str), "an error is a text frame"
    assert closed_with(client) == 1011
    return told


def closed_with(client: ClientConnection) -> int:
    with pytest.raises(ConnectionClosed) as closed:
        client.recv(timeout=20)
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code


def freed(served: Served, left: int) -> None:
    """Wait until only so many sessions are left."""
    until = time.monotonic() + 20
    while served.server.sessions > left:
        assert time.monotonic() < until, "the session was not freed"
        time.sleep(0.01)


@pytest.mark.parametrize("case", sorted(BAD))
def test_a_bad_message_is_told_to_its_client_alone(served, case):
    make, says = BAD[case]
    with served.connected() as good, served.connected() as bad:
        assert sent(good, observation())["mosel/step"] == 0
        told = refusal(bad, make())
        assert re.search(says, told), told
        assert told.startswith("SpecMismatch: ")
        assert len(told) < 600, "no picture is written out"
        assert sent(good, observation())["mosel/step"] == 1
    assert [probe.calls for probe in served.probes] == [2, 0]


def test_an_oversized_message_ends_its_connection_alone(served):
    with served.connected() as good, served.connected() as bad:
        sent(good, observation())
        bad.send(b"\0" * (2**20 + 1))
        assert closed_with(bad) == 1009
        assert sent(good, observation())["mosel/step"] == 1


def test_a_fault_of_ours_is_told_without_its_details(served, caplog):
    with served.connected() as good, served.connected() as bad:
        served.probes[1].breaks = True
        told = refusal(bad, observation())
        assert "RuntimeError" in told
        assert "secret" not in told
        assert "secret" in caplog.text, "the server's log has the traceback"
        assert sent(good, observation())["mosel/step"] == 0


def test_an_agent_that_cannot_be_built_is_told_without_its_path(served, caplog):
    def broken() -> Any:
        raise DamagedFile("/home/somebody/agent.json is damaged")

    with served.connected() as good:
        served.server._make_agent = broken
        says = pytest.raises(SpecMismatch, match=r"cannot build an agent \(DamagedFile\)")
        with says as told, served.connected():
            pass
        assert "somebody" not in str(told.value)
        assert "somebody" in caplog.text
        freed(served, 1)
        assert sent(good, observation())["mosel/step"] == 0


def test_two_clients_at_once_do_not_mix(served):
    with served.connected() as a, served.connected() as b:
        for step in range(5):
            one, two = STATE.copy(), STATE.copy()
            one[0], two[0] = 0.25 + step, -0.5
            a.send(pack(observation(observation__state=one)))
            b.send(pack(observation(observation__state=two, prompt=OTHER)))
            for client, x in ((b, -0.5), (a, 0.25 + step)):
                reply = client.recv(timeout=20)
                assert isinstance(reply, bytes)
                assert reply == pack_like(reply, step, x)
    assert [probe.goals for probe in served.probes] == [[GOAL], [OTHER]]
    assert [{float(seen["proprio"][0]) for seen in probe.seen} for probe in served.probes] == [
        {0.25 + step for step in range(5)},
        {-0.5},
    ]


def pack_like(reply: bytes, step: int, x: float) -> bytes:
    """The reply that is expected, with the times of the one that came."""
    timing = unpack(reply)["server_timing"]
    assert timing["infer_ms"] >= 0
    assert ("prev_total_ms" in timing) == (step > 0)
    return pack({"actions": action(step, x)[None], "server_timing": timing, "mosel/step": step})


def test_a_slow_agent_holds_up_no_other_client(served):
    with served.connected() as slow:
        held = served.probes[0]
        held.hold.clear()
        try:
            slow.send(pack(observation()))
            assert asked(served, "/healthz") == (200, b"OK\n")
            with served.connected() as quick:
                assert sent(quick, observation())["mosel/step"] == 0
            assert held.calls == 0
        finally:
            held.hold.set()
        assert isinstance(slow.recv(timeout=20), bytes)


def test_a_client_that_leaves_in_mid_episode_frees_its_session(served):
    with served.connected() as good:
        sent(good, observation())
        with served.connected() as leaving:
            sent(leaving, observation())
        freed(served, 1)
        with served.connected() as vanishing:
            held = served.probes[-1]
            held.hold.clear()
            vanishing.send(pack(observation()))
            vanishing.socket.shutdown(socket.SHUT_RDWR)  # no goodbye, and an action under way
            held.hold.set()
        freed(served, 1)
        with served.connected() as next_one:
            assert sent(next_one, observation())["mosel/step"] == 0, "nothing is left over"
        assert sent(good, observation())["mosel/step"] == 1
    assert len(served.probes) == 4


def test_one_client_too_many_is_turned_away_and_the_others_stay(served):
    with served.connected() as a, served.connected() as b:
        with pytest.raises(InvalidStatus) as turned_away, served.connected():
            pass
        assert turned_away.value.response.status_code == 503
        assert b"All 2 sessions are taken" in turned_away.value.response.body
        assert sent(a, observation())["mosel/step"] == 0
        assert sent(b, observation())["mosel/step"] == 0


def test_a_web_page_is_turned_away(served):
    status, _ = asked(served, "/", Origin="http://example.com", **WEBSOCKET)
    assert status == 403
    status, _ = asked(served, "/", **WEBSOCKET)
    assert status == 101, "the same without an origin is let in"


def test_an_episode_that_never_ends_is_stopped():
    with (
        serving(ServeConfig(port=0, max_episode_mb=1)) as served,
        served.connected() as client,
    ):
        large = np.zeros((400, 400, 3), np.uint8)
        for step in (0, 1, 0, 1):
            message = observation(observation__image=large, mosel__reset=step == 0)
            assert sent(client, message)["mosel/step"] == step
        told = refusal(client, observation(observation__image=large))
        assert re.search("has 2 steps and more than 1 MiB.*mosel/reset", told), told


def test_the_default_goal_stands_in_for_a_missing_prompt():
    config = ServeConfig(port=0, task="MOSEL-LiberoLong-Task6")
    with serving(config) as served, served.connected() as client:
        sent(client, observation(prompt=None))
        sent(client, observation(prompt=OTHER))
    assert served.probes[0].goals == [GOAL, OTHER]


def test_a_port_in_use_says_what_to_do(served):
    second = OpenpiServer(served.make, ServeConfig(port=served.port))

    async def run() -> None:
        async with second.listening():
            pass

    with pytest.raises(MoselError, match="cannot be opened.*--port 0"):
        asyncio.run(run())


WEBSOCKET = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def asked(served: Served, path: str, **headers: str) -> tuple[int, bytes]:
    """Status and body of a plain GET."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=20)
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    said = response.status, b"" if response.status == 101 else response.read()
    connection.close()
    return said
