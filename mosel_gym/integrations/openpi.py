"""An agent behind openpi's websocket protocol.

The server says first what it expects (`Session.conventions`), then answers every observation with
`{"actions": float32 [1, A], "server_timing": {...}}`. An error is a text frame, then close 1011.
`GET /healthz` tells that it is up.

openpi has no message for the beginning of an episode, and its policies need none. This agent does:
an episode begins with a new connection, with `mosel/reset` = True in an observation, and where the
prompt changes.

A reply holds one action. The agent is a closed loop: transitions between skills steer by the
proprioception of every step, and a chunk is left early when its goal is near. openpi's clients must
therefore ask anew after every action (`replan_steps` 1, or `ActionChunkBroker(..., 1)`).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, TypeVar

from mosel_gym import __version__
from mosel_gym.errors import MoselError
from mosel_gym.integrations.openpi_wire import pack, unpack
from mosel_gym.integrations.serving import AgentFactory, OnReady, ServeConfig, missing
from mosel_gym.integrations.session import Answer, Session

try:
    from websockets.asyncio.server import ServerConnection
    from websockets.asyncio.server import serve as listen
    from websockets.exceptions import ConnectionClosed
    from websockets.http11 import Request, Response
except ModuleNotFoundError as error:
    raise missing(error) from error

_INTERNAL_ERROR, _TRY_AGAIN_LATER = 1011, 1013
_logger = logging.getLogger(__name__)
_T = TypeVar("_T")


def serve(make_agent: AgentFactory, config: ServeConfig, on_ready: OnReady) -> None:
    """Serve until interrupted.

    Args:
        make_agent: Called once at the start, so that a broken agent is known before any client,
            and then once a session.
        config: Where, and how much.
        on_ready: Called once clients can connect.

    Raises:
        MoselError: The agent cannot be built, or the port cannot be opened.
    """
    asyncio.run(_serve(OpenpiServer(make_agent, config), on_ready))


async def _serve(server: OpenpiServer, on_ready: OnReady) -> None:
    async with server.listening() as port:
        on_ready(server.config.host, port)
        await asyncio.Event().wait()


class OpenpiServer:
    """One session, with an agent of its own, for each connection.

    Networks run in threads, so that a slow one holds up neither another session nor a handshake.

    Args:
        make_agent: Builds the agent of a session.
        config: Where, and how much.

    Raises:
        MoselError: The agent cannot be built, or does not say which robot it is for.
    """

    def __init__(self, make_agent: AgentFactory, config: ServeConfig | None = None) -> None:
        self.config = config or ServeConfig()
        self._make_agent = make_agent
        self._pool = ThreadPoolExecutor(self.config.sessions, thread_name_prefix="session")
        self._open = 0
        # The first client need not wait for the weights a second time.
        self._first: Session | None = self._session()

    @property
    def sessions(self) -> int:
        """Clients at this moment."""
        return self._open

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        """Take clients inside the `with`, once; gives the port.

        Raises:
            MoselError: The port cannot be opened.
        """
        config = self.config
        try:
            server = await listen(
                self._client,
                config.host,
                config.port,
                process_request=self._at_the_door,
                origins=[None],  # no web page that happens to be open may drive the robot
                compression=None,  # as openpi; nor can a small message unpack into a large one
                max_size=config.max_message_mb * 2**20,
                max_queue=1,
                ping_interval=30,
                ping_timeout=60,  # frees the session of a machine that went away silently
                close_timeout=5,
            )
        except OSError as error:
            raise MoselError(
                f"{config.host}, port {config.port} cannot be opened: {error.strerror}. Is "
                "another server running there? `--port` takes another, `--port 0` a free one."
            ) from error
        try:
            async with server:
                yield int(next(iter(server.sockets)).getsockname()[1])
        finally:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _at_the_door(self, connection: ServerConnection, request: Request) -> Response | None:
        if request.path == "/healthz":
            return connection.respond(200, "OK\n")
        if self._open >= self.config.sessions:
            return connection.respond(503, self._full() + "\n")
        return None

    async def _client(self, connection: ServerConnection) -> None:
        """One connection from its handshake to its end; nothing that it does reaches another."""
        if self._open >= self.config.sessions:  # two came through the door together
            await connection.close(_TRY_AGAIN_LATER, self._full())
            return
        self._open += 1
        try:
            await self._talk(connection)
        except ConnectionClosed:
            pass  # it left, in mid-episode or not, or its message was too large
        except MoselError as error:
            await _refuse(connection, f"{type(error).__name__}: {error}")
        except Exception as error:  # one client's trouble must not end the server
            _logger.exception("A session broke.")
            text = f"The server broke on this message ({type(error).__name__}); its log says where."
            await _refuse(connection, text)
        finally:
            self._open -= 1

    async def _talk(self, connection: ServerConnection) -> None:
        session, self._first = self._first, None  # here, not in a thread: no two get the same one
        if session is None:
            session = await self._new_session()
        await connection.send(pack({**_CONTRACT, **session.conventions()}))
        total_ms: float | None = None
        async for message in connection:
            began = time.monotonic()
            answer = await self._in_thread(partial(_answer, session, message))
            timing = {"infer_ms": 1000 * (time.monotonic() - began)}
            if total_ms is not None:
                timing["prev_total_ms"] = total_ms
            reply = {
                "actions": answer.action[None],
                "server_timing": timing,
                "mosel/step": answer.step,
            }
            await connection.send(pack(reply))
            total_ms = 1000 * (time.monotonic() - began)

    async def _new_session(self) -> Session:
        try:
            return await self._in_thread(self._session)
        except MoselError as error:  # it is about a file of ours, which is no client's business
            _logger.exception("No agent could be built for a session.")
            raise MoselError(
                f"The server cannot build an agent ({type(error).__name__}); its log says why."
            ) from error

    def _session(self) -> Session:
        config = self.config
        return Session(self._make_agent(), "openpi", config.goal(), config.max_episode_mb)

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def _full(self) -> str:
        return f"All {self.config.sessions} sessions are taken; try again later."


_CONTRACT: dict[str, Any] = {
    "server": f"mosel-gym {__version__}",
    "action_horizon": 1,
    "episode_starts": ["connection", "mosel/reset", "changed prompt"],
}
"""What holds for every agent behind this protocol."""


def _answer(session: Session, message: str | bytes) -> Answer:
    return session.act(unpack(message))


async def _refuse(connection: ServerConnection, text: str) -> None:
    """Say it in a text frame, as openpi does, then close; the client may be gone already."""
    with suppress(ConnectionClosed):
        await connection.send(text)
        await connection.close(_INTERNAL_ERROR, "see the text frame before this")
