"""Answers that are kept on disk: found again for the same question, and for no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from mosel_gym.errors import BadAnswer, ModelRefused
from mosel_gym.llm.chat import Usage
from mosel_gym.llm.choose import chat_model
from mosel_gym.llm.config import ChatConfig
from mosel_gym.llm.messages import Image, Video, user
from tests.llm.asking import GOOD, Steps, ask, clip
from tests.llm.servers import Fault

SPEC = "openai:gpt-4.1"


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
    ask(chat_model(SPEC, ChatConfig(cache=tmp_path)))
    other = ChatConfig(cache=tmp_path, max_calls=0, timeout_s=1.0, retries=0, max_cost_usd=0.0)
    assert ask(chat_model(SPEC, other)).steps, "the cache comes before the budget"
    assert len(server.requests) == 1


def test_a_bad_answer_is_not_kept(served, tmp_path: Path) -> None:
    server = served("nonsense", "nonsense", GOOD)
    config = ChatConfig(cache=tmp_path)
    with pytest.raises(BadAnswer):
        ask(chat_model(SPEC, config))
    assert ask(chat_model(SPEC, config)).steps == ["open the drawer"]
    assert len(server.requests) == 3


def test_a_refusal_is_not_kept(served, tmp_path: Path) -> None:
    served(Fault("refusal", says="no"), GOOD)
    config = ChatConfig(cache=tmp_path)
    with pytest.raises(ModelRefused, match="'no'"):
        ask(chat_model(SPEC, config))
    assert ask(chat_model(SPEC, config)).steps == ["open the drawer"]


def test_a_repaired_answer_needs_no_second_repair(served, tmp_path: Path) -> None:
    server = served("nonsense", GOOD)
    config = ChatConfig(cache=tmp_path)
    ask(chat_model(SPEC, config))
    again = chat_model(SPEC, config)
    assert ask(again).steps == ["open the drawer"]
    assert len(server.requests) == 2
    assert again.usage == Usage(cached=1)


def test_a_kept_answer_still_has_to_pass_the_check(served, tmp_path: Path) -> None:
    def check(answer: Steps) -> None:
        if "drawer" in answer.steps[0]:
            raise ValueError("no drawer")

    server = served(GOOD, '{"steps": ["open the door"]}')
    config = ChatConfig(cache=tmp_path)
    ask(chat_model(SPEC, config))
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
    ask(chat_model(SPEC, config))
    (entry,) = tmp_path.rglob("*.json")
    whole = entry.read_text()
    entry.write_text(damage)
    assert ask(chat_model(SPEC, config)).steps == ["open the drawer"]
    assert len(server.requests) == 2
    assert entry.read_text() == whole
