"""Sub-goal tables become verdicts, faults and sentences that the planner understands."""

from __future__ import annotations

import numpy as np
import pytest

from mosel_gym.agents.analysis.failure import SubgoalOutcome, identify_failure
from mosel_gym.agents.analysis.noise import VerdictNoise
from mosel_gym.agents.analysis.pixel import PixelAnalyzer, PixelAnalyzerConfig
from mosel_gym.agents.analysis.privileged import PrivilegedAnalyzer
from mosel_gym.agents.planning.hints import parse_rationale
from mosel_gym.data.cameras import Cameras
from mosel_gym.errors import SpecMismatch
from mosel_gym.types import Episode, SkillSegment, TaskPlan

MUG = "put the white mug on the plate"
PUDDING = "put the chocolate pudding to the right of the plate"
LEFT = "put the chocolate pudding to the left of the plate"
GOAL = f"{MUG} and {PUDDING}"
PARTS = ((MUG, 0, 10, "skill"), (PUDDING, 10, 15, "transition"), (PUDDING, 15, 30, "skill"))


def make_episode(
    parts=PARTS, plan=(MUG, PUDDING), steps=40, seed: int | None = 3, **arguments
) -> Episode:
    rng = np.random.default_rng(seed)
    segments = tuple(SkillSegment(*part) for part in parts)
    return Episode(
        task_id="t",
        goal=GOAL,
        seed=seed,
        observations={"proprio": np.zeros((steps + 1, 8), np.float32)},
        actions=rng.normal(size=(steps, 7)).astype(np.float32),
        plan=TaskPlan(tuple(plan), "", "test"),
        segments=segments,
        **arguments,
    )


def holds(*intervals: tuple[int, int], rows: int = 41) -> np.ndarray:
    row = np.zeros(rows, bool)
    for start, stop in intervals:
        row[start:stop] = True
    return row


def identify(*outcomes: SubgoalOutcome, **arguments):
    return identify_failure(make_episode(**arguments), outcomes, "test")


def test_everything_reached():
    reflection = identify(SubgoalOutcome(0, True), SubgoalOutcome(2, True, 0.8))
    assert (reflection.success, reflection.fault, reflection.failed_skill) == (True, "none", None)
    assert [verdict.confidence for verdict in reflection.verdicts] == [1.0, 0.8]
    assert "Every sub-goal" in reflection.rationale


def test_a_failed_skill():
    reflection = identify(SubgoalOutcome(0, False), SubgoalOutcome(2, True))
    assert (reflection.success, reflection.fault) == (False, "skill")
    assert reflection.failed_skill == MUG
    hints = parse_rationale(reflection.rationale, (MUG, PUDDING), (MUG, PUDDING, LEFT))
    assert hints.failed == (MUG,)
    assert not hints.disturbed
    assert not hints.before
    assert not hints.missing


@pytest.mark.parametrize("later_reached", [True, False])
def test_an_undone_skill_is_a_fault_of_the_order(later_reached):
    reflection = identify(SubgoalOutcome(0, True, undone_in=2), SubgoalOutcome(2, later_reached))
    assert (reflection.success, reflection.fault) == (False, "language")
    assert reflection.failed_skill == MUG
    assert [verdict.success for verdict in reflection.verdicts] == [True, later_reached]
    hints = parse_rationale(reflection.rationale, (MUG, PUDDING), (MUG, PUDDING, LEFT))
    assert hints.disturbed == (MUG,)
    assert hints.before == ((PUDDING, MUG),)
    assert hints.failed == (() if later_reached else (PUDDING,))


def test_a_plan_that_leaves_a_part_out_or_does_the_opposite():
    only_mug = identify(SubgoalOutcome(0, True), parts=PARTS[:1], plan=(MUG,))
    assert (only_mug.success, only_mug.fault) == (False, "language")
    assert "chocolate pudding to the right of the plate" in only_mug.rationale
    hints = parse_rationale(only_mug.rationale, (MUG,), (MUG, PUDDING, LEFT))
    assert hints.missing == (PUDDING,)
    parts = (PARTS[0], (LEFT, 10, 30, "skill"))
    wrong = identify(
        SubgoalOutcome(0, True), SubgoalOutcome(1, True), parts=parts, plan=(MUG, LEFT)
    )
    assert wrong.fault == "language"


