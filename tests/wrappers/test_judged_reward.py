"""VideoJudgeReward around a real LIBERO environment with small pictures."""

from __future__ import annotations

import pickle
import threading
import time
import warnings
from collections.abc import Iterator
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import mosel_gym
from mosel_gym.agents import PrivilegedAnalyzer
from mosel_gym.errors import BudgetReached, InvalidPlan
from mosel_gym.types import Episode, Reflection, Verdict
from mosel_gym.wrappers import FreezeFinished, SkillTransition, VideoJudgeReward
from mosel_gym.wrappers.judged_reward import TRUTH_KEYS

ID = "MOSEL-LiberoLong-Task6"
PLAN = mosel_gym.task_of(ID).plan
IDLE = np.array([0, 0, 0, 0, 0, 0, -1], np.float32)
STEPS = 8


class Used:
    """Sums as a chat model keeps them."""

    def __init__(self) -> None:
        self.calls = self.cached = self.input_tokens = self.output_tokens = 0
        self.cost_usd = 0.0


class Judge:
    """Gives a fixed verdict after a while, and remembers what it was shown."""

    def __init__(self, says: bool = True, seconds: float = 0.0, budget: int = 99) -> None:
        self.says, self.seconds, self.budget = says, seconds, budget
        self.shown: list[Episode] = []
        self.usage = Used()

    def analyze(self, episode: Episode) -> Reflection:
        if len(self.shown) >= self.budget:
            raise BudgetReached("1 call was allowed")
        self.shown.append(episode)
        time.sleep(self.seconds)
        self.usage.calls += 1
        self.usage.input_tokens += 100
        self.usage.cost_usd += 0.5
        verdicts = tuple(
            Verdict(segment.skill, at, self.says, f"said {len(self.shown)}", 0.8)
            for at, segment in enumerate(episode.segments)
            if segment.kind == "skill"
        )
        return Reflection(self.says, verdicts, "none", None, "", "fake")


class Broken:
    """Always fails."""

    def analyze(self, episode: Episode) -> Reflection:
        raise RuntimeError("no picture came through")


@pytest.fixture(scope="module")
def base() -> Iterator[gym.Env[Any, Any]]:
    env = gym.make(ID, disable_env_checker=True, camera_size=32, max_steps=STEPS)
    yield env
    env.close()


def wrap(base: gym.Env[Any, Any], judge: Any, **options: Any) -> VideoJudgeReward:
    return VideoJudgeReward(base, judge, **{"plan": PLAN, **options})


def run(env: Any, **options: Any) -> list[tuple[float, bool, bool, dict[str, Any]]]:
    env.reset(seed=0, options=options or None)
    rows: list[tuple[float, bool, bool, dict[str, Any]]] = []
    while not rows or not (rows[-1][1] or rows[-1][2]):
        rows.append(env.step(IDLE)[1:])
    return rows


def judged(rows: list[tuple[float, bool, bool, dict[str, Any]]]) -> list[dict[str, Any]]:
    return [row for *_, info in rows for row in info["judged"]]


def test_each_skill_pays_its_share_and_the_judged_end_ends_the_episode(
    base: gym.Env[Any, Any],
) -> None:
    judge = Judge()
    env = wrap(base, judge)
    rows = run(env)
    assert sum(reward for reward, *_ in rows) == 1.0
    assert rows[-1][1:3] == (True, False)
    first, second = judged(rows)
    assert (first["skill"], first["start"], first["stop"]) == (PLAN[0], 0, 4)
    assert (second["skill"], second["start"], second["stop"]) == (PLAN[1], 4, 8)
    assert (first["reached"], first["reward"], first["reason"]) == (True, 0.5, "said 1")
    cost = rows[-1][3]["judge_cost"]
    assert (cost["calls"], cost["input_tokens"], cost["usd"], cost["asked"]) == (2, 200, 1.0, 2)
    # A clip is an episode of its own: its skill is its goal, its rows begin where the skill began.
    shown = judge.shown[1]
    assert (shown.goal, shown.num_steps) == (PLAN[1], 4)
    assert shown.observations["agentview"].shape == (5, 32, 32, 3)
    env._queue.close()


