"""Budget, pace, log and counting, around real calls to a server on loopback."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from mosel_gym.errors import BudgetReached, MissingKey, ModelError, ModelRefused
from mosel_gym.llm.chat import Usage
from mosel_gym.llm.choose import chat_model
from mosel_gym.llm.config import ChatConfig
from mosel_gym.llm.messages import Image, user
from tests.llm.asking import GOOD, QUESTION, Steps, ask, clip
from tests.llm.servers import Fault

SPEC = "openai:gpt-4.1"
# 1000 tokens in and 100 out, at 2 and 8 dollars a million; the server says so of every answer.
COST_USD = 0.0028


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_usage_counts_calls_tokens_money_and_time(served) -> None:
    served(GOOD)
    model = chat_model(SPEC)
    ask(model)
    ask(model)
    usage = model.usage
    assert (usage.calls, usage.cached) == (2, 0)
    assert (usage.input_tokens, usage.output_tokens) == (2000, 200)
    assert usage.cost_usd == pytest.approx(2 * COST_USD)
    assert 0 < usage.seconds < 10
    assert usage - usage == Usage()


def test_the_budget_in_calls_holds(served) -> None:
    server = served("nonsense", GOOD)
    model = chat_model(SPEC, ChatConfig(max_calls=3))
    ask(model)  # two calls, by the repair
    ask(model)
    with pytest.raises(BudgetReached, match="all 3 calls.*Nothing was sent.*--llm.max-calls"):
        ask(model)
    assert len(server.requests) == 3
    assert model.usage.calls == 3


def test_a_repair_needs_a_budget_too(served) -> None:
    server = served("nonsense", GOOD)
    with pytest.raises(BudgetReached):
        ask(chat_model(SPEC, ChatConfig(max_calls=1)))
    assert len(server.requests) == 1


def test_the_budget_in_money_is_never_exceeded(served) -> None:
    server = served(GOOD)
    # A call may cost up to 0.002 for the prompt and 0.0016 for 200 tokens of answer.
    config = ChatConfig(max_cost_usd=0.01, max_output_tokens=200)
    model = chat_model(SPEC, config)
    for _ in range(3):
        ask(model)
    with pytest.raises(BudgetReached, match=r"0\.0084 of 0\.01 US dollars are spent after 3 calls"):
        ask(model)
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
        ask(chat_model(SPEC, config), "杯子在盘上" * 800)
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
    ask(model)
    assert model.usage.cost_usd == pytest.approx(0.2)


def test_an_unknown_price_costs_nothing_and_says_so(served, tmp_path: Path) -> None:
    served(GOOD)
    model = chat_model("openai:nobody-knows-me", ChatConfig(log=tmp_path / "log"))
    ask(model)
    assert model.usage.cost_usd == 0.0
    assert _lines(tmp_path / "log")[0]["cost_usd"] is None


def test_a_dated_model_costs_the_same(served) -> None:
    served(GOOD)
    model = chat_model("openai:gpt-4.1-2025-04-14")
    ask(model)
    assert model.usage.cost_usd == pytest.approx(COST_USD)


def test_threads_share_one_budget(served) -> None:
    server = served(GOOD)
    model = chat_model(SPEC, ChatConfig(max_calls=5))
    refused = threading.Semaphore(0)

    def answers(number: int) -> bool:
        try:
            ask(model, f"Question {number}?")
        except BudgetReached:
            refused.release()
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        answered = list(pool.map(answers, range(16)))
    assert answered.count(True) == 5
    assert len(server.requests) == 5
    assert model.usage.calls == 5
    assert model.usage.input_tokens == 5000


def test_calls_keep_their_distance(served) -> None:
    server = served(GOOD)
    model = chat_model(SPEC, ChatConfig(calls_per_minute=200))
    began_s = time.monotonic()
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda number: ask(model, f"{number}?"), range(4)))
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
            ask(model, word)
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
        ask(model)
    assert (model.usage.calls, model.usage.cost_usd) == (1, 0.0)
    assert model.usage.seconds > 0


def test_the_question_itself_is_left_as_it_was(served) -> None:
    served("nonsense", GOOD)
    question = list(QUESTION)
    chat_model(SPEC).complete(question, Steps)
    assert question == list(QUESTION)
