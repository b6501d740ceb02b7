"""Cache, budget, pace, log and counting, around real calls to a server on loopback."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from mosel_gym.errors import BadAnswer, BudgetReached, MissingKey, ModelError, ModelRefused
from mosel_gym.llm.chat import ChatModel, Usage
from mosel_gym.llm.choose import chat_model
from mosel_gym.llm.config import ChatConfig
from mosel_gym.llm.messages import Image, Video, user
from tests.llm.asking import GOOD, QUESTION, Steps, clip
from tests.llm.servers import Fault, OpenAIServer, Reply

SPEC = "openai:gpt-4.1"
# 1000 tokens in and 100 out, at 2 and 8 dollars a million; the server says so of every answer.
COST_USD = 0.0028


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


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _ask(model: ChatModel, word: str = "What now?") -> Steps:
    return model.complete([user(word)], Steps)


def test_usage_counts_calls_tokens_money_and_time(served) -> None:
    served(GOOD)
    model = chat_model(SPEC)
    _ask(model)
    _ask(model)
    usage = model.usage
    assert (usage.calls, usage.cached) == (2, 0)
    assert (usage.input_tokens, usage.output_tokens) == (2000, 200)
    assert usage.cost_usd == pytest.approx(2 * COST_USD)
    assert 0 < usage.seconds < 10
    assert usage - usage == Usage()


def test_the_same_question_is_answered_from_the_cache(served, tmp_path: Path) -> None:
    server = served(GOOD)
    config = ChatConfig(cache=tmp_path)
    video = clip(5)
    question = [user("Watch:", video, Image(video.frames[0]))]
    assert chat_model(SPEC, config).complete(question, Steps).steps == ["open the drawer"]
    later = chat_model(SPEC, config)
    assert later.complete(question, Steps).steps == ["open the drawer"]
    assert len(server.requests) == 1
    assert later.usage == Usage(cached=1)


class OtherSteps(Steps):
    """The same fields, another name."""


@pytest.mark.parametrize(
    "change",
    [
        "word",
        "pixel",
        "last frame",
        "fps",
        "split",
        "schema",
        "model",
        "temperature",
        "max_frames",
        "endpoint",
    ],
)
def test_another_question_is_asked_anew(change: str, served, tmp_path: Path) -> None:
    server = served(GOOD)
    frames = clip(5).frames
    chat_model(SPEC, ChatConfig(cache=tmp_path)).complete(
        [user("Watch", "this", Video(frames, 10.0), Image(frames[0]))], Steps
    )
    changed, picture, fps, words = frames.copy(), frames[0].copy(), 10.0, ("Watch", "this")
    schema, spec, config = Steps, SPEC, ChatConfig(cache=tmp_path)
    if change == "word":
        words = ("Watch", "that")
    elif change == "split":
        words = ("Watcht", "his")
    elif change == "pixel":
        picture[0, 0, 0] += 1
    elif change == "last frame":
        changed[-1, -1, -1, -1] += 1
    elif change == "fps":
        fps = 11.0
    elif change == "schema":
        schema = OtherSteps
    elif change == "model":
        spec = "openai:gpt-4.1-mini"
    elif change == "temperature":
        config = ChatConfig(cache=tmp_path, temperature=1.0)
    elif change == "max_frames":
        config = ChatConfig(cache=tmp_path, max_frames=3)
    elif change == "endpoint":
        first, server = server, served(GOOD)
        assert first.url != server.url
        server.requests.append(first.requests[0])
    question = [user(*words, Video(changed, fps), Image(picture))]
    chat_model(spec, config).complete(question, schema)
    assert len(server.requests) == 2


def test_limits_and_times_do_not_change_the_question(served, tmp_path: Path) -> None:
    server = served(GOOD)
    _ask(chat_model(SPEC, ChatConfig(cache=tmp_path)))
    other = ChatConfig(cache=tmp_path, max_calls=0, timeout_s=1.0, retries=0, max_cost_usd=0.0)
    assert _ask(chat_model(SPEC, other)).steps, "the cache comes before the budget"
    assert len(server.requests) == 1


def test_a_bad_answer_is_not_kept(served, tmp_path: Path) -> None:
    server = served("nonsense", "nonsense", GOOD)
    config = ChatConfig(cache=tmp_path)
    with pytest.raises(BadAnswer):
        _ask(chat_model(SPEC, config))
    assert _ask(chat_model(SPEC, config)).steps == ["open the drawer"]
    assert len(server.requests) == 3


def test_a_refusal_is_not_kept(served, tmp_path: Path) -> None:
    served(Fault("refusal", says="no"), GOOD)
    config = ChatConfig(cache=tmp_path)
    with pytest.raises(ModelRefused, match="'no'"):
        _ask(chat_model(SPEC, config))
    assert _ask(chat_model(SPEC, config)).steps == ["open the drawer"]


def test_a_repaired_answer_needs_no_second_repair(served, tmp_path: Path) -> None:
    server = served("nonsense", GOOD)
    config = ChatConfig(cache=tmp_path)
    _ask(chat_model(SPEC, config))
    again = chat_model(SPEC, config)
    assert _ask(again).steps == ["open the drawer"]
    assert len(server.requests) == 2
    assert again.usage == Usage(cached=1)


def test_a_kept_answer_still_has_to_pass_the_check(served, tmp_path: Path) -> None:
    def check(answer: Steps) -> None:
        if "drawer" in answer.steps[0]:
            raise ValueError("no drawer")

    server = served(GOOD, '{"steps": ["open the door"]}')
    config = ChatConfig(cache=tmp_path)
    _ask(chat_model(SPEC, config))
    model = chat_model(SPEC, config)
    assert model.complete([user("What now?")], Steps, check).steps == ["open the door"]
    assert model.usage.cached == 0
    # The new answer has taken the old one's place.
    assert model.complete([user("What now?")], Steps, check).steps == ["open the door"]
    assert len(server.requests) == 2


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"text": 5}', '{"key": "x", "text": "{}"}'])
def test_a_damaged_entry_is_written_again(damage: str, served, tmp_path: Path) -> None:
    server = served(GOOD)
    config = ChatConfig(cache=tmp_path)
    _ask(chat_model(SPEC, config))
    (entry,) = tmp_path.rglob("*.json")
    whole = entry.read_text()
    entry.write_text(damage)
    assert _ask(chat_model(SPEC, config)).steps == ["open the drawer"]
    assert len(server.requests) == 2
    assert entry.read_text() == whole


def test_the_budget_in_calls_holds(served) -> None:
    server = served("nonsense", GOOD)
    model = chat_model(SPEC, ChatConfig(max_calls=3))
    _ask(model)  # two calls, by the repair
    _ask(model)
    with pytest.raises(BudgetReached, match="all 3 calls.*Nothing was sent.*--llm.max-calls"):
        _ask(model)
    assert len(server.requests) == 3
    assert model.usage.calls == 3


def test_a_repair_needs_a_budget_too(served) -> None:
    server = served("nonsense", GOOD)
    with pytest.raises(BudgetReached):
        _ask(chat_model(SPEC, ChatConfig(max_calls=1)))
    assert len(server.requests) == 1


def test_the_budget_in_money_is_never_exceeded(served) -> None:
    server = served(GOOD)
    # A call may cost up to 0.002 for the prompt and 0.0016 for 200 tokens of answer.
    config = ChatConfig(max_cost_usd=0.01, max_output_tokens=200)
    model = chat_model(SPEC, config)
    for _ in range(3):
        _ask(model)
    with pytest.raises(BudgetReached, match=r"0\.0084 of 0\.01 US dollars are spent after 3 calls"):
        _ask(model)
    assert len(server.requests) == 3
    assert model.usage.cost_usd == pytest.approx(3 * COST_USD)


def test_pictures_count_in_the_estimate(served) -> None:
    server = served(GOOD)
    config = ChatConfig(max_cost_usd=0.05, max_output_tokens=200)
    with pytest.raises(BudgetReached, match="Nothing was sent"):
        chat_model(SPEC, config).complete([user(clip(30))], Steps)
    assert server.requests == []


def test_letters_that_are_tokens_of_their_own_count_in_the_estimate(served) -> None:
    server = served(GOOD)
    # 4000 Chinese letters are 4000 tokens and more: 0.008 dollars, beside 0.0016 for the answer.
    config = ChatConfig(max_cost_usd=0.009, max_output_tokens=200)
    with pytest.raises(BudgetReached, match="Nothing was sent"):
        _ask(chat_model(SPEC, config), "杯子在盘上" * 800)
    assert server.requests == []


def test_money_needs_a_price(no_keys: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-some-key")
    with pytest.raises(ModelError, match="--llm.price-in-usd and --llm.price-out-usd"):
        chat_model("openai:nobody-knows-me", ChatConfig(max_cost_usd=1.0))
    priced = ChatConfig(max_cost_usd=1.0, price_in_usd=1.0, price_out_usd=2.0)
    assert chat_model("openai:nobody-knows-me", priced).usage == Usage()


def test_given_prices_come_before_the_table(served) -> None:
    served(GOOD)
    model = chat_model(SPEC, ChatConfig(price_in_usd=100.0, price_out_usd=1000.0))
    _ask(model)
    assert model.usage.cost_usd == pytest.approx(0.2)


def test_an_unknown_price_costs_nothing_and_says_so(served, tmp_path: Path) -> None:
    served(GOOD)
    model = chat_model("openai:nobody-knows-me", ChatConfig(log=tmp_path / "log"))
    _ask(model)
    assert model.usage.cost_usd == 0.0
    assert _lines(tmp_path / "log")[0]["cost_usd"] is None


def test_a_dated_model_costs_the_same(served) -> None:
    served(GOOD)
    model = chat_model("openai:gpt-4.1-2025-04-14")
    _ask(model)
    assert model.usage.cost_usd == pytest.approx(COST_USD)


def test_threads_share_one_budget(served) -> None:
    server = served(GOOD)
    model = chat_model(SPEC, ChatConfig(max_calls=5))
    refused = threading.Semaphore(0)

    def ask(number: int) -> bool:
        try:
            _ask(model, f"Question {number}?")
        except BudgetReached:
            refused.release()
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        answered = list(pool.map(ask, range(16)))
    assert answered.count(True) == 5
    assert len(server.requests) == 5
    assert model.usage.calls == 5
    assert model.usage.input_tokens == 5000


def test_calls_keep_their_distance(served) -> None:
    server = served(GOOD)
    model = chat_model(SPEC, ChatConfig(calls_per_minute=200))
    began_s = time.monotonic()
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda number: _ask(model, f"{number}?"), range(4)))
    assert time.monotonic() - began_s >= 3 * 0.3
    assert len(server.requests) == 4


def test_the_log_says_how_each_call_ended(served, tmp_path: Path) -> None:
    served("nonsense", GOOD, Fault("refusal"), Fault("status", 500), Fault("status", 401), GOOD)
    path = tmp_path / "deep" / "calls.jsonl"
    config = ChatConfig(log=path, cache=tmp_path / "cache", retries=0)
    model = chat_model(SPEC, config)
    question = [user("What now?", clip(4), Image(clip(1).frames[0]))]
    model.complete(question, Steps)
    model.complete(question, Steps)
    for word, error in (("a", ModelRefused), ("b", ModelError), ("c", MissingKey)):
        with pytest.raises(error):
            _ask(model, word)
    lines = _lines(path)
    assert [(line["outcome"], line["attempt"], line["cached"]) for line in lines] == [
        ("bad_answer", 1, False),
        ("ok", 2, False),
        ("ok", 1, True),
        ("refused", 1, False),
        ("unavailable", 1, False),
        ("key", 1, False),
    ]
    first, _, cached, *_ = lines
    assert first | {"time": "", "seconds": 0} == {
        "time": "",
        "model": SPEC,
        "schema": "Steps",
        "attempt": 1,
        "cached": False,
        "pictures": 5,
        "input_tokens": 1000,
        "output_tokens": 100,
        "cost_usd": COST_USD,
        "seconds": 0,
        "outcome": "bad_answer",
    }
    assert first["time"].endswith("+00:00")
    assert (cached["cost_usd"], cached["input_tokens"]) == (0.0, 0)
    assert max(map(len, path.read_text().splitlines())) < 400, "no contents"


def test_a_wrong_place_for_cache_or_log_is_known_before_any_call(
    no_keys: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-some-key")
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(OSError, match="file"):
        chat_model(SPEC, ChatConfig(cache=file / "below"))
    with pytest.raises(OSError, match="file"):
        chat_model(SPEC, ChatConfig(log=file / "below"))


def test_a_failed_call_is_counted_but_not_charged(served) -> None:
    served(Fault("status", 500))
    model = chat_model(SPEC, ChatConfig(retries=0, max_cost_usd=1.0))
    with pytest.raises(ModelError):
        _ask(model)
    assert (model.usage.calls, model.usage.cost_usd) == (1, 0.0)
    assert model.usage.seconds > 0


def test_the_question_itself_is_left_as_it_was(served) -> None:
    served("nonsense", GOOD)
    question = list(QUESTION)
    chat_model(SPEC).complete(question, Steps)
    assert question == list(QUESTION)