def test_stepping_does_not_wait_for_a_slow_judge(base: gym.Env[Any, Any]) -> None:
    env = wrap(base, Judge(seconds=0.6), skill_steps=2)
    env.reset(seed=0)
    seconds = []
    for _ in range(3):
        start_s = time.perf_counter()
        *_, info = env.step(IDLE)
        seconds.append(time.perf_counter() - start_s)
        assert info["judged"] == ()
    assert sum(seconds) < 0.6
    assert info["judge_cost"]["waiting"] == 1
    start_s = time.perf_counter()
    _, reward, terminated, _, info = env.step(IDLE)  # the last one waits, for both of them
    assert time.perf_counter() - start_s > 0.4
    assert (reward, terminated, len(info["judged"])) == (1.0, True, 2)
    env._queue.close()


def test_without_waiting_at_the_end_late_verdicts_are_told_and_pay_nothing(
    base: gym.Env[Any, Any],
) -> None:
    env = wrap(base, Judge(seconds=0.2), wait_at_end=False, skill_steps=1)
    rows = run(env)
    assert (len(rows), rows[-1][2], judged(rows)) == (2, True, [])
    time.sleep(0.6)
    _, info = env.reset(seed=1)
    assert [(row["episode"], row["late"], row["reward"]) for row in info["judged"]] == [
        (0, True, 0.0),
        (0, True, 0.0),
    ]
    env._queue.close()


def test_a_full_queue_drops_or_waits(base: gym.Env[Any, Any]) -> None:
    judge = Judge(seconds=0.15)
    env = wrap(base, judge, plan=PLAN * 3, skill_steps=1, queue_size=1, on_full="drop")
    rows = run(env)
    assert rows[-1][3]["judge_cost"]["dropped"] == 6 - len(judge.shown) > 0
    env._queue.close()
    judge = Judge(seconds=0.05, says=False)
    env = wrap(base, judge, plan=PLAN * 3, skill_steps=1, queue_size=1)
    rows = run(env)
    assert rows[-1][3]["judge_cost"]["dropped"] == 0
    assert [row["start"] for row in judged(rows)] == list(range(6)), "in the order of the skills"
    assert max(info["judge_cost"]["waiting"] for *_, info in rows) == 1
    env._queue.close()


def test_a_judge_that_fails_is_told_of_and_costs_no_step(base: gym.Env[Any, Any]) -> None:
    env = wrap(base, Broken())
    rows = run(env)
    errors = [error for *_, info in rows for error in info["judge_errors"]]
    assert errors == ["RuntimeError: no picture came through"] * 2
    assert (len(rows), sum(reward for reward, *_ in rows)) == (STEPS, 0.0)
    assert rows[-1][3]["judge_cost"]["errors"] == 2
    env._queue.close()


def test_a_budget_ends_judging_and_nothing_else(base: gym.Env[Any, Any]) -> None:
    judge = Judge(budget=1)
    env = wrap(base, judge)
    rows = run(env) + run(env)
    assert (len(judge.shown), len(rows)) == (1, 2 * STEPS)
    assert sum(reward for reward, *_ in rows) == 0.5
    assert rows[-1][3]["judge_stopped"] == "1 call was allowed"
    assert not any(info["judge_errors"] for *_, info in rows)
    assert rows[-1][3]["judge_cost"]["dropped"] == 2
    env._queue.close()


