"""A key that is set and wrong is one error before any episode, at no cost."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from mosel_gym.benchmark.modules import check_modules
from mosel_gym.cli import main
from mosel_gym.errors import MissingKey
from tests.llm.servers import GoogleServer, OpenAIServer

COMPATIBLE = "OPENAI_COMPATIBLE_API_KEY"


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty folder to stand in, and no key in sight."""
    for name in list(os.environ):
        if name.startswith(("OPENAI_", "GEMINI_", "GOOGLE_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("server", "words", "variable"),
    [
        (OpenAIServer, ("--planner", "openai:gpt-4.1"), "OPENAI_API_KEY"),
        (GoogleServer, ("--analyzer", "google:gemini-2.5-pro"), "GEMINI_API_KEY"),
    ],
)
def test_a_wrong_key_ends_the_run_before_it_begins(
    server: Any,
    words: tuple[str, ...],
    variable: str,
    bare: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with server(lambda request: "") as service:
        service.use(monkeypatch)
        monkeypatch.setenv(variable, "mistyped")
        task = ("--task", "MOSEL-RoboTwin-SweepBlock", "--agent", "expert", "--out", "out")
        assert main(["run", *task, *words]) == 2
    said = capsys.readouterr().err
    assert "turned the key down" in said
    assert variable in said
    assert "mistyped" not in said
    assert "Traceback" not in said
    assert len(said.strip().splitlines()) == 1
    assert list(bare.iterdir()) == []
    assert not service.requests, "no question was asked"


def test_a_right_key_passes_and_a_service_that_is_down_is_left_to_the_first_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with OpenAIServer(lambda request: "") as one, GoogleServer(lambda request: "") as two:
        for server in (one, two):
            server.use(monkeypatch)
        check_modules("openai:gpt-4.1", "google:gemini-2.5-pro")
    check_modules("openai:gpt-4.1", "google:gemini-2.5-pro")  # nobody listens there any more


def test_a_server_of_ones_own_that_wants_a_key_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with OpenAIServer(lambda request: "") as server:
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        spec = f"openai-compatible:tiny@{server.url}"
        with pytest.raises(MissingKey, match=COMPATIBLE):
            check_modules("stored", spec)
        monkeypatch.setenv(COMPATIBLE, server.key)
        check_modules("stored", spec)
