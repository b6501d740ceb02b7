"""The executor's bookkeeping: when it asks for chunks, moves on to the next frame, and ends."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mosel_gym.agents.executor import ExecutorConfig, SkillExecutor
from mosel_gym.agents.plan_check import PlanCheckConfig
from mosel_gym.errors import SpecMismatch
from mosel_gym.types import ActionChunk, VisualPlan

UNCHECKED = PlanCheckConfig(redraws=0)  # these frames are greys, in which nothing moves
SCENE: dict[str, NDArray[Any]] = {
    "agentview": np.zeros((8, 8, 3), np.uint8),
    "proprio": np.zeros(8, np.float32),
}


class ThreeFrames:
    """Imagines three frames that are told apart by their grey."""

    name = "three frames"

    def __init__(self):
        self.calls = 0

    def imagine(self, frame, skill):
        self.calls += 1
        frames = np.stack([np.full((8, 8, 3), value, np.uint8) for value in (1, 2, 3)])
        return VisualPlan(skill, frames, self.name)


class LoggingPolicy:
    """Notes the goals it is given; says how far they are by a table."""

    name = "logging"

    def __init__(self, distances):
        self.distances = distances
        self.goals: list[int] = []

    def act(self, observation, goal, skill):
        value = int(goal[0, 0, 0])
        self.goals.append(value)
        return ActionChunk(np.zeros((16, 7), np.float32), self.distances[value])


class FixedJudge:
    """Answers from a list; notes how many observations it was shown."""

    threshold = 0.5

    def __init__(self, *answers):
        self.answers = list(answers)
        self.seen: list[int] = []

    def reached(self, observation, skill, start_frame, earlier=()):
        self.seen.append(len(earlier) + 1)
        return self.answers.pop(0)


def config(**changes: Any) -> ExecutorConfig:
    """With eight actions a chunk, which the numbers of steps below are multiples of."""
    return ExecutorConfig(**{"execute": 8, **changes})


def run(executor: SkillExecutor, ages=None, limit=1000):
    executor.start("skill", SCENE)
    for step in range(limit):
        if executor.act(SCENE, 0 if ages is None else ages[step % len(ages)]) is None:
            return step
    return limit


def test_passes_over_frames_that_are_reached_and_ends_by_the_policys_word():
    policy = LoggingPolicy({1: 2.0, 2: 3.0, 3: 4.0})
    executor = SkillExecutor(ThreeFrames(), policy, config=config())
    assert run(executor) == 8
    assert policy.goals == [1, 2, 3]
    assert executor.outcome == "reached"


def test_gives_a_frame_up_after_its_steps():
    policy = LoggingPolicy({1: 20.0, 2: 20.0, 3: 20.0})
    executor = SkillExecutor(ThreeFrames(), policy, config=config(retry="never"))
    # 40 steps on each frame; the chunk that finds the last one used up is still carried out.
    assert run(executor) == 3 * 40 + 8
    assert policy.goals.count(1) == 6  # at steps 0, 8, ..., 40, the last of which moves on
    assert executor.outcome == "missed"
    assert executor.followed.tolist() == [0] * 40 + [1] * 40 + [2] * 48


def test_the_judge_decides_and_retries_are_imagined_anew():
    video, judge = ThreeFrames(), FixedJudge(0.1, 0.9)
    executor = SkillExecutor(
        video,
        LoggingPolicy({1: 2.0, 2: 2.0, 3: 2.0}),
        judge,
        config(retry="here", plan_check=UNCHECKED),
    )
    assert run(executor) == 16
    assert video.calls == 2
    assert judge.seen == [2, 2]
    assert executor.followed.tolist() == [-1] * 8 + [2] * 8  # the first plan is no more
    assert executor.outcome == "reached"


@pytest.mark.parametrize(("answers", "steps"), [((0.95, 0.95), 16), ((0.95, 0.3, 0.95, 0.95), 32)])
def test_two_sure_judgements_in_a_row_end_the_skill_early(answers, steps):
    policy = LoggingPolicy({1: 20.0, 2: 20.0, 3: 20.0})
    early = config(done_above=0.9)
    executor = SkillExecutor(ThreeFrames(), policy, FixedJudge(*answers), early)
    assert run(executor) == steps
    assert executor.outcome == "reached"


def test_the_budget_ends_everything():
    policy = LoggingPolicy({1: 20.0, 2: 20.0, 3: 20.0})
    executor = SkillExecutor(ThreeFrames(), policy, config=config(skill_budget=37))
    assert run(executor) == 37
    assert executor.outcome == "exhausted"
    assert executor.act(SCENE) is None
    executor.start("skill", SCENE, budget=5)
    assert sum(executor.act(SCENE) is not None for _ in range(9)) == 5


@pytest.mark.parametrize(("first_age", "chunks"), [(0, 3), (2, 4), (7, 4)])
def test_a_chunk_planned_on_an_old_picture_is_dropped_for_a_new_one(first_age, chunks):
    policy = LoggingPolicy({1: 20.0, 2: 20.0, 3: 20.0})
    executor = SkillExecutor(ThreeFrames(), policy, config=config(skill_budget=24))
    assert run(executor, ages=[(first_age + step) % 8 for step in range(24)]) == 24
    assert len(policy.goals) == chunks


def test_no_judgement_on_an_old_picture():
    judge = FixedJudge(0.9)
    executor = SkillExecutor(
        ThreeFrames(), LoggingPolicy({1: 2.0, 2: 2.0, 3: 2.0}), judge, config()
    )
    ages = [4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7]  # the last chunk ends while the picture is 4 old
    assert run(executor, ages=ages) == 16  # ... and its rest is carried out
    ages = [4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 0, 1]
    judge.answers = [0.9]
    assert run(executor, ages=ages) == 10


class HesitatingPolicy(LoggingPolicy):
    """Says each time that it will move after five more steps of standing still."""

    def act(self, observation, goal, skill):
        chunk = super().act(observation, goal, skill)
        chunk.actions[5:] = 1.0
        return chunk


@pytest.mark.parametrize(("stalled_below", "moves"), [(None, 0), (0.02, 11)])
def test_who_stands_still_is_not_asked_for_ever(stalled_below, moves):
    hesitates = config(execute=4, stalled_below=stalled_below, skill_budget=20)
    policy = HesitatingPolicy({1: 20.0, 2: 20.0, 3: 20.0})
    executor = SkillExecutor(ThreeFrames(), policy, config=hesitates)
    executor.start("skill", SCENE)
    actions = [executor.act(SCENE) for _ in range(20)]
    # Four of the first chunk, after which nothing has moved; then the whole of the second.
    assert sum(action is not None and bool(action.any()) for action in actions) == moves
    assert len(policy.goals) == (5 if stalled_below is None else 2)


def test_who_moves_is_asked_again_as_before():
    policy = LoggingPolicy({1: 20.0, 2: 20.0, 3: 20.0})
    moving = config(execute=4, stalled_below=0.02, skill_budget=20)
    executor = SkillExecutor(ThreeFrames(), policy, config=moving)
    executor.start("skill", SCENE)
    for step in range(20):
        executor.act({**SCENE, "proprio": np.full(8, 0.01 * step, np.float32)})
    assert len(policy.goals) == 5
    # A chunk that is asked for early, as a new picture came, has had no time to move anything.
    policy.goals.clear()
    executor.start("skill", SCENE)
    for step, age in enumerate((1, 0, 1, 2, 3, 0, 1, 2)):
        executor.act({**SCENE, "proprio": np.full(8, 0.006 * step, np.float32)}, age)
    assert len(policy.goals) == 3
    for wrong in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(SpecMismatch, match="stalled_below is"):
            config(stalled_below=wrong)


class SamplingPolicy(LoggingPolicy):
    """Notes the scale of the noise that each chunk is drawn with."""

    def __init__(self, distances):
        super().__init__(distances)
        self.scale: float | None = None
        self.scales: list[float | None] = []

    def sample_at(self, temperature):
        self.scale = temperature

    def act(self, observation, goal, skill):
        self.scales.append(self.scale)
        return super().act(observation, goal, skill)


def test_further_tries_draw_with_their_own_noise():
    policy = SamplingPolicy({1: 2.0, 2: 2.0, 3: 2.0})
    here = config(retry="here", retry_temperature=1.5, plan_check=UNCHECKED)
    executor = SkillExecutor(ThreeFrames(), policy, FixedJudge(0.1, 0.9, 0.9, 0.9), here)
    run(executor)
    assert policy.scales == [None] * 3 + [1.5] * 3
    run(executor)  # another skill begins as the first did
    assert policy.scales[6:] == [None] * 3
    executor.start("skill", SCENE, again=True)
    executor.act(SCENE)
    assert policy.scales[9:] == [1.5] * 3


def test_noise_for_further_tries_needs_a_policy_that_draws():
    policy = LoggingPolicy({})
    with pytest.raises(SpecMismatch, match="draws no actions"):
        SkillExecutor(ThreeFrames(), policy, config=config(retry_temperature=1.5))
    for wrong in (-1.0, float("nan"), float("inf")):
        with pytest.raises(SpecMismatch, match="retry_temperature is"):
            config(retry_temperature=wrong)
