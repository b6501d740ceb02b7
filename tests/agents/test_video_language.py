"""A video language model judges recorded episodes: what it sees, what it may say, what it means."""

from __future__ import annotations

import numpy as np
import pytest

from mosel_gym.agents import (
    OfflinePlanner,
    PixelAnalyzer,
    SubgoalBook,
    VideoLanguageAnalyzer,
    VideoLanguageConfig,
)
from mosel_gym.agents.analysis.answers import CritiqueAnswer, FailureAnswer, SubgoalAnswer
from mosel_gym.agents.base import SkillJudge, VideoAnalyzer
from mosel_gym.agents.planning.hints import parse_rationale
from mosel_gym.data.libero_hdf5 import read_episode, write_episode
from mosel_gym.errors import BadAnswer, BudgetReached
from mosel_gym.llm.messages import Image
from mosel_gym.registry import task_of
from mosel_gym.types import SkillSegment, TaskPlan
from tests.agents.judged_episodes import (
    ALL_WELL,
    MUG,
    PUDDING,
    TASK,
    analyze,
    make_episode,
    rows_of,
)
from tests.agents.scripted_chat import ScriptedChat, attempt, failure, judged


def claim(number: int, stands: bool, **fields):
    row = {"attempt": number, "doubt": "It leans.", "evidence": [2], "confidence": 0.6}
    return row | {"stands": stands} | fields


def test_a_success_takes_one_call():
    reflection, chat = analyze(ALL_WELL)
    assert chat.schemas == [SubgoalAnswer]
    assert (reflection.success, reflection.fault, reflection.failed_skill) == (True, "none", None)
    assert reflection.analyzer == "videollm(scripted:test)"
    assert not reflection.privileged
    assert [(v.skill, v.segment, v.success) for v in reflection.verdicts] == [
        (MUG, 0, True),
        (PUDDING, 2, True),
    ]
    assert [v.confidence for v in reflection.verdicts] == [0.8, 0.8]
    assert "The box lies there. (frames 19, 20)" in reflection.verdicts[1].reason
    analyzer = VideoLanguageAnalyzer(chat)
    assert isinstance(analyzer, VideoAnalyzer)
    assert not isinstance(analyzer, SkillJudge)
    assert analyzer.usage.calls == 1


def test_no_truth_of_the_simulator_is_sent():
    answers = judged(attempt(1), attempt(2, False), goal=False), failure(False, 2)
    asked = []
    for truth in (True, False):
        episode = make_episode(
            success=truth,
            skill_done={MUG: np.full(101, truth), PUDDING: np.full(101, truth)},
            states=np.full((101, 5), 0.5 + truth),
            fixtures=np.full((1, 7), 0.5 + truth),
            provenance={"renderer": f"secret-{truth}"},
        )
        reflection, chat = analyze(*answers, episode=episode)
        asked.append((chat.text(0), chat.text(1), rows_of(chat, 0), rows_of(chat, 1), reflection))
        for word in ("skill_done", "proprio", "0.98765", "secret", "provenance", "True"):
            assert word not in chat.text(0) + chat.text(1)
        parts = [p for call in chat.asked for message in call for p in message.parts]
        assert {type(part).__name__ for part in parts} == {"Text", "Image"}
    assert asked[0] == asked[1]


def test_a_failed_skill_takes_a_second_call():
    answers = judged(attempt(1), attempt(2, False, reason="The gripper closed on air."), goal=False)
    reflection, chat = analyze(answers, failure(False, 2, "The grasp missed the box."))
    assert chat.schemas == [SubgoalAnswer, FailureAnswer]
    assert (reflection.success, reflection.fault) == (False, "skill")
    assert reflection.failed_skill == PUDDING
    assert [v.success for v in reflection.verdicts] == [True, False]
    assert "closed on air" in reflection.verdicts[1].reason
    assert "The grasp missed the box" in reflection.rationale
    assert rows_of(chat, 0) == rows_of(chat, 1)
    assert '"reached": false' in chat.text(1)
    assert "put the red mug on the plate" in chat.text(1)  # S, for advice
    hints = parse_rationale(reflection.rationale, (MUG, PUDDING), TASK.skill_texts)
    assert PUDDING in hints.failed


