"""Imagined plans that cannot be one are drawn again, and counted."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mosel_gym.agents.executor import ExecutorConfig, SkillExecutor
from mosel_gym.agents.plan_check import (
    NOTE,
    PlanCheckConfig,
    PlanCounts,
    counts_in,
    imagine_checked,
    look,
)
from mosel_gym.benchmark.results import EpisodeResult
from mosel_gym.benchmark.rows import merge_rows, read_rows, rows_of
from mosel_gym.data.libero_hdf5 import read_episode, write_episode
from mosel_gym.types import ActionChunk, Frames, VisualPlan

CONFIG = PlanCheckConfig()
BACKGROUND = np.full((32, 32, 3), 100, np.uint8)


def scene(column: int) -> Frames:
    """A robot, 6 x 4 px, in front of a wall."""
    frame = BACKGROUND.copy()
    frame[10:16, column : column + 4] = 230
    return frame


NOW = scene(0)
GOOD = np.stack([scene(4 * step) for step in range(1, 6)])


def plan_of(frames: Frames, finite: bool = True) -> VisualPlan:
    return VisualPlan("push", frames, "drawn", finite=finite)


class Drawer:
    """Gives out plans in turn; the last one again and again."""

    name = "drawer"

    def __init__(self, *frames: Frames) -> None:
        self.left = list(frames)
        self.calls = 0

    def imagine(self, frame: Frames, skill: str) -> VisualPlan:
        self.calls += 1
        return plan_of(self.left.pop(0) if len(self.left) > 1 else self.left[0])


def gone(after: int) -> Frames:
    frames = GOOD.copy()
    frames[after:] = BACKGROUND
    return frames


def noisy(seed: int) -> Frames:
    return np.random.default_rng(seed).integers(0, 256, GOOD.shape, np.uint8)


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        (GOOD, ()),
        (np.repeat(NOW[None], 5, 0), ("frozen",)),
        (gone(4), ("robot gone",)),
        (gone(0), ("robot gone",)),
        (noisy(0), ("another scene",)),
        (GOOD // 4, ("another scene",)),
    ],
)
def test_what_is_refused_and_why(frames: Frames, expected: tuple[str, ...]) -> None:
    assert look(NOW, plan_of(frames), CONFIG).faults(CONFIG) == expected


def test_pictures_of_another_size_are_compared_at_the_plan_s() -> None:
    large = np.kron(NOW, np.ones((3, 3, 1), np.uint8))
    assert look(large, plan_of(GOOD), CONFIG).faults(CONFIG) == ()


def test_numbers_that_are_not_finite_are_the_worst() -> None:
    broken = look(NOW, plan_of(GOOD, finite=False), CONFIG)
    assert broken.faults(CONFIG) == ("not finite",)
    assert broken.badness(CONFIG) > look(NOW, plan_of(noisy(0)), CONFIG).badness(CONFIG)


def test_a_good_plan_is_drawn_once() -> None:
    drawer, counts = Drawer(GOOD), PlanCounts()
    plan = imagine_checked(drawer.imagine, NOW, "push", CONFIG, counts)
    np.testing.assert_array_equal(plan.frames, GOOD)
    assert (drawer.calls, counts.plain()) == (
        1,
        {"drawn": 1, "refused": 0, "followed_refused": 0, "reasons": {}},
    )


def test_a_bad_plan_is_drawn_again() -> None:
    drawer, counts = Drawer(noisy(0), gone(0), GOOD), PlanCounts()
    plan = imagine_checked(drawer.imagine, NOW, "push", CONFIG, counts)
    np.testing.assert_array_equal(plan.frames, GOOD)
    assert (counts.drawn, counts.refused, counts.followed_refused) == (3, 2, 0)
    assert counts.reasons == {"another scene": 1, "robot gone": 1}


def test_of_bad_plans_only_the_least_bad_one_is_followed() -> None:
    frames = (noisy(0), gone(4), noisy(1), noisy(2), GOOD)
    drawer, counts = Drawer(*frames), PlanCounts()
    plan = imagine_checked(drawer.imagine, NOW, "push", CONFIG, counts)
    np.testing.assert_array_equal(plan.frames, gone(4))
    assert (drawer.calls, counts.refused, counts.followed_refused) == (4, 4, 1)


def test_a_planner_without_noise_is_asked_no_more_than_twice() -> None:
    drawer, counts = Drawer(noisy(0)), PlanCounts()
    imagine_checked(drawer.imagine, NOW, "push", CONFIG, counts)
    assert (drawer.calls, counts.drawn, counts.followed_refused) == (2, 1, 1)


def test_the_check_can_be_switched_off() -> None:
    drawer, counts = Drawer(noisy(0), GOOD), PlanCounts()
    off = replace(CONFIG, redraws=0)
    plan = imagine_checked(drawer.imagine, NOW, "push", off, counts)
    np.testing.assert_array_equal(plan.frames, noisy(0))
    assert (counts.drawn, counts.refused) == (1, 0)


class Still:
    """A policy that never arrives."""

    name = "still"

    def act(self, observation, goal, skill):
        return ActionChunk(np.zeros((16, 7), np.float32), 30.0)


def test_the_executor_counts_and_follows_what_passed() -> None:
    executor = SkillExecutor(Drawer(gone(0), GOOD), Still(), config=ExecutorConfig())
    observation: dict[str, NDArray[Any]] = {"agentview": NOW, "proprio": np.zeros(8, np.float32)}
    executor.start("push", observation)
    assert executor.act(observation) is not None
    np.testing.assert_array_equal(executor.imagined, GOOD)
    assert executor.plans.plain()["reasons"] == {"robot gone": 1}


def test_counts_are_read_from_an_episode() -> None:
    counts = PlanCounts(drawn=2, refused=1)
    assert counts_in({NOTE: json.dumps(counts.plain())}) == counts.plain()
    assert counts_in({"agent": "expert"}) == {}


def test_an_episode_its_file_and_its_row_carry_the_counts(buttons: Any, tmp_path: Path) -> None:
    video = buttons.StraightImagination()
    agent = buttons.make_agent(video=video)
    agent.reset(buttons.make_task())
    buttons.run_episode(agent, buttons.ButtonWorld())
    told = counts_in(agent.episode.provenance)
    assert told["drawn"] == len(video.calls) > 0
    write_episode(tmp_path / "0.hdf5", agent.episode)
    assert counts_in(read_episode(tmp_path / "0.hdf5").provenance) == told
    (row,) = rows_of([EpisodeResult(0, imagined_plans=told)], "id", "agent")
    merge_rows(tmp_path / "rows.jsonl", [row])
    assert read_rows(tmp_path / "rows.jsonl")[0].imagined_plans == told
    old = json.loads((tmp_path / "rows.jsonl").read_text(encoding="utf-8"))
    del old["imagined_plans"]
    (tmp_path / "old.jsonl").write_text(json.dumps(old) + "\n", encoding="utf-8")
    assert read_rows(tmp_path / "old.jsonl")[0].imagined_plans == {}
