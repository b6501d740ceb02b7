"""`mosel serve` as a user starts it."""

from __future__ import annotations

import pytest

from mosel_gym.cli import serve
from mosel_gym.errors import UnknownId
from mosel_gym.integrations import openpi
from mosel_gym.integrations.serving import ServeConfig


@pytest.fixture
def started(monkeypatch):
    """What reached the server, which "runs" until Ctrl-C."""
    calls = []

    def fake(make_agent, config, on_ready):
        calls.append((make_agent, config))
        on_ready(config.host, 4321)
        raise KeyboardInterrupt

    monkeypatch.setattr(openpi, "serve", fake)
    return calls


def test_one_line_when_it_is_ready_and_a_clean_end(started, capsys):
    assert serve.main(ServeConfig()) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        "libero-long serves openpi clients at ws://127.0.0.1:4321 (Ctrl-C ends it)",
        "Stopped.",
    ]
    assert err == ""


def test_another_address_is_warned_of(started, capsys):
    serve.main(ServeConfig(host="::"))
    out, err = capsys.readouterr()
    assert "ws://[::]:4321" in out
    assert err.startswith("Warning: :: can be reached from other machines")


def test_the_agent_is_loaded_by_the_factory(started):
    serve.main(ServeConfig(), agent="no-such-agent")
    make_agent, _ = started[0]
    with pytest.raises(UnknownId, match="no-such-agent"):
        make_agent()


def test_an_unknown_protocol_names_those_there_are(started):
    with pytest.raises(UnknownId, match="Did you mean 'openpi'"):
        serve.main(ServeConfig(), protocol="openpie")
    assert not started