def test_an_undone_skill_and_the_offline_planner_reads_it():
    rows = attempt(1, holds_at_end=False, undone_by=2), attempt(2, False)
    reason = "The arm swept over the plate."
    reflection, chat = analyze(judged(*rows, goal=False), failure(True, 1, reason))
    assert reflection.fault == "language"
    assert reflection.failed_skill == MUG
    # The segment itself did reach its sub-goal, and may be learned from.
    assert [v.success for v in reflection.verdicts] == [True, False]
    assert '"undone by attempt": 2' in chat.text(1)
    tried = TaskPlan((MUG, PUDDING), "", "test")
    plan = OfflinePlanner().plan(TASK, None, [(tried, reflection.rationale)])
    assert plan.skills == (PUDDING, MUG)


def test_lost_with_nobody_to_blame_was_not_reached():
    rows = attempt(1, holds_at_end=False), attempt(2)
    reflection, _ = analyze(judged(*rows, goal=False), failure(False, 1))
    assert [v.success for v in reflection.verdicts] == [False, True]
    assert reflection.failed_skill == MUG


def test_a_handed_over_tool_was_not_undone():
    sweep = task_of("MOSEL-RoboTwin-SweepBlock")
    segments = tuple(SkillSegment(s, 25 * i, 25 * i + 25) for i, s in enumerate(sweep.plan))
    episode = make_episode(segments, sweep.plan, task_id=sweep.id, goal=sweep.goal)
    first = attempt(1, holds_at_end=False, undone_by=2)
    reflection, _ = analyze(judged(first, *map(attempt, (2, 3, 4))), episode=episode)
    assert reflection.success


def test_the_last_attempt_counts_and_time_may_run_out():
    home = SkillSegment(MUG, 30, 40, "transition")
    episode = make_episode((SkillSegment(MUG, 0, 30), home, SkillSegment(MUG, 40, 100)))
    rows = attempt(1, False), attempt(2)
    bad = failure(False, 1)  # attempt 1 was made good
    good = failure(False, 0)
    reflection, chat = analyze(judged(*rows, goal=False), bad, good, episode=episode)
    assert "the attempts that failed or were undone are none" in chat.text(2)
    assert f'- "{PUDDING}"' in chat.text(1).split("never begun")[1]
    assert (reflection.fault, reflection.failed_skill) == ("skill", PUDDING)
    assert f'"{PUDDING}" was never started' in reflection.rationale
    assert [v.segment for v in reflection.verdicts] == [0, 2]


def test_all_reached_but_the_goal_is_a_fault_of_the_plan():
    episode = make_episode((SkillSegment(MUG, 0, 90),), plan=(MUG,))
    answers = judged(attempt(1), goal=False), failure(False, 0), failure(True, 0)
    reflection, chat = analyze(*answers, episode=episode)
    assert "plan must be at fault" in chat.text(2)
    assert (reflection.success, reflection.fault) == (False, "language")
    assert reflection.failed_skill is None
    assert "The goal was not reached: The end shows it" in reflection.rationale


def test_an_episode_without_a_skill_costs_nothing():
    reflection, chat = analyze(episode=make_episode(()))
    assert chat.asked == []
    assert (reflection.success, reflection.fault) == (False, "skill")


