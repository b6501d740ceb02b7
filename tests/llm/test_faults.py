"""Every fault of a service, through the real SDKs over real HTTP."""

from __future__ import annotations

import threading
import time

import pytest

from mosel_gym.errors import BadAnswer, MissingKey, ModelError, ModelRefused, ModelUnavailable
from mosel_gym.llm.choose import chat_model
from mosel_gym.llm.config import ChatConfig
from tests.llm.asking import GOOD, QUESTION, Service, Steps
from tests.llm.servers import Fault, OpenAIServer, Reply, in_turn

RETRY_ONCE = ChatConfig(retries=1, timeout_s=5.0, deadline_s=20.0)


@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", 429, "too many requests", {"retry-after": "0.05"}),
        Fault("status", 500),
        Fault("status", 503),
        Fault("cut"),
    ],
    ids=["429", "500", "503", "cut"],
)
def test_a_passing_fault_is_tried_again(
    service: Service, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    with service.server(in_turn(fault, GOOD)) as server:
        server.use(monkeypatch)
        model = chat_model(service.spec, RETRY_ONCE)
        assert model.complete(QUESTION, Steps).steps == ["open the drawer"]
    assert len(server.requests) == 2
    assert model.usage.calls == 1, "the SDK's tries are one call"


def test_no_more_tries_are_claimed_than_were_made(
    no_keys: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = Fault("status", 429, "come back later", {"retry-after": "600"})
    with OpenAIServer(lambda _: fault) as server:
        server.use(monkeypatch)
        with pytest.raises(ModelUnavailable, match="Up to 5 tries were made"):
            chat_model("openai:gpt-4.1").complete(QUESTION, Steps)
    assert len(server.requests) == 1, "the SDK does not wait for so long"


@pytest.mark.parametrize(
    ("fault", "error", "tries", "words"),
    [
        (Fault("status", 429, "slow down"), ModelUnavailable, 2, "HTTP 429 .*slow down.*2 tries"),
        (Fault("status", 500), ModelUnavailable, 2, "HTTP 500 .*2 tries were made"),
        (Fault("status", 400, "bad schema"), ModelUnavailable, 1, "bad schema.*No further try"),
        (Fault("status", 404, "no such model"), ModelUnavailable, 1, "Is the model's name right"),
        (Fault("status", 403, "not for you"), MissingKey, 1, "turned the key down .HTTP 403"),
        (Fault("cut"), ModelUnavailable, 2, "could not be reached.*2 tries were made"),
        (Fault("malformed"), ModelUnavailable, 1, "not the JSON of its interface"),
        (Fault("filtered"), ModelRefused, 1, "declined to answer: .*(filter|SAFETY)"),
        (Fault("refusal", says="I will not"), ModelRefused, 1, "I will not|PROHIBITED_CONTENT"),
        (Fault("cut_off", says='{"steps": ["op'), BadAnswer, 2, "cut off at the limit"),
        ("", BadAnswer, 2, "Steps in 2 attempts"),
        ('{"moves": []}', BadAnswer, 2, "steps: Field required"),
        ("I would rather not say.", BadAnswer, 2, "rather not say.*JSON"),
    ],
)
def test_a_lasting_fault_is_one_clear_error(
    service: Service,
    fault: Reply,
    error: type[ModelError],
    tries: int,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with service.server(lambda _: fault) as server:
        server.use(monkeypatch)
        model = chat_model(service.spec, RETRY_ONCE)
        with pytest.raises(error, match=f"(?s){service.spec}.*({words})"):
            model.complete(QUESTION, Steps)
    assert len(server.requests) == tries


def test_a_body_without_an_answer_is_no_crash(monkeypatch: pytest.MonkeyPatch, service: Service):
    with service.server(lambda _: Fault("no_choice")) as server:
        server.use(monkeypatch)
        with pytest.raises((ModelUnavailable, ModelRefused)):
            chat_model(service.spec, RETRY_ONCE).complete(QUESTION, Steps)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "null",
        "[]",
        "5",
        '"hello"',
        "<html>a proxy says hello</html>",
        '{"choices": [{"message": {"content": 5}}], "candidates": null}',
        '{"choices": [null], "candidates": [{"content": {"parts": [{"text": 5}]}}]}',
    ],
)
def test_a_body_that_is_no_answer_is_the_service_s_fault(
    service: Service, body: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with service.server(lambda _: Fault("body", says=body)) as server:
        server.use(monkeypatch)
        with pytest.raises(ModelUnavailable, match=f"{service.spec}.*(interface|failed with)"):
            chat_model(service.spec, RETRY_ONCE).complete(QUESTION, Steps)


def test_a_slow_drip_ends_at_the_deadline(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = ChatConfig(retries=0, timeout_s=5.0, deadline_s=0.8)
    with service.server(lambda _: Fault("drip")) as server:
        server.use(monkeypatch)
        model = chat_model(service.spec, config)
        began_s = time.monotonic()
        with pytest.raises(ModelUnavailable, match=r"within 0\.8 s"):
            model.complete(QUESTION, Steps)
        assert time.monotonic() - began_s < 3.0
        # The connection is closed, so that the thread of the call ends too.
        for thread in threading.enumerate():
            if thread.name == "mosel-llm-call":
                thread.join(3.0)
                assert not thread.is_alive()
    assert len(server.requests) == 1


def test_silence_ends_at_the_time_out_and_is_tried_again(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = ChatConfig(retries=1, timeout_s=0.4, deadline_s=20.0)
    with service.server(in_turn(Fault("silence"), GOOD)) as server:
        server.use(monkeypatch)
        assert chat_model(service.spec, config).complete(QUESTION, Steps).steps
    assert len(server.requests) == 2


def test_nobody_listens(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    with service.server(lambda _: GOOD) as server:
        server.use(monkeypatch)
    config = ChatConfig(retries=0, timeout_s=2.0)
    with pytest.raises(ModelUnavailable, match="could not be reached.*One try was made"):
        chat_model(service.spec, config).complete(QUESTION, Steps)


def test_a_repair_says_what_was_wrong(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    with service.server(in_turn('{"steps": "open"}', f"Gladly:\n```json\n{GOOD}\n```")) as server:
        server.use(monkeypatch)
        model = chat_model(service.spec, RETRY_ONCE)
        assert model.complete(QUESTION, Steps).steps == ["open the drawer"]
    first, second = server.requests
    assert (first["turns"], second["turns"]) == (1, 3)
    assert '{"steps": "open"}' in second["text"]
    assert "steps: Input should be a valid array" in second["text"]
    assert model.usage.calls == 2


def test_a_check_sends_its_reason_back_once(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(answer: Steps) -> None:
        if "drawer" in answer.steps[0]:
            raise ValueError("there is no drawer here; there is a door")

    with service.server(lambda _: GOOD) as server:
        server.use(monkeypatch)
        with pytest.raises(BadAnswer, match="there is a door"):
            chat_model(service.spec, RETRY_ONCE).complete(QUESTION, Steps, check)
    assert "there is a door" in server.requests[1]["text"]


def test_half_a_character_reaches_neither_wire_nor_file(
    service: Service, monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    config = ChatConfig(cache=tmp_path)
    with service.server(in_turn("not JSON \ud800", '{"steps": ["\ud800"]}')) as server:
        server.use(monkeypatch)
        model = chat_model(service.spec, config)
        assert model.complete(QUESTION, Steps).steps == ["?"]
        assert model.complete(QUESTION, Steps).steps == ["?"]


def test_an_error_has_no_sdk_exception_behind_it(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    with service.server(lambda _: Fault("status", 500)) as server:
        server.use(monkeypatch)
        with pytest.raises(ModelUnavailable) as caught:
            chat_model(service.spec, ChatConfig(retries=0)).complete(QUESTION, Steps)
    error: BaseException | None = caught.value
    assert error is not None
    assert error.__cause__ is None
    assert error.__context__ is None
