"""The episode loop, its processes, and going on after a stop."""

from __future__ import annotations

from pathlib import Path

import gymnasium as gym
import pytest

from mosel_gym.benchmark.results import (
    EpisodeResult,
    compare_arms,
    summarize,
    verdict_confusion,
)
from mosel_gym.benchmark.rollout import run_episode
from mosel_gym.benchmark.rollouts import Keep, result_path, rollouts
from mosel_gym.errors import DamagedFile, MoselError
from tests.benchmark.tiny import ENV_ID, SKILLS, Walker, WalkerSpec


def test_one_episode_counts_first_hit_and_held() -> None:
    env = gym.make(ENV_ID, success_hold=3)
    run = run_episode(env, Walker(), seed=2, hold=3)
    assert run.result.status == "ok", run.result.error
    assert (run.result.success, run.result.held, run.result.steps) == (True, True, 7)
    assert run.result.skills == {SKILLS[0]: True, SKILLS[1]: True}
    assert set(run.result.seconds) >= {"reset", "networks", "simulation", "pictures", "judging"}
    # The first segment was judged a success after two steps, when the number was two.
    assert [(row.judged, row.truth) for row in run.result.verdicts] == [(True, False), (True, True)]
    assert str(verdict_confusion([run.result]).precision).startswith("1/2")


def test_held_is_unknown_where_success_ended_the_episode() -> None:
    run = run_episode(gym.make(ENV_ID), Walker(), seed=2, hold=3)
    assert (run.result.success, run.result.held) == (True, None)


def test_held_is_false_where_time_ran_out() -> None:
    env = gym.make(ENV_ID, success_hold=3, max_steps=6)
    run = run_episode(env, Walker(), seed=2, hold=3)
    assert (run.result.success, run.result.held) == (True, False)


def test_stop_skill_ends_the_episode_early() -> None:
    env = gym.make(ENV_ID, success_hold=9)
    run = run_episode(env, Walker(), seed=2, hold=2, stop_skill=SKILLS[0])
    assert (run.result.steps, run.result.success) == (4, False)


def test_an_exception_is_an_error_and_not_a_failure() -> None:
    run = run_episode(gym.make(ENV_ID), Walker(crash_on=1), seed=1)
    assert run.result.status == "error"
    assert "the walker tripped" in run.result.error
    arm = summarize("arm", [run.result, run_episode(gym.make(ENV_ID), Walker(), seed=2).result])
    assert (arm.errors, arm.first_hit.trials) == (1, 1)


def test_rollouts_resume_and_keep_the_order(tmp_path: Path) -> None:
    new: list[EpisodeResult] = []
    keep = Keep(video=True, episode=True, hold=1)
    seeds = [4, 3, 6]
    first = rollouts(
        WalkerSpec(crash_on=3), ENV_ID, {}, seeds, 1, tmp_path, progress=False, keep=keep
    )
    assert [(r.seed, r.status) for r in first] == [(4, "ok"), (3, "error"), (6, "ok")]
    assert (tmp_path / str(first[0].video)).stat().st_size > 0
    assert (tmp_path / str(first[0].episode)).is_file()
    again = rollouts(
        WalkerSpec(),
        ENV_ID,
        {},
        seeds,
        1,
        tmp_path,
        progress=False,
        keep=keep,
        on_result=new.append,
    )
    assert [r.seed for r in new] == [3]  # only the error was run again
    assert [r.status for r in again] == ["ok"] * 3
    assert again[0] == first[0]


def test_another_runs_folder_is_refused(tmp_path: Path) -> None:
    rollouts(WalkerSpec(), ENV_ID, {}, [1], 1, tmp_path, progress=False)
    with pytest.raises(MoselError, match="env differ"):
        rollouts(WalkerSpec(), ENV_ID, {"max_steps": 5}, [1], 1, tmp_path, progress=False)


def test_a_damaged_result_is_named(tmp_path: Path) -> None:
    rollouts(WalkerSpec(), ENV_ID, {}, [1], 1, tmp_path, progress=False)
    result_path(tmp_path, 1).write_text('{"seed"', encoding="utf-8")
    with pytest.raises(DamagedFile, match="seed-000001"):
        rollouts(WalkerSpec(), ENV_ID, {}, [1], 1, tmp_path, progress=False)


def test_processes_agree_and_survive_one_that_dies() -> None:
    results = rollouts(WalkerSpec(kill_on=5), ENV_ID, {}, [5, 2, 4], 2, progress=False)
    assert [r.seed for r in results] == [5, 2, 4]
    assert [r.status for r in results] == ["error", "ok", "ok"]
    assert "died" in results[0].error


def test_arms_are_paired_by_seed() -> None:
    a = [EpisodeResult(1, success=True), EpisodeResult(2, success=True)]
    b = [EpisodeResult(2, success=False), EpisodeResult(1, success=True)]
    found = compare_arms("after", "before", a, b)
    assert (found.gained, found.lost, found.pairs) == (1, 0, 2)
