"""The sub-goal judge, untrained: shapes, which rows it looks at, what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from mosel_gym.errors import SpecMismatch, UnknownId
from mosel_gym.models.judge import SubgoalJudge, SubgoalJudgeConfig

CONFIG = SubgoalJudgeConfig(skills=("open", "close"), size=32, widths=(8, 8, 8, 8, 8), features=16)


@pytest.fixture(scope="module")
def judge() -> SubgoalJudge:
    return SubgoalJudge(CONFIG).eval()


def frames(count: int, size: int = 32) -> np.ndarray:
    rng = np.random.default_rng(count)
    return rng.integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def test_a_probability_from_any_number_and_size_of_frames(judge: SubgoalJudge) -> None:
    start, ends, wrists = frames(1)[0], frames(4), frames(3)
    last_two = judge.probability(start, ends[-2:], wrists[-2:], "open")
    assert 0 < last_two < 1
    assert judge.probability(start, ends, wrists, "open") == last_two
    assert 0 < judge.probability(frames(1, 48)[0], frames(1, 64), frames(1), "close") < 1
    assert judge.probability(start, ends, wrists, "close") != last_two


def test_end_rows_are_drawn_rows_far_enough_apart(judge: SubgoalJudge) -> None:
    assert judge.end_rows(100).tolist() == [92, 100]
    assert judge.end_rows(3).tolist() == [0, 3]
    fresh = np.zeros(101, bool)
    fresh[::8] = True
    assert judge.end_rows(100, fresh).tolist() == [88, 96]
    assert judge.end_rows(0, fresh).tolist() == [0, 0]


def test_what_it_cannot_judge_is_refused(judge: SubgoalJudge) -> None:
    with pytest.raises(UnknownId, match="nearest"):
        judge.probability(frames(1)[0], frames(2), frames(2), "opens")
    with pytest.raises(SpecMismatch, match="uint8"):
        judge.probability(frames(1)[0] / 255, frames(2), frames(2), "open")


def test_the_default_judge_is_small() -> None:
    count = sum(p.numel() for p in SubgoalJudge(SubgoalJudgeConfig()).parameters())
    assert count < 0.6e6