def test_the_last_attempt_counts_and_time_may_run_out():
    parts = ((MUG, 0, 10, "skill"), (MUG, 10, 15, "transition"), (MUG, 15, 40, "skill"))
    reflection = identify(SubgoalOutcome(0, False), SubgoalOutcome(2, True), parts=parts)
    assert (reflection.fault, reflection.failed_skill) == ("skill", PUDDING)
    assert f'"{PUDDING}" was never started' in reflection.rationale
    nothing = identify(parts=())
    assert not nothing.success
    assert nothing.fault == "skill"


def test_privileged_truth_at_the_end_of_each_segment():
    analyzer = PrivilegedAnalyzer()
    done = {MUG: holds((8, 41)), PUDDING: holds((28, 41))}
    assert analyzer.analyze(make_episode(skill_done=done)).success
    flicker = {MUG: holds((8, 12), (13, 41)), PUDDING: holds((28, 41))}  # lost within the hold
    assert analyzer.analyze(make_episode(skill_done=flicker)).failed_skill == MUG
    assert PrivilegedAnalyzer(hold_steps=1).analyze(make_episode(skill_done=flicker)).success
    ends_at_once = {MUG: holds((8, 31), rows=31), PUDDING: holds((30, 31), rows=31)}
    assert analyzer.analyze(make_episode(steps=30, skill_done=ends_at_once)).success
    knocked = {MUG: holds((8, 22)), PUDDING: holds((28, 41))}
    reflection = analyzer.analyze(make_episode(skill_done=knocked))
    assert (reflection.fault, reflection.failed_skill) == ("language", MUG)
    assert reflection.privileged
    lost_on_the_way_home = {MUG: holds((8, 14)), PUDDING: holds((28, 41))}
    assert analyzer.analyze(make_episode(skill_done=lost_on_the_way_home)).fault == "skill"
    with pytest.raises(SpecMismatch, match="simulator's word"):
        analyzer.analyze(make_episode(skill_done={MUG: done[MUG]}))


