"""Training of the sub-goal judge on sliding blocks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mosel_gym.data.windows import Clip
from mosel_gym.errors import NotEnoughData, SpecMismatch, UnknownId
from mosel_gym.models.judge import SubgoalJudge, SubgoalJudgeConfig
from mosel_gym.training.judge import (
    JudgeScore,
    JudgeTrainConfig,
    calibrate,
    judgements,
    score_judge,
    train_judge,
)
from mosel_gym.training.judge_data import JudgeWindows, LabelledClip, labelled_clips, settled
from mosel_gym.training.loop import LoopConfig
from mosel_gym.types import Episode, SkillSegment

MakeClips = Callable[..., list[Clip]]
MODEL = SubgoalJudgeConfig(size=16, widths=(8, 16, 16, 16, 16), features=32, keypoints=4, spacing=2)
CONFIG = JudgeTrainConfig(
    model=MODEL,
    loop=LoopConfig(steps=100, batch_size=32, lr=3e-3, bf16=False, ema_decay=0.95),
    shift_px=0,
)


def drawn(clip: Clip, reached: dict[str, np.ndarray]) -> LabelledClip:
    """Every picture of a clip, judged at its end."""
    count = len(clip.fresh)
    steps, last = np.arange(count), count - 1
    return LabelledClip(clip.skill, clip.scene, clip.hands, steps, reached, done=last, end=last)


def labelled(clips: list[Clip]) -> list[LabelledClip]:
    """The block has arrived on its side in the last quarter of the clip."""
    result = []
    for clip in clips:
        late = np.arange(len(clip.fresh)) >= 0.75 * len(clip.fresh)
        never = np.zeros_like(late)
        other = {"slide left": never, "slide right": never}
        result.append(drawn(clip, {**other, clip.skill: late}))
    return result


def test_it_learns_to_judge_and_to_tell_skills_apart(make_clips: MakeClips, tmp_path: Path) -> None:
    clips = labelled(make_clips(4))
    judge, report = train_judge(clips, CONFIG, tmp_path, progress=False)
    assert report.loss < 0.3
    assert judge.config.skills == ("slide left", "slide right")
    again = SubgoalJudge.load(tmp_path / "judge.safetensors")
    left = clips[0]

    def reached(row: int, skill: str) -> float:
        rows = judge.end_rows(row)
        return again.probability(left.scene[0], left.scene[rows], left.hands[rows], skill)

    assert reached(24, "slide left") > 0.7
    assert reached(6, "slide left") < 0.3
    assert reached(24, "slide right") < 0.3
    score = score_judge(judge, clips)
    assert (score.precision, score.recall, score.accuracy) == (1, 1, 1)


def test_only_its_seed_decides_what_it_learns(make_clips: MakeClips, tmp_path: Path) -> None:
    clips = labelled(make_clips(4))
    short = replace(CONFIG, loop=replace(CONFIG.loop, steps=5))
    found = []
    for number in range(2):
        torch.manual_seed(number)  # dropout must not go by this
        judge, _ = train_judge(clips, short, tmp_path / str(number), progress=False)
        found.append(judge.state_dict())
    for name, value in found[0].items():
        assert torch.equal(value, found[1][name]), name


def test_a_score_counts_as_it_says() -> None:
    score = JudgeScore(true_positives=3, false_positives=1, false_negatives=2, true_negatives=4)
    assert score.precision == 0.75
    assert score.recall == 0.6
    assert score.accuracy == 0.7
    assert np.isnan(JudgeScore(0, 0, 0, 1).precision)


def test_held_objects_and_passing_moments_do_not_count() -> None:
    done = np.array([0, 1, 1, 1, 1, 1, 1, 0, 1], bool)
    opened = np.array([1, 1, -1, -1, -1, -1, -1, -1], np.float32)
    assert np.flatnonzero(settled(done, opened, steps=3)).tolist() == [5, 6]
    assert settled(np.ones(9, bool), opened, steps=3).all()  # it lay there; another is held


def test_labels_are_cut_with_the_clips(make_clips: MakeClips) -> None:
    clip = make_clips(1)[0]
    done = np.arange(25) >= 15
    episode = Episode(
        task_id="t",
        goal="g",
        seed=0,
        observations={
            "agentview": clip.scene, "wrist": clip.hands, "proprio": clip.proprio,
        },
        actions=clip.actions,
        segments=(
            SkillSegment("slide left", 0, 10),
            SkillSegment("slide left", 10, 12, kind="transition"),
            SkillSegment("slide left", 12, 24),
        ),
        skill_done={"slide left": done},
    )  # fmt: skip
    first, second = labelled_clips(episode, 16)
    assert first.steps.tolist() == [*range(13), 23, 24]  # its own, and the end of the episode
    assert (first.steps[first.done], first.steps[first.end]) == (10, 12)
    assert first.reached["slide left"].tolist() == [False] * 13 + [True] * 2
    assert second.steps.tolist() == list(range(13))
    assert second.end == 12
    assert np.flatnonzero(second.reached["slide left"])[0] == 17 - 12
    sparse = replace(episode, fresh=np.arange(25) % 4 == 0)
    first, second = labelled_clips(sparse, 16)
    # Row 12 shows how the first skill ended, and belongs to the second one as well.
    assert (first.steps.tolist(), first.end) == ([0, 4, 8, 12, 20, 24], 3)
    assert (second.steps.tolist(), second.end) == ([0, 4, 8, 12], 3)
    np.testing.assert_array_equal(second.scene, clip.scene[[12, 16, 20, 24]])
    assert labelled_clips(replace(episode, skill_done=None), 16) == []


def test_unusable_clips_are_refused(make_clips: MakeClips, tmp_path: Path) -> None:
    with pytest.raises(NotEnoughData, match="labelled clips"):
        train_judge([], CONFIG, tmp_path)
    never = [drawn(clip, {clip.skill: np.zeros_like(clip.fresh)}) for clip in make_clips(2)]
    with pytest.raises(NotEnoughData, match="one kind"):
        train_judge(never, CONFIG, tmp_path)
    judge = SubgoalJudge(replace(MODEL, skills=("slide left", "slide right"), size=32))
    with pytest.raises(SpecMismatch, match="size=32"):
        JudgeWindows(never, judge)


def test_what_is_true_in_passing_counts_from_then_on(make_clips: MakeClips) -> None:
    clip = make_clips(1)[0]
    done = np.zeros(25, bool)
    done[10] = True
    episode = Episode(
        task_id="t",
        goal="g",
        seed=0,
        observations={"agentview": clip.scene, "wrist": clip.hands, "proprio": clip.proprio},
        actions=clip.actions,
        segments=(SkillSegment("slide left", 0, 24),),
        skill_done={"slide left": done},
    )
    (never,) = labelled_clips(episode, 16)
    assert not never.reached["slide left"].any()
    (once,) = labelled_clips(episode, 16, passing=["slide left"])
    assert np.flatnonzero(once.reached["slide left"])[0] == 10
    assert once.reached["slide left"][10:].all()


def test_calibration_moves_the_zero_to_the_wanted_precision(
    make_clips: MakeClips, tmp_path: Path
) -> None:
    clips = labelled(make_clips(4))
    barely = replace(CONFIG, loop=replace(CONFIG.loop, steps=12))
    judge, _ = train_judge(clips, barely, tmp_path, progress=False)
    before = sorted(probability for probability, _ in judgements(judge, clips))
    mixed = [clip if at % 2 else unreached(clip) for at, clip in enumerate(clips)]
    with pytest.raises(NotEnoughData, match="precision of 1.0"):
        calibrate(judge, [unreached(clip) for clip in clips], 1.0)
    threshold = calibrate(judge, mixed, 0.5)
    after = sorted(probability for probability, _ in judgements(judge, clips))
    assert [p > 0.5 for p in after] == [p > threshold for p in before]
    assert score_judge(judge, mixed).precision >= 0.5
    assert score_judge(judge, mixed).recall > 0


def unreached(clip: LabelledClip) -> LabelledClip:
    return replace(clip, reached={s: np.zeros_like(r) for s, r in clip.reached.items()})


def test_it_goes_on_from_another_judge(make_clips: MakeClips, tmp_path: Path) -> None:
    clips = labelled(make_clips(4))
    first, _ = train_judge(clips, CONFIG, tmp_path / "first", progress=False)
    few = replace(CONFIG, loop=replace(CONFIG.loop, steps=10, lr=1e-4))
    start = SubgoalJudge.load(tmp_path / "first" / "judge.safetensors")
    second, report = train_judge(clips, few, tmp_path / "second", progress=False, start=start)
    assert second.config == first.config
    assert report.loss < 0.3, "ten steps from nothing would not do"
    narrow = SubgoalJudge(replace(MODEL, skills=("slide left",)))
    with pytest.raises(UnknownId):
        train_judge(clips, few, tmp_path / "third", progress=False, start=narrow)
