"""Both services, with no key in sight and waits that a test can afford."""

from __future__ import annotations

import os
from typing import Any

import pytest

from mosel_gym.llm import google_model
from tests.llm.asking import SERVICES, Service
from tests.llm.servers import OpenAIServer, Reply

_OURS = ("OPENAI_", "GEMINI_", "GOOGLE_")


@pytest.fixture
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine where nobody has set up anything."""
    for name in list(os.environ):
        if name.startswith(_OURS):
            monkeypatch.delenv(name)


@pytest.fixture
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Google's SDK waits from one second on; OpenAI's half a second stays as it is."""
    monkeypatch.setattr(google_model, "_FIRST_WAIT_S", 0.02)
    monkeypatch.setattr(google_model, "_POLL_S", 0.02)


@pytest.fixture(params=SERVICES, ids=lambda service: service.spec.partition(":")[0])
def service(request: pytest.FixtureRequest, no_keys: None, short_waits: None) -> Service:
    """Each of the two in turn."""
    found: Service = request.param
    return found


@pytest.fixture
def served(no_keys: None, monkeypatch: pytest.MonkeyPatch):
    """Starts a server that answers with these, one a call; the last one for ever."""
    running: list[OpenAIServer] = []

    def start(*replies: Reply) -> OpenAIServer:
        left = list(replies)

        def answer(_: Any) -> Reply:
            return left.pop(0) if len(left) > 1 else left[0]

        server = OpenAIServer(answer)
        running.append(server)
        server.__enter__()
        server.use(monkeypatch)
        return server

    yield start
    for server in running:
        server.__exit__(None, None, None)
