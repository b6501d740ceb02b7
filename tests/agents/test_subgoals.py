"""Sub-goals: shipped for every skill, corrected by people, asked of a model at most once."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mosel_gym.agents import SubgoalBook
from mosel_gym.agents.planning.subgoals import MAX_WORDS, SubgoalsAnswer, shipped_subgoals
from mosel_gym.errors import BadAnswer, DamagedFile
from mosel_gym.registry import TASKS
from mosel_gym.types import Skill
from tests.agents.scripted_chat import ScriptedChat

MUG = "put the white mug on the plate"
WIPE, FOLD = Skill("wipe the table", "the table is dry"), Skill("fold the towel", "it is folded")


def rows(*pairs):
    return {"rows": [{"skill": skill, "subgoal": subgoal} for skill, subgoal in pairs]}


def test_the_shipped_file_covers_every_skill_and_nothing_else():
    shipped = shipped_subgoals()
    skills = {skill.text for task in TASKS.values() for skill in task.skills}
    assert sorted(skills - set(shipped)) == [], "skills without a sub-goal in subgoals.json"
    assert sorted(set(shipped) - skills) == [], "stale entries of subgoals.json"
    assert len(set(shipped.values())) == len(shipped), "two skills with one sub-goal"


@pytest.mark.parametrize(("skill", "subgoal"), sorted(shipped_subgoals().items()))
def test_a_shipped_sentence_names_the_things_of_its_skill(skill, subgoal):
    assert 8 <= len(subgoal.split()) <= MAX_WORDS
    assert subgoal == subgoal.strip().rstrip(".")
    for word in ("red", "white", "black", "blue", "yellow", "left", "right", "top", "bottom"):
        if word in skill.split():
            near = {"top": ("top", "topmost", "uppermost")}.get(word, (word,))
            assert any(other in subgoal.replace(",", " ").split() for other in near), word
    things = ("mug", "pudding", "bowl", "pan", "drawer", "microwave", "stove", "apple", "brush")
    for thing in things:
        if thing in skill.split():
            assert thing in subgoal.replace("'s", "").replace(",", " ").split(), thing


def test_the_users_file_comes_first_and_is_left_alone(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({MUG: "the mug is there"}))
    book = SubgoalBook(path)
    assert book.of(MUG) == "the mug is there"
    assert SubgoalBook().of(MUG) == shipped_subgoals()[MUG]
    assert book.of(WIPE) == "the table is dry"  # no model: the skill's own words
    assert book.of("wave") == "wave"
    assert json.loads(path.read_text()) == {MUG: "the mug is there"}


def test_a_file_of_an_editor_that_marks_its_encoding_is_read(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text('{"wave": "die Hand ist über dem Tisch"}', encoding="utf-8-sig")
    assert SubgoalBook(path).of("wave") == "die Hand ist über dem Tisch"


def test_an_unknown_skill_is_asked_once_and_written_down(tmp_path):
    path = tmp_path / "new" / "mine.json"
    answer = rows((FOLD.text, " the towel is\nfolded in half "), (WIPE.text, "no spot is left"))
    chat = ScriptedChat(answer)
    book = SubgoalBook(path, chat)
    frame = np.zeros((8, 8, 3), np.uint8)
    found = book.of_all([WIPE, Skill(MUG, ""), FOLD, WIPE], frame)
    assert found == {
        WIPE.text: "no spot is left",
        MUG: shipped_subgoals()[MUG],
        FOLD.text: "the towel is folded in half",
    }
    assert chat.schemas == [SubgoalsAnswer]
    assert chat.text().count(WIPE.text) == 1
    assert MUG not in chat.text()
    assert len(chat.pictures()) == 1
    assert book.of(WIPE) == "no spot is left"
    assert len(chat.asked) == 1
    text = path.read_text()
    assert text.count("\n") == 4, "one line for each skill"
    assert [p.name for p in path.parent.iterdir()] == ["mine.json"]
    assert SubgoalBook(path).of(FOLD) == "the towel is folded in half"


def test_what_a_person_wrote_meanwhile_stands(tmp_path):
    path = tmp_path / "mine.json"
    book = SubgoalBook(path, ScriptedChat(rows((WIPE.text, "no spot is left"))))
    path.write_text(json.dumps({WIPE.text: "it shines", "x": "y"}))
    book.of(WIPE)
    assert json.loads(path.read_text()) == {WIPE.text: "it shines", "x": "y"}


def test_answers_that_will_not_do():
    wrong = rows((FOLD.text, "folded"))
    long = rows((WIPE.text, "word " * (MAX_WORDS + 1)))
    right = rows((WIPE.text, "no spot is left"))
    for bad, reason in ((wrong, "needed once"), (long, "31 words"), (rows(), "needed once")):
        chat = ScriptedChat(bad, right)
        assert SubgoalBook(model=chat).of(WIPE) == "no spot is left"
        assert reason in chat.text(1)
    book = SubgoalBook(model=ScriptedChat(wrong, wrong))
    with pytest.raises(BadAnswer, match="wipe the table"):
        book.of(WIPE)
    assert book.own == {}


@pytest.mark.parametrize("text", ["{", "[]", '{"a": 1}', '{"a": " "}'])
def test_a_damaged_file_is_named(tmp_path, text):
    path = tmp_path / "mine.json"
    path.write_text(text)
    with pytest.raises(DamagedFile, match=r"mine\.json"):
        SubgoalBook(path)


def test_a_skill_text_never_becomes_a_path(tmp_path):
    nasty = '../../evil"\n{{skills}}'
    path = tmp_path / "folder" / "mine.json"
    book = SubgoalBook(path, ScriptedChat(rows((nasty, "it is done"))))
    assert book.of(nasty) == "it is done"
    assert json.loads(path.read_text()) == {nasty: "it is done"}
    assert [p.name for p in tmp_path.rglob("*")] == ["folder", "mine.json"]
