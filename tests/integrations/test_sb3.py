"""The agent as stable-baselines3's model: same bytes in, same actions out, same success."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecTransposeImage

import mosel_gym  # noqa: F401  # registers the environments
from mosel_gym.agents import MoselAgent
from mosel_gym.benchmark.rollout import run_episode
from mosel_gym.errors import SpecMismatch
from mosel_gym.integrations.sb3 import AgentModel, channels_last
from tests.integrations.small_agents import Recorded

TASK = "MOSEL-LiberoLong-Task6"
STEPS = 24


def make() -> gym.Env[Any, Any]:
    return gym.make(TASK, max_steps=STEPS, disable_env_checker=True)


@pytest.fixture(scope="module")
def agent() -> MoselAgent:
    return MoselAgent.from_pretrained("libero-long")


@pytest.fixture(scope="module")
def plain(agent: MoselAgent) -> tuple[Recorded, Any]:
    """One episode in our own loop."""
    env = Recorded(make())
    run = run_episode(env, agent, seed=7, reflect=False)
    env.close()
    assert run.result.status == "ok", run.result.error
    return env, run.result


class Known(gym.Env[Any, Any]):
    """Shows one known observation and keeps what comes back."""

    def __init__(self) -> None:
        rng = np.random.default_rng(3)
        picture = gym.spaces.Box(0, 255, (72, 72, 3), np.uint8)
        self.observation_space = gym.spaces.Dict(
            {
                "agentview": picture,
                "wrist": picture,
                "proprio": gym.spaces.Box(-9, 9, (8,), np.float32),
            }
        )
        self.action_space = gym.spaces.Box(-1, 1, (7,), np.float32)
        # No turn or flip of it looks like another.
        self.shown = {
            "agentview": rng.integers(0, 256, (72, 72, 3), np.uint8),
            "wrist": rng.integers(0, 256, (72, 72, 3), np.uint8),
            "proprio": rng.uniform(-1, 1, 8).astype(np.float32),
        }
        self.given: list[np.ndarray[Any, Any]] = []

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        return dict(self.shown), {}

    def step(self, action: Any) -> Any:
        self.given.append(np.array(action))
        return dict(self.shown), 0.0, False, len(self.given) >= 2, {}


class Scripted:
    """Remembers what it saw, answers a known action."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []
        self.resets = 0
        self.action = np.random.default_rng(5).uniform(-1, 1, 7).astype(np.float32)

    def reset(self, task: Any, *, seed: int | None = None) -> None:
        self.resets += 1

    def predict(
        self, observation: Any, state: Any = None, start: Any = None, deterministic: bool = True
    ) -> Any:
        self.seen.append({name: value.copy() for name, value in observation.items()})
        return self.action[None], state


@pytest.mark.parametrize("wrap", [None, VecTransposeImage], ids=["plain", "VecTransposeImage"])
def test_a_known_frame_arrives_upright_and_a_known_action_bit_equal(
    wrap: Callable[[Any], Any] | None,
) -> None:
    known = Known()
    vec: Any = DummyVecEnv([lambda: Monitor(known)])
    if wrap is not None:
        vec = wrap(vec)
        assert vec.observation_space["agentview"].shape == (3, 72, 72), "it must really transpose"
    model, agent = None, Scripted()
    model = AgentModel(agent, TASK)
    evaluate_policy(model, vec, n_eval_episodes=1)  # type: ignore[arg-type]
    assert agent.resets == 1
    for name, value in known.shown.items():
        np.testing.assert_array_equal(agent.seen[0][name][0], value)
    assert all(given.tobytes() == agent.action.tobytes() for given in known.given)
    assert len(known.given) == 2


def test_only_channels_first_pictures_are_turned() -> None:
    last = np.zeros((1, 8, 9, 3), np.uint8)
    turned = channels_last(
        {"a": last, "b": np.zeros((1, 3, 8, 9), np.uint8), "p": np.zeros((1, 8))}
    )
    assert turned["a"] is last
    assert turned["b"].shape == (1, 8, 9, 3)
    assert turned["p"].shape == (1, 8)


def test_evaluate_policy_and_our_loop_agree(agent: MoselAgent, plain: tuple[Recorded, Any]) -> None:
    ours, result = plain
    theirs = Recorded(make())
    vec = DummyVecEnv([lambda: Monitor(theirs)])
    vec.seed(7)
    model = AgentModel(agent, TASK, seed=7)
    rewards, lengths = evaluate_policy(
        model,  # type: ignore[arg-type]
        vec,
        n_eval_episodes=1,
        return_episode_rewards=True,
    )
    vec.close()
    assert lengths == [result.steps] == [STEPS]
    assert rewards == [float(bool(result.success))]
    assert theirs.infos[STEPS - 1]["is_success"] == ours.infos[-1]["is_success"]
    np.testing.assert_array_equal(np.stack(theirs.actions[:STEPS]), np.stack(ours.actions))
    assert np.abs(np.stack(ours.actions)).max() > 0, "an agent that does nothing proves nothing"
    for name, value in ours.observations[STEPS].items():
        np.testing.assert_array_equal(theirs.observations[STEPS][name], value)


def test_several_environments_are_refused(agent: MoselAgent) -> None:
    vec = DummyVecEnv([Known, Known])
    model = AgentModel(agent, TASK)
    with pytest.raises(SpecMismatch, match="a batch of 2. Use n_envs=1, and one agent"):
        model.predict(vec.reset(), episode_start=np.ones(2, bool))  # type: ignore[arg-type]


def test_a_flat_observation_is_refused(agent: MoselAgent) -> None:
    with pytest.raises(SpecMismatch, match="needs the Dict observation"):
        AgentModel(agent, TASK).predict(np.zeros(8))  # type: ignore[arg-type]


@pytest.mark.slow
def test_subprocess_environment_gives_the_same_episode(
    agent: MoselAgent, plain: tuple[Recorded, Any]
) -> None:
    ours, _ = plain
    vec = SubprocVecEnv([make], start_method="spawn")
    try:
        vec.seed(7)
        observation: Any = vec.reset()
        model = AgentModel(agent, TASK, seed=7)
        start = np.ones(1, bool)
        for wanted in ours.actions:
            action, _ = model.predict(observation, episode_start=start)
            np.testing.assert_array_equal(action[0], wanted)
            observation, _, start, _ = vec.step(action)
        assert start.all()
    finally:
        vec.close()
