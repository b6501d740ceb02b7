"""Answers from a file: in order, per schema, repeating the last; and files that are no script."""

from __future__ import annotations

import json
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from pydantic import BaseModel

from mosel_gym.errors import BadAnswer, DamagedFile, ModelRefused, ModelUnavailable
from mosel_gym.llm.chat import AnswerT, checked_answer
from mosel_gym.llm.messages import user
from mosel_gym.llm.scripted import ScriptedProvider


class PlanAnswer(BaseModel):
    """As a planner would ask for."""

    steps: list[str]


class JudgeAnswer(BaseModel):
    """As an analyzer would ask for."""

    success: bool


QUESTION = [user("What now?")]


def _script(folder: Path, content: Any) -> ScriptedProvider:
    file = folder / "rehearsal.json"
    file.write_text(json.dumps(content), encoding="utf-8")
    return ScriptedProvider(file)


def _complete(provider: ScriptedProvider, schema: type[AnswerT]) -> AnswerT:
    return checked_answer(
        lambda messages: provider.ask(messages, schema), QUESTION, schema, None, provider.name
    )


def test_answers_come_in_order_per_schema_and_the_last_one_repeats(tmp_path: Path) -> None:
    provider = _script(
        tmp_path,
        {
            "PlanAnswer": [{"steps": ["öffne"]}, {"steps": ["close"]}],
            "JudgeAnswer": [{"success": True}],
        },
    )
    plans = [_complete(provider, PlanAnswer).steps for _ in range(2)]
    assert _complete(provider, JudgeAnswer).success
    plans += [_complete(provider, PlanAnswer).steps for _ in range(2)]
    assert plans == [["öffne"], ["close"], ["close"], ["close"]]
    assert provider.name == "scripted:rehearsal"
    answer = provider.ask(QUESTION, PlanAnswer)
    assert (answer.usage.calls, answer.usage.cost_usd) == (1, 0.0)


def test_a_list_serves_any_schema_and_a_new_provider_starts_at_the_top(tmp_path: Path) -> None:
    content = [{"steps": ["open"]}, {"success": False}]
    for _ in range(2):
        provider = _script(tmp_path, content)
        assert _complete(provider, PlanAnswer).steps == ["open"]
        assert not _complete(provider, JudgeAnswer).success


def test_another_script_of_the_same_name_has_another_cache_key(tmp_path: Path) -> None:
    first = _script(tmp_path, [{"steps": ["open"]}])
    again = _script(tmp_path, [{"steps": ["open"]}])
    other = _script(tmp_path, [{"steps": ["close"]}])
    assert first.endpoint == again.endpoint != other.endpoint


def test_a_bad_answer_is_repaired_once(tmp_path: Path) -> None:
    provider = _script(tmp_path, ["Sure! Here you are", {"steps": ["open"]}])
    assert _complete(provider, PlanAnswer).steps == ["open"]
    with pytest.raises(BadAnswer, match=r"scripted:rehearsal gave no usable PlanAnswer"):
        _complete(_script(tmp_path, ["", "{'steps: ["]), PlanAnswer)


def test_a_refusal_is_a_refusal_but_only_when_it_stands_alone(tmp_path: Path) -> None:
    provider = _script(tmp_path, {"PlanAnswer": [{"refusal": "too dangerous"}]})
    with pytest.raises(ModelRefused, match="too dangerous"):
        _complete(provider, PlanAnswer)
    with_field = _script(tmp_path, [{"refusal": "none", "steps": []}])
    assert with_field.ask(QUESTION, PlanAnswer).refusal is None


def test_a_schema_without_answers_is_named_with_those_there_are(tmp_path: Path) -> None:
    provider = _script(tmp_path, {"PlanAnswer": [{"steps": []}]})
    with pytest.raises(ModelUnavailable, match="no answers for JudgeAnswer.*PlanAnswer"):
        provider.ask(QUESTION, JudgeAnswer)


def test_threads_share_one_script_without_losing_an_answer(tmp_path: Path) -> None:
    provider = _script(tmp_path, [{"steps": [str(number)]} for number in range(200)])
    seen: list[str] = []

    def ask() -> None:
        seen.extend(_complete(provider, PlanAnswer).steps[0] for _ in range(50))

    threads = [Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(int, seen)) == list(range(200))


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "no JSON"),
        (b"\xff\xfe{}", "no JSON"),
        (b'{"PlanAnswer": [', "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"3", "neither lists nor names"),
        (b"{}", "neither lists nor names"),
        (b'{"": [{}]}', "neither lists nor names"),
        (b"[]", "one answer or more"),
        (b'{"PlanAnswer": {"steps": []}}', "PlanAnswer: one answer or more"),
        (b'{"PlanAnswer": [{}, 3]}', "PlanAnswer, answer 2 is a int"),
    ],
)
def test_a_file_that_is_no_script_is_refused_by_name(
    tmp_path: Path, content: bytes, what: str
) -> None:
    file = tmp_path / "broken.json"
    file.write_bytes(content)
    with pytest.raises(DamagedFile, match=what) as caught:
        ScriptedProvider(file)
    assert str(file) in str(caught.value)
    assert "A script is JSON" in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DamagedFile, match=r"absent\.json cannot be read: No such file"):
        ScriptedProvider(tmp_path / "absent.json")
