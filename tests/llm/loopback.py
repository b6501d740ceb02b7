"""Servers on loopback that speak the wire formats of OpenAI's and of Google's services.

    def answer(request):            # a `Request`; called once a try, so it can count
        return '{"steps": ["open the drawer"]}'      # or a Fault

    with OpenAIServer(answer) as server:
        server.use(monkeypatch)     # for another process: env={**os.environ, **server.environment}
        model = chat_model("openai:gpt-4.1")

Everything between the test and the `answer` function is real: the SDK, HTTP, JSON, base64. What
was asked is in `server.requests`. An exception inside `answer` fails the test when the block ends.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, TypedDict

import pytest

KEY = "loopback-Zq81MosElSecretTail77xyQ"
"""What the servers take as a key. It is checked, and stored nowhere else."""


class Request(TypedDict):
    """What a model was asked, the same for both services."""

    model: str
    system: str
    """All system text."""
    text: str
    """All other text, one part a line."""
    images: list[bytes]
    """JPEG or PNG files, in order."""
    videos: list[bytes]
    """mp4 files, in order; the uploaded ones too."""
    schema: dict[str, Any] | None
    turns: int
    """Messages without the system's."""
    body: dict[str, Any]
    """The request's JSON as it was on the wire."""


@dataclass(frozen=True)
class Fault:
    """Instead of an answer."""

    kind: Literal[
        "status",
        "drip",
        "silence",
        "cut",
        "malformed",
        "refusal",
        "filtered",
        "cut_off",
        "no_choice",
        "body",
    ]
    status: int = 500
    """HTTP status of the kind "status"."""
    says: str = "the server had an error"
    """The error's message, the refusal's words, the text before it was cut off, or the body."""
    headers: dict[str, str] = field(default_factory=dict)
    """Such as {"retry-after": "0.05"}."""


Reply = str | Fault
Answer = Callable[[Request], Reply]


def in_turn(*replies: Reply) -> Answer:
    """Answer with these, one a try; asking more often is an error."""
    left: Iterator[Reply] = iter(replies)
    lock = threading.Lock()

    def answer(_: Request) -> Reply:
        with lock:
            reply = next(left, None)
        assert reply is not None, f"asked more often than {len(replies)} times"
        return reply

    return answer


class LoopbackServer:
    """What both servers share; use `OpenAIServer` and `GoogleServer`."""

    key = KEY
    prefix = ""

    def __init__(self, answer: Answer) -> None:
        self.requests: list[Request] = []
        """Every try, also those that were answered by a fault."""
        self.header_names: set[str] = set()
        """Of all requests, in small letters; their values are stored nowhere."""
        self.stopping = threading.Event()
        self._answer = answer
        self._errors: list[BaseException] = []
        self._lock = threading.Lock()
        self._http = _Http(("127.0.0.1", 0), _handler(self))
        self._http.on_error = self._errors.append
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """What the SDK calls its base URL."""
        return f"http://127.0.0.1:{self._http.server_address[1]}{self.prefix}"

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead the SDK here."""
        raise NotImplementedError

    def use(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Set them for this test."""
        for name, value in self.environment.items():
            monkeypatch.setenv(name, value)

    def __enter__(self) -> Any:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()
        if self._errors:  # the cause of whatever the client has seen
            raise self._errors[0]

    def reply_to(self, request: Request) -> Reply:
        """Record a request and ask the test what to answer."""
        with self._lock:
            self.requests.append(request)
        return self._answer(request)

    def handle(self, call: Call) -> None:
        """Serve one HTTP request."""
        raise NotImplementedError

    def send_fault(self, call: Call, fault: Fault) -> bool:
        """Those that look the same for both services; False for the others."""
        if fault.kind == "drip":
            self._drip(call)
        elif fault.kind == "silence":
            self.stopping.wait(30)
            call.close()
        elif fault.kind == "cut":
            call.send_raw(200, b'{"almost": ', length=5000)
            call.close()
        elif fault.kind == "body":
            call.send_raw(200, fault.says.encode())
        elif fault.kind == "malformed":
            call.send_raw(200, b'{"choices": [{"mess')
        else:
            return False
        return True

    def _drip(self, call: Call) -> None:
        """A blank now and then, for as long as somebody listens: it never falls silent."""
        call.send_raw(200, b"{", length=10_000)
        until = time.monotonic() + 30
        while time.monotonic() < until and not self.stopping.wait(0.05):
            call.handler.wfile.write(b" ")
            call.handler.wfile.flush()
        call.close()


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    on_error: Callable[[BaseException], None]

    def handle_error(self, request: Any, client_address: Any) -> None:
        import sys

        error = sys.exc_info()[1]
        # A client that has given up closes its end; that is no error of the test.
        if error is not None and not isinstance(error, ConnectionError):
            self.on_error(error)


class Call:
    """One HTTP request, with what it takes to answer it."""

    def __init__(self, handler: BaseHTTPRequestHandler) -> None:
        self.handler = handler
        self.method = handler.command
        self.path = handler.path.partition("?")[0]
        self.data = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))

    def header(self, name: str) -> str:
        """A header of the request; empty if it was not sent."""
        return str(self.handler.headers.get(name) or "")

    def send(self, status: int, body: object, headers: dict[str, str] | None = None) -> None:
        """Answer with JSON."""
        self.send_raw(status, json.dumps(body).encode(), headers=headers)

    def send_raw(
        self,
        status: int,
        data: bytes,
        length: int | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        """Answer with bytes, of which there may be fewer than the header promises."""
        self.handler.send_response(status)
        self.handler.send_header("Content-Type", "application/json")
        self.handler.send_header("Content-Length", str(len(data) if length is None else length))
        for name, value in (headers or {}).items():
            self.handler.send_header(name, value)
        self.handler.end_headers()
        self.handler.wfile.write(data)
        self.handler.wfile.flush()

    def close(self) -> None:
        """Cut the connection."""
        self.handler.close_connection = True


def _handler(server: LoopbackServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:  # noqa: N802 (http.server's name)
            server.header_names.update(name.lower() for name in self.headers)
            server.handle(Call(self))

        do_GET = do_DELETE = do_POST  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    return Handler