@pytest.mark.parametrize(
    ("precision", "recall", "base_rate"), [(0.64, 0.82, 0.5), (0.89, 0.62, 0.4), (1.0, 0.5, 0.3)]
)
def test_noise_gives_the_asked_precision_and_recall(precision, recall, base_rate):
    noise = VerdictNoise.from_precision_recall(precision, recall, base_rate, seed=1)
    rng = np.random.default_rng(0)
    truths = rng.random(3000) < base_rate
    episodes = [make_episode(steps=2, seed=seed) for seed in range(1500)]
    calls = np.array([noise.call(bool(t), episodes[i // 2], i % 2) for i, t in enumerate(truths)])
    assert (truths & calls).sum() / calls.sum() == pytest.approx(precision, abs=0.04)
    assert (truths & calls).sum() / truths.sum() == pytest.approx(recall, abs=0.04)
    again = [noise.call(bool(t), episodes[i // 2], i % 2) for i, t in enumerate(truths[:50])]
    np.testing.assert_array_equal(again, calls[:50])


def test_noise_refuses_what_cannot_be():
    with pytest.raises(ValueError, match="at least 0.500"):
        PrivilegedAnalyzer(precision=0.3)
    with pytest.raises(ValueError, match=r"recall=1\.5"):
        PrivilegedAnalyzer(recall=1.5)
    with pytest.raises(ValueError, match="base_rate"):
        PrivilegedAnalyzer(base_rate=0.0)
    with pytest.raises(ValueError, match="false_positive_rate"):
        VerdictNoise(false_positive_rate=-1)
    assert PrivilegedAnalyzer(precision=0.5).noise.false_positive_rate == 1.0
    assert PrivilegedAnalyzer().name == "privileged"
    assert PrivilegedAnalyzer(recall=0.8).name == "privileged(tpr=0.80,fpr=0.00)"


def test_noise_enters_the_verdicts():
    done = {MUG: holds((8, 22)), PUDDING: holds()}
    inverted = PrivilegedAnalyzer(noise=VerdictNoise(0.0, 1.0))
    reflection = inverted.analyze(make_episode(skill_done=done))
    assert [verdict.success for verdict in reflection.verdicts] == [False, True]
    assert (reflection.fault, reflection.failed_skill) == ("skill", MUG)


class ScriptedJudge:
    """Reads its probabilities from the picture: the first pixel holds percent for the mug, ..."""

    cameras = Cameras()

    def end_rows(self, row, fresh=None):
        drawn = np.arange(row + 1) if fresh is None else np.flatnonzero(fresh[: row + 1])
        return drawn[-1:]

    def probability(self, start_frame, end_scene, end_hands, skill):
        return float(end_scene[-1][0, 0, 0 if skill == MUG else 1]) / 100


def pictures(mug, pudding, rows=41) -> dict[str, np.ndarray]:
    frames = np.zeros((rows, 4, 4, 3), np.uint8)
    frames[:, 0, 0, 0], frames[:, 0, 0, 1] = mug, pudding
    return {"agentview": frames, "wrist": frames, "proprio": np.zeros((rows, 8), np.float32)}


def test_pixels_of_old_pictures_do_not_count():
    rows = np.arange(41)
    fresh = rows % 8 == 0
    drawn = rows - rows % 8  # what row t shows was drawn at this step
    seen = pictures(np.where(drawn >= 10, 90, 0), np.where(drawn >= 30, 90, 0))
    episode = make_episode(fresh=fresh)
    episode.observations.update(seen)
    analyzer = PixelAnalyzer(ScriptedJudge())
    reflection = analyzer.analyze(episode)
    # Up to row 15, where the pudding begins, step 8 was drawn last, before the mug stood; the
    # picture at row 16 is not the mug's any more. The pudding's is drawn at 40.
    assert [verdict.success for verdict in reflection.verdicts] == [False, True]
    later = make_episode(
        parts=(PARTS[0], (PUDDING, 10, 17, "transition"), (PUDDING, 17, 30, "skill")), fresh=fresh
    )
    later.observations.update(seen)
    assert analyzer.analyze(later).success


def test_pixels_tell_a_disturbance_from_a_doubt():
    analyzer = PixelAnalyzer(ScriptedJudge())
    rows = np.arange(41)
    for at_end, fault in ((10, "language"), (40, "none")):
        episode = make_episode()
        episode.observations.update(pictures(np.where(rows < 25, 90, at_end), 90))
        reflection = analyzer.analyze(episode)
        assert reflection.fault == fault
        assert reflection.verdicts[0].confidence == pytest.approx(0.9)
    assert not reflection.privileged
    with pytest.raises(SpecMismatch, match="agentview"):
        analyzer.analyze(make_episode())


def test_a_moment_on_the_way_can_be_enough():
    rows = np.arange(41)
    fresh = rows % 2 == 0
    mug = np.where((rows >= 4) & (rows < 10), 80, np.where(rows < 4, 60, 5))  # drawn at 4, 6, 8
    pudding = np.where((rows == 2) | (rows == 36), 95, 5)  # before its attempt, and in one picture
    episode = make_episode(fresh=fresh)
    episode.observations.update(pictures(mug, pudding))
    for seen_for, reached, sure in (
        (None, [False, False], [0.95, 0.95]),
        (3, [True, False], [0.8, 0.95]),
        (4, [True, False], [0.6, 0.95]),
        (5, [False, False], [0.95, 0.95]),
        (1, [True, True], [0.8, 0.95]),
        (100, [False, False], [0.95, 0.95]),  # more pictures than the attempt has
    ):
        analyzer = PixelAnalyzer(ScriptedJudge(), PixelAnalyzerConfig(seen_for=seen_for))
        reflection = analyzer.analyze(episode)
        assert [verdict.success for verdict in reflection.verdicts] == reached
        assert [verdict.confidence for verdict in reflection.verdicts] == pytest.approx(sure)
        assert reflection.fault == ("none" if all(reached) else "skill")  # nobody undid it
    with pytest.raises(ValueError, match="seen_for is 0"):
        PixelAnalyzerConfig(seen_for=0)


def test_imagination_is_judged_with_the_recorded_wrist():
    imagined = np.full((3, 4, 4, 3), 70, np.uint8)
    segment = SkillSegment(MUG, 0, 10, "skill", imagined)
    episode = make_episode(parts=())
    episode = Episode(**{**vars(episode), "segments": (segment, SkillSegment(PUDDING, 10, 40))})
    episode.observations.update(pictures(0, 0))
    analyzer = PixelAnalyzer(ScriptedJudge())
    assert analyzer.imagined_reached(episode, 0) == pytest.approx(0.7)
    assert analyzer.imagined_reached(episode, 1) is None
