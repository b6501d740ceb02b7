"""The scripted expert solves the task, in both orders, on narrow and on wide layouts."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

from mosel_gym.envs.expert_episode import Blunder, Noise, expert_episode
from mosel_gym.envs.libero.env import LiberoEnv
from mosel_gym.envs.libero.experts import skill_actions
from mosel_gym.envs.libero.experts.hand import Hand
from mosel_gym.envs.libero.experts.places import find_place
from mosel_gym.errors import UnknownId

HELD_OUT = 900_000


def _env(spread: float) -> LiberoEnv:
    env = gym.make(
        "MOSEL-LiberoLong-Task6", cameras=(), layout_spread_m=spread, max_steps=2000
    ).unwrapped
    assert isinstance(env, LiberoEnv)
    return env


def _solved(env: LiberoEnv, seed: int, reverse: bool) -> bool:
    plan = env.task.plan[::-1] if reverse else env.task.plan
    episode = expert_episode(env, plan, seed)
    assert episode.skill_done is not None
    return bool(episode.success) and all(episode.skill_done[skill][-10:].all() for skill in plan)


@pytest.mark.parametrize(("spread", "reverse"), [(0.0, False), (0.06, True)])
def test_expert_solves_a_few_seeds(spread: float, reverse: bool) -> None:
    env = _env(spread)
    assert sum(_solved(env, HELD_OUT + seed, reverse) for seed in range(4)) == 4
    env.close()


def test_each_moka_pot_has_an_end_of_its_own_whatever_the_layout() -> None:
    """Shown one by one, on an empty stove, the two skills leave room for one another."""
    env = gym.make("MOSEL-LiberoLong-Task9", cameras=()).unwrapped
    assert isinstance(env, LiberoEnv)
    region = "flat_stove_1_cook_region"
    for seed in range(HELD_OUT, HELD_OUT + 8):
        env.reset(seed=seed)
        hand = Hand(env)
        right, left = (find_place(hand, f"moka_pot_{n}", region).point for n in (1, 2))
        middle = hand.scene.region_centre(region)
        assert left[0] < middle[0] < right[0]  # the right one farther from the robot
    env.close()


@pytest.mark.slow
@pytest.mark.parametrize(("spread", "least"), [(0.0, 48), (0.05, 45)])
def test_expert_solves_fifty_held_out_seeds(spread: float, least: int) -> None:
    env = _env(spread)
    solved = sum(_solved(env, HELD_OUT + seed, reverse=False) for seed in range(50))
    print(f"expert, layout_spread_m={spread}: {solved} of 50")  # noqa: T201  (pytest -s shows it)
    assert solved >= least
    env.close()


def test_noise_disturbs_the_path_but_not_the_labels() -> None:
    env = _env(0.0)
    plan = env.task.plan[:1]
    clean = expert_episode(env, plan, HELD_OUT)
    noisy = expert_episode(env, plan, HELD_OUT, noise=Noise())
    again = expert_episode(env, plan, HELD_OUT, noise=Noise())
    assert not np.array_equal(clean.actions[:40], noisy.actions[:40])
    assert np.array_equal(noisy.actions, again.actions)
    assert noisy.skill_done is not None
    assert noisy.skill_done[plan[0]][-1]
    env.close()


def test_blunders_really_fail_and_are_labelled_so() -> None:
    env = _env(0.0)
    plan = env.task.plan[:1]
    ends = []
    for seed in range(4):
        episode = expert_episode(env, plan, HELD_OUT + seed, blunder=Blunder(probability=1.0))
        assert episode.skill_done is not None
        ends.append(bool(episode.skill_done[plan[0]][-1]))
    assert not all(ends)
    env.close()


def test_unknown_skill_names_the_known_ones() -> None:
    env = _env(0.0)
    env.reset(seed=0)
    with pytest.raises(UnknownId, match="put the white mug on the plate"):
        next(skill_actions(env, "juggle"))
    env.close()
