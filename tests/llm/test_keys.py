"""Keys: asked for before anything runs, and nowhere to be seen afterwards."""

from __future__ import annotations

import logging
import pickle
import traceback
from pathlib import Path

import pytest

from mosel_gym.errors import MissingKey, ModelUnavailable
from mosel_gym.llm.choose import chat_model
from mosel_gym.llm.config import ChatConfig
from mosel_gym.llm.keys import Key, find_key
from tests.llm.asking import GOOD, QUESTION, Service, Steps
from tests.llm.servers import KEY, Fault, GoogleServer, OpenAIServer

WRONG = "mistyped-Wr0ngSecretThatWasTypedIn42"


def _parts(key: str) -> set[str]:
    """Everything of a key that is long enough to give it away."""
    return {key[start : start + 6] for start in range(len(key) - 5)}


def _assert_clean(text: str, key: str) -> None:
    assert not [part for part in _parts(key) if part in text]
    assert key[-4:] not in text


def test_a_missing_key_is_one_error_at_construction(service: Service) -> None:
    with pytest.raises(MissingKey, match=f"{service.key_variable}.* is not set.*export "):
        chat_model(service.spec)


def test_an_empty_key_is_a_missing_one(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(service.key_variable, "  ")
    with pytest.raises(MissingKey, match="is not set"):
        chat_model(service.spec)


def test_a_key_with_a_line_break_is_refused_without_showing_it(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(service.key_variable, "sk-abc\ndefghi")
    with pytest.raises(MissingKey, match=service.key_variable) as caught:
        chat_model(service.spec)
    assert "abc" not in str(caught.value)


def test_google_takes_either_name(no_keys: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", KEY)
    assert chat_model("google:gemini-2.5-pro").name == "google:gemini-2.5-pro"


def test_other_settings_of_google_s_sdk_do_not_get_in_the_way(
    no_keys: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_API_KEY", WRONG)
    monkeypatch.setenv("GOOGLE_GENAI_USE_VERTEXAI", "true")
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "somebody")
    monkeypatch.setenv("GOOGLE_CLOUD_LOCATION", "somewhere")
    with GoogleServer(lambda _: GOOD) as server:
        server.use(monkeypatch)
        assert chat_model("google:gemini-2.5-pro").complete(QUESTION, Steps).steps


def test_a_compatible_server_is_not_shown_openai_s_key(
    no_keys: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_ORG_ID", "org-of-somebody")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-of-somebody")
    with OpenAIServer(lambda _: GOOD) as server:
        model = chat_model(f"openai-compatible:some/model@{server.url}")
        with pytest.raises(MissingKey):
            model.complete(QUESTION, Steps)
    assert server.requests == []
    assert "authorization" in server.header_names
    assert not server.header_names & {"openai-organization", "openai-project"}


def test_a_wrong_key_is_named_by_its_variable_only(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with service.server(lambda _: GOOD) as server:
        server.use(monkeypatch)
        monkeypatch.setenv(service.key_variable, WRONG)
        model = chat_model(service.spec)
        with pytest.raises(
            MissingKey, match=f"turned the key down.*{service.key_variable}"
        ) as told:
            model.complete(QUESTION, Steps)
    assert server.requests == [], "the server lets nobody in with a wrong key"
    for kept in (told.value, told.value.__cause__, told.value.__context__):
        _assert_clean(str(kept), WRONG)
    _assert_clean("".join(traceback.format_exception(told.value)), WRONG)
    _assert_clean(caplog.text, WRONG)


def test_what_a_service_says_is_cleaned(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    said = f"account {KEY} ({KEY[:10]}****{KEY[-4:]}, {KEY[3:12]}...) has no credit left"
    with service.server(lambda _: Fault("status", 400, said)) as server:
        server.use(monkeypatch)
        with pytest.raises(ModelUnavailable, match="has no credit left") as told:
            chat_model(service.spec).complete(QUESTION, Steps)
    _assert_clean(str(told.value), KEY)


def test_log_and_cache_hold_no_key_and_no_words(
    service: Service,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    config = ChatConfig(cache=tmp_path / "cache", log=tmp_path / "calls.jsonl")
    with service.server(lambda _: GOOD) as server:
        server.use(monkeypatch)
        model = chat_model(service.spec, config)
        model.complete(QUESTION, Steps)
        model.complete(QUESTION, Steps)
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) == 2
    for path in written:
        _assert_clean(f"{path}\n{path.read_text()}", KEY)
        assert "What is to be done" not in path.read_text()
    _assert_clean(caplog.text, KEY)
    _assert_clean(f"{vars(model)} {vars(model._provider)}", KEY)  # type: ignore[attr-defined]


def test_a_key_prints_and_pickles_as_nothing() -> None:
    key = Key(KEY, "OPENAI_API_KEY")
    assert (
        f"{key} {key!r} {[key]}" == "<key from OPENAI_API_KEY> " * 2 + "[<key from OPENAI_API_KEY>]"
    )
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(key)


def test_cleaning_keeps_what_is_no_key() -> None:
    key = Key(KEY, "OPENAI_API_KEY")
    said = "Rate limit reached for gpt-4.1 in organization org-8J on tokens per min. Wait 1.2s."
    assert key.clean(said) == said
    assert key.clean(f"x {KEY[5:11]} y") == "x [key] y"
    assert key.clean("long " * 1000) == ("long " * 60)[:300]


def test_the_first_variable_that_is_set_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOSEL_A", "")
    monkeypatch.setenv("MOSEL_B", "b-secret")
    key = find_key("Nobody", ("MOSEL_A", "MOSEL_B"), "nowhere")
    assert (key.variable, key.reveal()) == ("MOSEL_B", "b-secret")