def test_the_critic_takes_a_success_back():
    config = VideoLanguageConfig(critique=True)
    critique = {"claims": [claim(1, True), claim(2, False)]}
    reflection, chat = analyze(ALL_WELL, critique, failure(False, 2), config=config)
    assert chat.schemas == [SubgoalAnswer, CritiqueAnswer, FailureAnswer]
    assert [v.success for v in reflection.verdicts] == [True, False]
    assert [v.confidence for v in reflection.verdicts] == [0.6, 0.6]
    assert "It leans. (frame 2)" in reflection.verdicts[1].reason
    assert reflection.failed_skill == PUDDING
    missing = {"claims": [claim(1, True)]}
    whole = {"claims": [claim(1, True), claim(2, True)]}
    reflection, chat = analyze(ALL_WELL, missing, whole, config=config)
    assert reflection.success
    assert "Missing: [2]" in chat.text(2)
    # Nothing to criticise: no call.
    bad = judged(attempt(1, False), attempt(2, False), goal=False)
    _, chat = analyze(bad, failure(False, 1), config=config)
    assert chat.schemas == [SubgoalAnswer, FailureAnswer]


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([attempt(1)], r"Missing: \[2\]"),
        ([attempt(1), attempt(2), attempt(7)], r"unknown: \[7\]"),
        ([attempt(1), attempt(1), attempt(2)], r"more than once: \[1\]"),
        ([attempt(1, evidence=[21]), attempt(2)], "from 1 to 20"),
        ([attempt(1, evidence=[]), attempt(2)], "needs evidence"),
        ([attempt(1, evidence=list(range(1, 21))), attempt(2)], "at most 12"),
        ([attempt(1, confidence=70), attempt(2)], "0..1"),
        ([attempt(1, reason=" "), attempt(2)], "reason is empty"),
        ([attempt(1, undone_by=2), attempt(2)], "undone_by is 2"),
        ([attempt(1), attempt(2, holds_at_end=False, undone_by=1)], r"later attempts \[\]"),
        ([], r"Missing: \[1, 2\]"),
    ],
)
def test_impossible_answers_are_sent_back_once(rows, reason):
    reflection, chat = analyze(judged(*rows), ALL_WELL)
    assert reflection.success
    assert len(chat.asked) == 2
    assert rows_of(chat, 1) == rows_of(chat, 0)
    with pytest.raises(BadAnswer, match=reason):
        analyze(judged(*rows), judged(*rows))


def test_broken_answers_and_failing_models():
    assert analyze("not JSON", ALL_WELL)[0].success
    with pytest.raises(BadAnswer, match="SubgoalAnswer"):
        analyze('{"attempts": []}', "")
    with pytest.raises(BudgetReached):
        analyze(BudgetReached("no money"))
    bad = judged(attempt(1), attempt(2, False), goal=False)
    with pytest.raises(BadAnswer, match="FailureAnswer"):
        analyze(bad, failure(False, 1), failure(False, 9))


def test_hints_and_corrected_subgoals():
    book = SubgoalBook(own={MUG: "the mug is where it should be"})
    _, chat = analyze(ALL_WELL, subgoals=book, hints={TASK.id: "The mug is small."})
    assert '"sub-goal": "the mug is where it should be"' in chat.text()
    assert '- "The mug is small."' in chat.text()


def test_unknown_skills_are_asked_about_once():
    segments = (SkillSegment("wave {{goal}}", 0, 90),)
    episode = make_episode(segments, ("wave {{goal}}",), task_id="t", goal='say "hi" {{plan}}')
    book = {"rows": [{"skill": "wave {{goal}}", "subgoal": "the hand is up"}]}
    chat = ScriptedChat(book, judged(attempt(1)), judged(attempt(1)))
    analyzer = VideoLanguageAnalyzer(chat)
    for _ in range(2):
        assert analyzer.analyze(episode).success
    assert len(chat.asked) == 3
    assert '"sub-goal": "the hand is up"' in chat.text(1)
    assert '"say \\"hi\\" {{plan}}"' in chat.text(1)  # as it is, and in quotes


def test_a_recorded_episode_of_an_agent(buttons, tmp_path):
    """Real pictures: an agent acts, its file is read back, and the model is shown what happened."""
    chat = ScriptedChat(judged(attempt(1), attempt(2)))
    subgoals = SubgoalBook(own={skill: f"{skill}: it is lit" for skill in buttons.SKILLS})
    analyzer = VideoLanguageAnalyzer(chat, VideoLanguageConfig(frames=8), subgoals)
    judge = PixelAnalyzer(buttons.BrightnessJudge())
    agent = buttons.make_agent(analyzer=analyzer, judge=judge)
    agent.reset(buttons.make_task())
    buttons.run_episode(agent, buttons.ButtonWorld(render_every=4))
    reflection = agent.reflect()
    assert reflection.success
    assert agent.reflect() is reflection
    assert len(chat.asked) == 1, "asking again costs nothing"
    episode = read_episode(write_episode(tmp_path / "e.hdf5", agent.episode))
    chat.answers = [judged(attempt(1), attempt(2))]
    assert analyzer.analyze(episode) == reflection
    assert rows_of(chat, 0) == rows_of(chat, 1)
    assert chat.text(0) == chat.text(1)
    last = chat.pictures()[-1]
    assert isinstance(last, Image)
    np.testing.assert_array_equal(last.frame, episode.observations["agentview"][-1])
    report = agent.improve()
    assert (report.target, report.analyzer) == ("none", analyzer.name)
