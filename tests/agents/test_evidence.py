"""What a round learns from: which steps, in which order, and who is blamed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mosel_gym.agents.improvement.evidence import Evidence
from mosel_gym.agents.improvement.route import RouteConfig, blame, choose
from mosel_gym.agents.improvement.segments import failed_segments
from mosel_gym.data.balance import balanced
from mosel_gym.data.buffer import ReflectionBuffer
from mosel_gym.errors import NotEnoughData
from mosel_gym.registry import task_of
from mosel_gym.types import Episode, Fault, Reflection, SkillSegment, Verdict
from tests.benchmark.judged_episodes import TASK, made_episode

FIRST, SECOND = TASK.plan
BEAT = task_of("MOSEL-RoboTwin-BeatBlock")


def said(episode: Episode, *good: bool, fault: Fault = "skill") -> Reflection:
    """A verdict for each skill segment in turn."""
    rows = [at for at, segment in enumerate(episode.segments) if segment.kind == "skill"]
    verdicts = tuple(
        Verdict(episode.segments[at].skill, at, ok, "seen")
        for at, ok in zip(rows, good, strict=True)
    )
    failed = next((row.skill for row in verdicts if not row.success), None)
    told: Fault = "none" if all(good) else fault
    return Reflection(all(good), verdicts, told, failed, "said", "test")


def with_transition(episode: Episode) -> Episode:
    """The arm goes home for 4 steps between the two skills."""
    segments = (
        SkillSegment(FIRST, 0, 10),
        SkillSegment(SECOND, 10, 14, kind="transition"),
        SkillSegment(SECOND, 14, 24),
    )
    return replace(episode, segments=segments)


def test_failed_clips_hold_the_failed_skills_own_steps_only() -> None:
    episode = with_transition(made_episode(3, True, False))
    evidence = Evidence([(episode, said(episode, True, False))])
    (failed,) = evidence.clips(32, False)
    assert failed.skill == SECOND
    # After the sub-goal that was judged reached (row 10), and without the arm's way home.
    assert np.array_equal(failed.actions, episode.actions[14:24])
    assert np.array_equal(failed.scene, episode.observations["agentview"][14:25])
    (good,) = evidence.clips(32, True)
    assert np.array_equal(good.actions, episode.actions[:10])


def test_a_doubtful_success_is_not_learned_from() -> None:
    episode = with_transition(made_episode(3, True, True))
    sure, doubtful = said(episode, True, True).verdicts
    reflection = replace(
        said(episode, True, True),
        verdicts=(replace(sure, confidence=0.95), replace(doubtful, confidence=0.6)),
    )
    evidence = Evidence([(episode, reflection)], min_confidence=0.9)
    assert [clip.skill for clip in evidence.clips(32, True)] == [FIRST]
    assert evidence.clips(32, False) == []  # nor is it a failure
    assert evidence.counts() == (1, 0)
    assert evidence.counts_by_skill() == {FIRST: (1, 0), SECOND: (0, 0)}
    with pytest.raises(NotEnoughData, match="with a confidence of 0.9 .* hold 1, and 0 failed"):
        evidence.require(2, "Refining")


def test_the_likeliest_tries_of_a_skill_can_count_where_the_analyzer_is_never_sure() -> None:
    """A skill that it calls missed every time, with probabilities whose order is right."""
    pairs = []
    for seed, likely in enumerate((0.01, 0.3, 0.02, 0.4, 0.2)):
        episode = made_episode(seed, True, False)
        first, second = said(episode, True, False).verdicts
        verdicts = (first, replace(second, confidence=1 - likely))
        pairs.append((episode, replace(said(episode, True, False), verdicts=verdicts)))
    chosen = Evidence(pairs, at_least=0.4)
    assert chosen.counts_by_skill() == {FIRST: (5, 0), SECOND: (2, 3)}
    good = [clip for clip in chosen.clips(16, True) if clip.skill == SECOND]
    for clip, (episode, _) in zip(good, (pairs[1], pairs[3]), strict=True):
        assert clip.success is True
        assert np.array_equal(clip.actions, episode.actions[-len(clip.actions) :])
    assert len(chosen.clips(16, False)) == 3  # none is a success and a failure at once
    # Never one that is hardly possible, whatever share is asked for.
    assert Evidence(pairs, at_least=1.0).counts_by_skill()[SECOND] == (3, 2)
    assert Evidence(pairs).counts_by_skill()[SECOND] == (0, 5)
    # What the analyzer is sure of counts beyond the share.
    assert Evidence(pairs, at_least=0.2).counts_by_skill()[FIRST] == (5, 0)


def test_where_the_plan_is_at_fault_no_action_is_blamed() -> None:
    episode = made_episode(1, True, False)
    evidence = Evidence([(episode, said(episode, True, False, fault="language"))])
    assert evidence.clips(32, False) == []
    assert [clip.skill for clip in evidence.clips(32, True)] == [FIRST]


def test_in_a_chain_only_the_first_failure_counts() -> None:
    unchained = made_episode(1, False, False)
    assert failed_segments(unchained, said(unchained, False, False)) == [0, 1]
    chained = replace(unchained, task_id=BEAT.id)
    assert BEAT.chained
    assert failed_segments(chained, said(chained, False, False)) == [0]
    # A failure before a sub-goal that was reached can hardly have been one.
    assert failed_segments(chained, said(chained, False, True)) == []


def test_earlier_rounds_are_learned_from_as_well(tmp_path: Path) -> None:
    buffers = [ReflectionBuffer(tmp_path / name) for name in ("one", "two")]
    for buffer, seeds in zip(buffers, ((3, 1), (2, 0)), strict=True):
        for seed in seeds:
            episode = made_episode(seed, True, seed > 1)
            buffer.add(episode, said(episode, True, seed > 1))
    latest, both = Evidence(buffers[1]), Evidence(buffers[1], earlier=(buffers[0],))
    assert [both.episode(at).seed for at in range(4)] == [1, 3, 0, 2]
    assert [row.success for row in both.reflections()] == [False, True, False, True]
    assert both.task_ids() == [TASK.id] * 4
    with pytest.raises(ValueError, match="1 earlier buffers beside episodes in memory"):
        Evidence([(episode, said(episode, True, False))], earlier=(buffers[0],))
    assert (latest.counts(), both.counts()) == ((3, 1), (6, 2))
    assert (len(latest.clips(16, True)), len(both.clips(16, True))) == (3, 6)
    assert np.array_equal(both.clips(16, True)[-1].actions, latest.clips(16, True)[-1].actions)


@pytest.mark.parametrize("stored", [False, True])
def test_order_does_not_depend_on_who_finished_first(tmp_path: Path, stored: bool) -> None:
    found = []
    for name, order in (("a", (0, 1, 2)), ("b", (2, 0, 1))):
        buffer = ReflectionBuffer(tmp_path / name)
        for seed in order:
            episode = made_episode(seed, True, seed != 1)
            buffer.add(episode, said(episode, True, seed != 1))
        store = tmp_path / f"{name}-clips" if stored else None
        evidence = Evidence(buffer, store=store)
        assert [evidence.episode(at).seed for at in range(3)] == [0, 1, 2]
        assert [row.success for row in evidence.reflections()] == [True, False, True]
        found.append([clip.actions for clip in evidence.clips(16, True)])
    assert len(found[0]) == 5
    assert all(np.array_equal(a, b) for a, b in zip(*found, strict=True))


def test_skills_can_be_given_equal_weight() -> None:
    pairs = []
    for seed in range(4):
        episode = made_episode(seed, True, seed == 0)
        pairs.append((episode, said(episode, True, seed == 0)))
    evidence = Evidence(pairs, balance="skills")
    skills = [clip.skill for clip in evidence.clips(16, True)]
    assert (skills.count(FIRST), skills.count(SECOND)) == (4, 4)
    assert evidence.counts_by_skill() == {FIRST: (4, 0), SECOND: (1, 3)}


def test_of_each_skills_successes_the_quickest_are_learned_from() -> None:
    pairs = []
    for seed, end in enumerate((6, 9, 3, 8)):  # the first skill took so many of 24 steps
        episode = made_episode(seed, True, True)
        segments = (SkillSegment(FIRST, 0, end), SkillSegment(SECOND, end, 24))
        pairs.append((replace(episode, segments=segments), said(episode, True, True)))
    chosen = Evidence(pairs, quickest=0.5).clips(16, True)
    took = [(clip.skill == FIRST, len(clip.actions)) for clip in chosen]
    # In the order of the episodes; the second skill was quickest where the first was slowest.
    assert took == [(True, 6), (False, 15), (True, 3), (False, 16)]
    assert len(Evidence(pairs, quickest=0.01).clips(16, True)) == 2
    assert len(Evidence(pairs, quickest=0.5).clips(16, False)) == 0


def test_skills_can_weigh_as_much_as_they_fail() -> None:
    pairs = []
    for seed in range(10):
        episode = made_episode(seed, seed != 0, seed < 2)
        pairs.append((episode, said(episode, seed != 0, seed < 2)))
    evidence = Evidence(pairs, balance="failures")
    skills = [clip.skill for clip in evidence.clips(16, True)]
    # FIRST fails 1 time in 10, and SECOND 8 times: 0.1 and 0.8 of the nine clips that FIRST has.
    assert (skills.count(FIRST), skills.count(SECOND)) == (1, 8)
    with pytest.raises(ValueError, match="say how often"):
        balanced([], "failures")


class Doubter:
    """Finds one skill imagined wrong."""

    threshold = 0.5

    def __init__(self) -> None:
        self.asked: list[str] = []

    def imagined_reached(self, episode: Episode, segment: int) -> float | None:
        self.asked.append(episode.segments[segment].skill)
        return 0.1 if episode.segments[segment].skill == SECOND else 0.9


def test_blame_is_counted_and_every_skill_gets_its_turn() -> None:
    pairs = []
    for seed in range(6):
        episode = made_episode(seed, False, seed < 5)
        pairs.append((episode, said(episode, False, seed < 5)))
    judge = Doubter()
    found = blame(Evidence(pairs), judge, RouteConfig(max_compared=3))
    assert (found.episodes, found.failed, found.language) == (6, 6, 0)
    assert found.skills == {FIRST: 6}
    assert sorted(judge.asked) == sorted([FIRST, FIRST, SECOND])
    assert (found.imagined_right, found.imagined_wrong) == (2, 1)


def test_auto_goes_on_where_the_plan_cannot_be_refined_any_further() -> None:
    episode = made_episode(0, True, False)
    evidence = Evidence([(episode, said(episode, True, False, fault="language"))])
    assert choose("auto", evidence, None, 0).module == "language"
    route = choose("auto", evidence, Doubter(), 0, language_over="3 plans were tried.")
    assert route.module == "video"
    assert "1 of 1 failed episodes, but it cannot be refined any further (3 plans" in route.reason
