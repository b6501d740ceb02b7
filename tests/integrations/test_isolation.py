"""The shipped agent in a server: nothing of an episode, a failure or a neighbour is left in it."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from numpy.typing import NDArray

from mosel_gym.agents.pretrained import PolicyAgent, load_any
from mosel_gym.errors import SpecMismatch
from mosel_gym.registry import TASKS
from mosel_gym.types import Observation

GOAL = TASKS["MOSEL-LiberoLong-Task6"].goal
STEPS = 12


def shown(seed: int, step: int) -> Observation:
    """A picture that moves."""
    rng = np.random.default_rng(seed)
    frames = rng.integers(0, 256, (2, 128, 128, 3), np.uint8)
    proprio = np.array([0.01 * step, 0.1 * seed, 1.0, 3.1, 0.1, 0.1, 0.04, -0.04], np.float32)
    return {
        "agentview": np.roll(frames[0], step, 0),
        "wrist": np.roll(frames[1], step, 1),
        "proprio": proprio,
    }


def acted(agent: PolicyAgent, seed: int) -> NDArray[np.float32]:
    """The actions of one episode."""
    agent.reset(GOAL, seed=seed)
    return np.stack([agent.act(shown(seed, step)) for step in range(STEPS)])


def test_neither_an_episode_nor_a_failure_nor_a_neighbour_is_left_in_an_agent() -> None:
    one, other = load_any("libero-long"), load_any("libero-long")
    first, second = acted(one, 1), acted(other, 2)
    assert np.abs(first - second).max() > 0.01, "equal episodes would prove nothing"

    np.testing.assert_array_equal(acted(one, 2), second, "after another episode")

    one.reset(GOAL, seed=5)
    one.act(shown(5, 0))
    with pytest.raises(SpecMismatch):
        one.act({"agentview": shown(5, 1)["agentview"], "proprio": np.zeros(8, np.float32)})
    np.testing.assert_array_equal(acted(one, 1), first, "after an episode that broke")

    beside: dict[int, NDArray[np.float32]] = {}
    threads = [
        threading.Thread(
            target=lambda seed=seed, agent=agent: beside.update({seed: acted(agent, seed)})
        )
        for seed, agent in ((1, one), (2, other))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    np.testing.assert_array_equal(beside[1], first, "with another in the next thread")
    np.testing.assert_array_equal(beside[2], second, "with another in the next thread")