@pytest.mark.parametrize("when", ["skill_end", "episode_end"])
def test_no_truth_gets_through(
    base: gym.Env[Any, Any], monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    inner: Any = base.unwrapped
    monkeypatch.setattr(inner, "_goal_reached", lambda: inner._steps >= 3)
    monkeypatch.setattr(inner, "render_every", 4)
    judge = Judge(says=False)
    env = wrap(base, judge, when=when)
    _, info = env.reset(seed=0)
    assert not set(info) & set(TRUTH_KEYS)
    ages, seen = [], []
    for step in range(1, STEPS + 1):
        observation, reward, terminated, truncated, info = env.step(IDLE)
        assert (reward, terminated, truncated) == (0.0, False, step == STEPS)
        assert not set(info) & set(TRUTH_KEYS)
        ages.append(info["image_age"])
        seen.append(observation["agentview"])
    # The environment draws when the goal is reached; nobody sees that it did.
    assert ages == [1, 2, 3, 0] * 2
    assert all(np.array_equal(seen[0], picture) for picture in seen[:3])
    assert inner._success, "the environment did succeed"
    for episode in judge.shown:
        assert (episode.success, episode.skill_done, episode.states) == (None, None, None)
    env._queue.close()


def test_the_truth_may_stay_where_it_is_asked_for(
    base: gym.Env[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    inner: Any = base.unwrapped
    monkeypatch.setattr(inner, "_goal_reached", lambda: inner._steps >= 3)
    env = wrap(base, Judge(says=False), hide_truth=False, keep_env_reward=True)
    rows = run(env)
    assert (len(rows), rows[-1][1]) == (3, True)
    assert (rows[-1][0], rows[-1][3]["env_reward"], rows[-1][3]["success"]) == (0.0, 1.0, True)
    env._queue.close()


def test_wrappers_below_that_would_tell_are_refused(base: gym.Env[Any, Any]) -> None:
    for below in (FreezeFinished(base), SkillTransition(base, on_subgoal=True)):
        with pytest.raises(ValueError, match="would show the simulator's truth"):
            wrap(below, Judge())
        wrap(below, Judge(), hide_truth=False)


def test_a_privileged_judge_needs_leave_and_says_what_it_is(base: gym.Env[Any, Any]) -> None:
    env = wrap(base, PrivilegedAnalyzer(), show_truth=True)
    rows = run(env)
    assert [(row["reached"], row["privileged"]) for row in judged(rows)] == [(False, True)] * 2
    env._queue.close()
    env = wrap(base, PrivilegedAnalyzer())
    rows = run(env)
    assert all("needs the simulator's word" in e for *_, i in rows for e in i["judge_errors"])
    env._queue.close()


def test_the_whole_episode_is_one_question_at_its_end(base: gym.Env[Any, Any]) -> None:
    judge = Judge()
    env = wrap(base, judge, when="episode_end")
    rows = run(env)
    assert [reward for reward, *_ in rows] == [0.0] * (STEPS - 1) + [1.0]
    assert [(s.skill, s.start, s.stop) for s in judge.shown[0].segments] == [
        (PLAN[0], 0, 4),
        (PLAN[1], 4, 8),
    ]
    assert judge.shown[0].goal == mosel_gym.task_of(ID).goal
    env._queue.close()


def test_an_agent_may_say_where_skills_begin(base: gym.Env[Any, Any]) -> None:
    judge = Judge(says=False)
    env = wrap(base, judge)
    env.reset(seed=0)
    begun = {0: (PLAN[1], False), 3: (PLAN[0], True), 5: (PLAN[0], False), 7: (PLAN[1], False)}
    rows = []
    for step in range(STEPS):
        if step in begun:
            env.begin_skill(begun[step][0], transition=begun[step][1])
        rows.append(env.step(IDLE)[1:])
    found = [(row["skill"], row["start"], row["stop"]) for *_, i in rows for row in i["judged"]]
    assert found == [(PLAN[1], 0, 3), (PLAN[0], 5, 7), (PLAN[1], 7, 8)]
    env.reset(seed=0)
    with pytest.raises(InvalidPlan, match="is not in the plan"):
        env.begin_skill("dance")
    env._queue.close()


def test_a_transition_ends_a_skill_and_is_not_judged(base: gym.Env[Any, Any]) -> None:
    judge = Judge(says=False)
    below = SkillTransition(base, skill_budget=3, max_steps=2, rise_steps=1)
    env = wrap(below, judge)
    rows = run(env)
    moving = [info["in_transition"] for *_, info in rows]
    start = moving.index(False, 4)
    assert 4 <= start == moving.index(True) + sum(moving[:-1])
    found = [(row["skill"], row["start"], row["stop"]) for row in judged(rows)]
    assert found == [(PLAN[0], 0, 3), (PLAN[1], start, start + 3)]
    assert (len(rows), rows[-1][2]) == (start + 4, True), "the plan is over with its last skill"
    env._queue.close()


def test_a_plan_comes_with_the_reset_or_is_missed(base: gym.Env[Any, Any]) -> None:
    env = VideoJudgeReward(base, Judge())
    with pytest.raises(InvalidPlan, match="has no plan"):
        env.reset(seed=0)
    with pytest.raises(InvalidPlan, match="dance"):
        env.reset(seed=0, options={"plan": ["dance"]})
    rows = run(env, plan=[PLAN[0]], init_state_id=1)
    assert [row["reward"] for row in judged(rows)] == [1.0]
    with pytest.raises(gym.error.ResetNeeded):
        env.step(IDLE)
    env._queue.close()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"queue_size": 0}, "queue_size is 0"),
        ({"skill_steps": 0}, "skill_steps is 0"),
        ({"when": "never"}, "allowed: skill_end, episode_end"),
        ({"max_steps": STEPS + 1}, f"1..{STEPS}"),
    ],
)
def test_bad_arguments_are_named(
    base: gym.Env[Any, Any], options: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        wrap(base, Judge(), **options)


def test_blind_environments_are_refused() -> None:
    blind = gym.make(ID, disable_env_checker=True, cameras=())
    with pytest.raises(ValueError, match="a dict with a picture"):
        wrap(blind, Judge())


def test_close_ends_the_thread_and_drops_what_waits() -> None:
    before = set(threading.enumerate())
    judge = Judge(seconds=0.1)
    inner = gym.make(ID, disable_env_checker=True, camera_size=32, max_steps=6)
    env = wrap(inner, judge, plan=PLAN * 3, skill_steps=1, wait_at_end=False)
    run(env)
    assert set(threading.enumerate()) - before
    env.close()
    env.close()
    assert not set(threading.enumerate()) - before
    assert len(judge.shown) < 6


def test_it_passes_check_env_can_be_rebuilt_and_travels(base: gym.Env[Any, Any]) -> None:
    env = wrap(base, Judge, skill_steps=2)  # the class itself makes one for each
    env.reset(seed=0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*is different from the unwrapped version.*")
        check_env(env, skip_render_check=True, skip_close_check=True)
    assert env.spec is not None
    rebuilt = gym.make(env.spec)
    assert isinstance(rebuilt, VideoJudgeReward)
    assert sum(reward for reward, *_ in run(rebuilt)) == 1.0
    rebuilt.close()
    copy = pickle.loads(pickle.dumps(env))
    assert sum(reward for reward, *_ in run(copy)) == 1.0
    copy.close()
    env._queue.close()


def test_vector_environments_carry_what_was_judged() -> None:
    envs = gym.make_vec(
        ID,
        num_envs=2,
        vectorization_mode="sync",
        wrappers=[partial(VideoJudgeReward, analyzer=Judge, plan=PLAN)],
        camera_size=32,
        max_steps=4,
    )
    envs.reset(seed=[0, 1])  # type: ignore[arg-type]
    total = np.zeros(2)
    for _ in range(4):
        _, rewards, terminated, _, info = envs.step(np.stack([IDLE, IDLE]))
        total += rewards
    assert total.tolist() == [1.0, 1.0]
    assert terminated.all()
    assert info["judged"][1][0]["reached"] is True
    assert info["judge_cost"]["calls"].tolist() == [2, 2]
    envs.close()
