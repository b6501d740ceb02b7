"""The thread that judges: what ends it, and what a judge of one's own may get wrong."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import time
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from mosel_gym.errors import SpecMismatch
from mosel_gym.types import Episode, Reflection, Verdict
from mosel_gym.wrappers import VideoJudgeReward
from mosel_gym.wrappers.judge_queue import JudgeQueue

PROGRAM = """
import time
from mosel_gym.wrappers.judge_queue import JudgeQueue

class Slow:
    def analyze(self, episode):
        print("asked", flush=True)
        time.sleep(0.3)
        print("answered", flush=True)

queue = JudgeQueue(Slow(), 8, "wait")
for number in range(6):
    queue.submit(number, lambda: None)
time.sleep(0.1)
raise KeyboardInterrupt
"""


class Room(gym.Env[Any, Any]):
    """Grey pictures for four steps; knows no truth."""

    max_steps = 4
    observation_space = gym.spaces.Dict({"camera": gym.spaces.Box(0, 255, (8, 8, 3), np.uint8)})
    action_space = gym.spaces.Box(-1, 1, (2,), np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        return {"camera": np.zeros((8, 8, 3), np.uint8)}, {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        return {"camera": np.zeros((8, 8, 3), np.uint8)}, 0.0, False, False, {}


class Says:
    """Always the same answer."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def analyze(self, episode: Episode) -> Any:
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


def reflection(segment: int) -> Reflection:
    return Reflection(True, (Verdict("a", segment, True, "seen"),), "none", None, "", "mine")


def test_a_program_that_ends_asks_nothing_more() -> None:
    """Ctrl-C with five questions waiting must not cost five more calls."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.split() == ["asked", "answered"], "the call under way ends"
    assert "KeyboardInterrupt" in done.stderr


def test_a_queue_that_is_forgotten_ends_its_thread() -> None:
    before = set(threading.enumerate())
    queue = JudgeQueue(Says(reflection(0)), 2, "wait")
    queue.submit("ticket", lambda: None)  # type: ignore[arg-type, return-value]
    assert queue.ready(all_of_them=True)[0].reflection == reflection(0)
    assert set(threading.enumerate()) - before
    del queue
    gc.collect()
    until = time.monotonic() + 5
    while set(threading.enumerate()) - before and time.monotonic() < until:
        time.sleep(0.01)
    assert not set(threading.enumerate()) - before


def test_whatever_ends_the_judge_is_heard_of() -> None:
    queue = JudgeQueue(Says(SystemExit(3)), 2, "wait")
    queue.submit("ticket", lambda: None)  # type: ignore[arg-type, return-value]
    with pytest.raises(SystemExit):
        queue.ready(all_of_them=True)
    queue.close()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "TypeError: `analyze` returned a NoneType in place of a Reflection"),
        (reflection(7), "The judge gave no verdict on ['a']."),
        (reflection(-1), "The judge gave no verdict on ['a']."),
    ],
)
def test_a_judge_of_ones_own_that_answers_nonsense_costs_no_step(answer: Any, said: str) -> None:
    env = VideoJudgeReward(Room(), Says(answer), plan=["a"])
    env.reset()
    rows = [env.step(np.zeros(2)) for _ in range(4)]
    assert rows[-1][4]["judge_errors"] == (said,)
    assert [row[1] for row in rows] == [0.0] * 4
    env.close()


def test_truth_that_nobody_tells_cannot_be_shown() -> None:
    env = VideoJudgeReward(Room(), Says(None), plan=["a"], show_truth=True)
    with pytest.raises(SpecMismatch, match="Leave show_truth out"):
        env.reset()
    env.close()
