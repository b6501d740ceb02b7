"""Both services, with no key in sight and waits that a test can afford."""

from __future__ import annotations

import os

import pytest

from mosel_gym.llm import google_model
from tests.llm.asking import SERVICES, Service

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
