"""Any stable-baselines3 model as an agent, and the agent on disk without a pickle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn

from mosel_gym.agents.baselines.rl import RLAgent
from mosel_gym.agents.baselines.rl_env import NumberedEpisodes, ViewEnv
from mosel_gym.agents.baselines.rl_networks import MonolithicPolicy, PictureFeatures
from mosel_gym.agents.baselines.rl_ppo import WarmStartPPO
from mosel_gym.agents.baselines.rl_views import (
    ActionScale,
    PictureView,
    StateView,
    hand_numbers,
    plain_scale,
    view_from,
)
from mosel_gym.agents.needs import needs_of
from mosel_gym.agents.pretrained import load_any
from mosel_gym.benchmark.vla import VlaConfig, new_policy
from mosel_gym.errors import DamagedFile, InvalidPlan, MoselError, SpecMismatch
from mosel_gym.models.hashed_text import hashed_text
from mosel_gym.specs import ROBOTS
from mosel_gym.types import NOBODY

GOAL = "put the white mug on the plate and put the chocolate pudding to the right of the plate"
PANDA = ROBOTS["panda"]
VIEW = PictureView(
    "panda", ActionScale((0.1,) * 7, (0.5,) * 7, 3), (0.0,) * 11, (1.0,) * 11, size=16
)


def seen(value: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(value)
    return {
        "agentview": rng.integers(0, 256, (32, 32, 3), np.uint8),
        "wrist": rng.integers(0, 256, (32, 32, 3), np.uint8),
        "proprio": rng.uniform(-1, 1, 8).astype(np.float32),
    }


def small_agent(**keywords: Any) -> RLAgent:
    policy = new_policy(VIEW, VlaConfig(features=16, hidden=32))
    policy.set_training_mode(False)
    return RLAgent(policy, VIEW, label="vla", **keywords)


class Push(gym.Env[Any, Any]):
    """Four steps; the first number of the action is the reward."""

    def __init__(self) -> None:
        space = {name: gym.spaces.Box(0, 255, (32, 32, 3), np.uint8) for name in VIEW.cameras.names}
        self.observation_space = gym.spaces.Dict(
            space | {"proprio": gym.spaces.Box(-9, 9, (8,), np.float32)}
        )
        self.action_space = gym.spaces.Box(-1, 1, (7,), np.float32)
        self.seeds: list[int | None] = []

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        self.seeds.append(seed)
        self.steps = 0
        return seen(0), {"task": GOAL, "robot": "panda", "seed": seed}

    def step(self, action: Any) -> Any:
        self.steps += 1
        info = {"task": GOAL, "robot": "panda", "success": False}
        return seen(self.steps), float(action[0]), False, self.steps >= 4, info


def test_hand_numbers_do_not_jump_where_an_axis_angle_does() -> None:
    down = np.array([0.1, 0.2, 1.0, np.pi - 1e-3, 0, 0, 0.04, -0.04])
    other = down.copy()
    other[3] = -down[3]  # all but the same rotation
    assert np.abs(down - other).max() > 6
    assert np.abs(hand_numbers(PANDA, down) - hand_numbers(PANDA, other)).max() < 0.01
    assert hand_numbers(ROBOTS["dual-panda-ee"], np.zeros(16)).shape == (34,)


def test_hashed_text_tells_goals_apart_and_is_stable() -> None:
    near, far = "put the mug on the plate", "turn on the stove"
    assert hashed_text(near) @ hashed_text("Put the mug on the  plate.") == pytest.approx(1.0)
    assert hashed_text(near) @ hashed_text("put the mug on the tray") > hashed_text(
        near
    ) @ hashed_text(far)
    assert float(hashed_text("a", 8)[[0]].dtype.itemsize) == 4
    with pytest.raises(ValueError, match="size is 0"):
        hashed_text("a", 0)


def test_a_view_gives_what_its_space_says_and_survives_json() -> None:
    shown = VIEW.see(seen(), GOAL, 300)
    assert VIEW.observation_space.contains(shown)
    assert shown["scene"].shape == (3, 16, 16)
    assert shown["state"][11] == pytest.approx(0.5)  # 300 of 600 steps
    np.testing.assert_array_equal(shown["scene"][0], _small(seen()["agentview"])[..., 0])
    assert view_from(json.loads(json.dumps(VIEW.plain()))) == VIEW
    with pytest.raises(SpecMismatch, match="wrist"):
        VIEW.see({k: v for k, v in seen().items() if k != "wrist"}, GOAL, 0)


def test_actions_are_scaled_clipped_and_grippers_snapped() -> None:
    chunk = np.random.default_rng(0).uniform(-0.3, 0.5, (3, 7)).astype(np.float32)
    chunk[:, 6] = (-1.0, 1.0, -1.0)
    scale = ActionScale((0.1,) * 6 + (0.0,), (0.5,) * 6 + (1.0,), 3)
    np.testing.assert_allclose(scale.decode(scale.encode(chunk), PANDA), chunk, atol=1e-6)
    wild = scale.decode(np.full(21, 9.0), PANDA)
    assert wild.min() == wild.max() == 1.0
    with pytest.raises(SpecMismatch, match="absolute joint angles"):
        plain_scale(ROBOTS["dual-panda-joint"])


def test_the_agent_acts_in_chunks_of_the_model() -> None:
    agent = small_agent()
    agent.reset(GOAL)
    done = [agent.act(seen(step)) for step in range(6)]
    agent.finish(seen(6))
    for start in (0, 3):
        output, _ = agent.policy.predict(VIEW.see(seen(start), GOAL, start), deterministic=True)
        np.testing.assert_array_equal(np.stack(done[start : start + 3]), VIEW.actions(output))
    episode = agent.episode
    assert episode.num_steps == 6
    assert [(s.skill, s.start, s.stop) for s in episode.segments] == [(GOAL, 0, 6)]
    reflection = agent.reflect()
    assert (reflection.analyzer, reflection.verdicts) == (NOBODY, ())
    assert not reflection.judged
    report = agent.improve()
    assert report.target == "none"
    assert "ground-truth reward" in report.reason


def test_predict_begins_anew() -> None:
    agent = small_agent()
    agent.reset(GOAL)
    first, _ = agent.predict(seen(0), episode_start=np.ones(1, bool))
    agent.predict(seen(1), episode_start=np.zeros(1, bool))
    again, _ = agent.predict(seen(0), episode_start=np.ones(1, bool))
    np.testing.assert_array_equal(first, again)


def test_plans_planners_and_strange_spaces_are_refused(tmp_path: Path) -> None:
    agent = small_agent()
    with pytest.raises(InvalidPlan, match="follows no plan"):
        agent.reset(GOAL, plan=["put the white mug on the plate"])
    agent.save(tmp_path)
    planner: Any = type("Planner", (), {"name": "offline"})()
    with pytest.raises(SpecMismatch, match="'offline' cannot plan for it"):
        RLAgent.from_pretrained(tmp_path, task_planner=planner)
    other = PictureView(**{**vars(VIEW), "size": 24})
    with pytest.raises(SpecMismatch, match="the view's is"):
        RLAgent(agent.policy, other)


def test_privileged_agents_need_the_environment_and_say_so() -> None:
    view = StateView("panda", plain_scale(PANDA), (0.0,) * 5, (1.0,) * 5)
    model = SAC("MlpPolicy", _Spaces(view), buffer_size=10, device="cpu")
    agent = RLAgent(model, view)
    assert agent.privileged
    assert agent.name == "rl(privileged; SAC, state)"
    with pytest.raises(MoselError, match=r"agent\.bind\(env\)"):
        agent.reset(GOAL)
    with pytest.raises(SpecMismatch, match="environment of this package"):
        agent.bind(Push())
    assert not small_agent().privileged


@pytest.mark.parametrize("kind", ["monolithic", "SAC", "PPO"])
def test_what_is_saved_is_what_is_loaded(kind: str, tmp_path: Path) -> None:
    if kind == "monolithic":
        agent = small_agent()
    else:
        view = StateView("panda", plain_scale(PANDA, 2), (0.0,) * 5, (1.0,) * 5)
        maker: Any = {
            "SAC": lambda env: SAC("MlpPolicy", env, buffer_size=10, device="cpu"),
            "PPO": lambda env: PPO(
                "MlpPolicy", env, device="cpu", policy_kwargs={"activation_fn": nn.ELU}
            ),
        }[kind]
        agent = RLAgent(maker(_Spaces(view)), view)
    agent.card = {"information": "nothing"}
    agent.save(tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["agent.json", "policy.safetensors"]
    index = json.loads((tmp_path / "agent.json").read_text())
    assert index["kind"] == "rl"
    back = load_any(tmp_path)
    assert isinstance(back, RLAgent)
    assert (back.name, back.card) == (agent.name, agent.card)
    observation = agent.view.observation_space.sample()
    for found, wanted in zip(
        back.policy.predict(observation, deterministic=True)[0],
        agent.policy.predict(observation, deterministic=True)[0],
        strict=True,
    ):
        assert found == wanted
    if kind == "monolithic":
        assert needs_of(tmp_path).cameras == ("agentview", "wrist")


def test_a_file_builds_nothing_but_what_the_table_names(tmp_path: Path) -> None:
    small_agent().save(tmp_path)
    path = tmp_path / "agent.json"
    index = json.loads(path.read_text())
    index["arguments"]["features_extractor_class"] = {"class": "os.system"}
    path.write_text(json.dumps(index))
    with pytest.raises(DamagedFile, match=r"names the class 'os\.system'"):
        RLAgent.from_pretrained(tmp_path)
    (tmp_path / "policy.safetensors").write_bytes(b"PK\x03\x04 a zip")
    with pytest.raises(DamagedFile, match=r"policy\.safetensors"):
        RLAgent.from_pretrained(tmp_path)


class Foreign(BaseFeaturesExtractor):
    """Nothing that the format knows."""

    def __init__(self, space: Any) -> None:
        super().__init__(space, 4)
        self.layer = nn.Linear(6, 4)

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.layer(observations)
        return result


def test_a_class_without_a_name_in_the_table_cannot_be_saved(tmp_path: Path) -> None:
    view = StateView("panda", plain_scale(PANDA), (0.0,) * 5, (1.0,) * 5)
    model = PPO(
        "MlpPolicy",
        _Spaces(view),
        device="cpu",
        policy_kwargs={"features_extractor_class": Foreign},
    )
    with pytest.raises(SpecMismatch, match="class 'Foreign' cannot be saved"):
        RLAgent(model, view).save(tmp_path)


def test_one_step_of_a_view_is_a_chunk() -> None:
    push = Push()
    env = NumberedEpisodes(ViewEnv(push, VIEW), seed=40, stride=2)
    env.reset()
    _, reward, _, truncated, info = env.step(np.full(21, 0.4, np.float32))
    assert reward == pytest.approx(3 * (0.4 * 0.5 + 0.1))
    assert (truncated, info["env_steps"]) == (False, 3)
    _, _, _, truncated, info = env.step(np.zeros(21, np.float32))
    assert (truncated, info["env_steps"]) == (True, 1)
    env.reset(seed=0)
    assert push.seeds == [40, 42]


def test_the_value_warms_up_before_the_actions_change() -> None:
    arguments = {
        "features_extractor_class": PictureFeatures,
        "features_extractor_kwargs": {"features": 8},
        "net_arch": {"pi": [16], "vf": [16]},
    }
    model = WarmStartPPO(
        MonolithicPolicy,
        ViewEnv(Push(), VIEW),
        value_updates=1,
        n_steps=4,
        batch_size=4,
        n_epochs=1,
        seed=0,
        device="cpu",
        policy_kwargs=arguments,
    )
    policy = model.policy
    assert isinstance(policy, MonolithicPolicy)

    def snapshot() -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        actor = [p.detach().clone() for p in policy.actor_parameters()]
        return actor, [p.detach().clone() for p in policy.mlp_extractor.value_net.parameters()]

    start = snapshot()
    model.learn(4)
    warm = snapshot()
    assert all(torch.equal(a, b) for a, b in zip(start[0], warm[0], strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(start[1], warm[1], strict=True))
    model.learn(4, reset_num_timesteps=False)
    after = snapshot()
    assert not all(torch.equal(a, b) for a, b in zip(warm[0], after[0], strict=True))


class _Spaces(gym.Env[Any, Any]):
    """Only spaces; a model wants an environment to be made."""

    def __init__(self, view: StateView) -> None:
        self.observation_space = view.observation_space
        self.action_space = view.action_space


def _small(picture: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    blocks = picture.reshape(16, 2, 16, 2, 3).astype(int).sum(axis=(1, 3))
    return np.asarray((blocks + 2) // 4, np.uint8)
