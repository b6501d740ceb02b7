"""The wrappers around a real LIBERO environment."""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import mosel_gym
from mosel_gym.data import read_episode
from mosel_gym.data.libero_hdf5 import demo_names
from mosel_gym.types import Verdict
from mosel_gym.wrappers import (
    FreezeFinished,
    ObservationFormat,
    RecordEpisode,
    SkillTransition,
    SubgoalReward,
    VisualDisturbance,
)

ID = "MOSEL-LiberoLong-Task6"
IDLE = np.array([0, 0, 0, 0, 0, 0, -1], np.float32)
DOWN = np.array([0.6, 0, -0.6, 0, 0, 0.4, 1], np.float32)


def make(**options: Any) -> gym.Env[Any, Any]:
    return gym.make(ID, disable_env_checker=True, **options)


@pytest.fixture(scope="module")
def seeing() -> Iterator[gym.Env[Any, Any]]:
    env = make(camera_size=64)
    yield env
    env.close()


@pytest.fixture(scope="module")
def blind() -> Iterator[gym.Env[Any, Any]]:
    env = make(cameras=(), max_steps=12)
    yield env
    env.close()


WRAPPERS: list[Callable[[gym.Env[Any, Any]], gym.Env[Any, Any]]] = [
    FreezeFinished,
    lambda env: SkillTransition(env, skill_budget=5),
    VisualDisturbance,
    SubgoalReward,
    lambda env: ObservationFormat(env, "openpi"),
    lambda env: ObservationFormat(env, "vla_eval"),
    lambda env: ObservationFormat(env, "lerobot"),
    lambda env: ObservationFormat(env, "upstream"),
]


@pytest.mark.parametrize("wrap", WRAPPERS)
def test_wrapped_environments_pass_check_env_without_a_warning(
    seeing: gym.Env[Any, Any], wrap: Callable[[gym.Env[Any, Any]], gym.Env[Any, Any]]
) -> None:
    env = wrap(seeing)
    env.reset(seed=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", ".*is different from the unwrapped version.*")
        check_env(env, skip_render_check=True, skip_close_check=True)
    rebuilt = gym.make(env.spec).spec if env.spec else None
    assert rebuilt is not None
    assert rebuilt.additional_wrappers == env.spec.additional_wrappers  # type: ignore[union-attr]


def test_freeze_finished_holds_the_end_and_steps_nothing(blind: gym.Env[Any, Any]) -> None:
    env = FreezeFinished(blind)
    env.reset(seed=1)
    for _ in range(12):
        observation, _, _, truncated, info = env.step(DOWN)
    assert truncated
    before = blind.unwrapped.scene.data.time  # type: ignore[attr-defined]
    again, reward, _, still, frozen = env.step(DOWN)
    reset, reset_info = env.reset()
    assert (reward, still, frozen["frozen"], reset_info["frozen"]) == (0.0, True, True, True)
    assert np.array_equal(again["proprio"], observation["proprio"])
    assert np.array_equal(reset["proprio"], observation["proprio"])
    assert blind.unwrapped.scene.data.time == before  # type: ignore[attr-defined]
    assert info["frozen"] is False
    _, info = env.reset(seed=2)
    assert (info["frozen"], info["seed"]) == (False, 2)


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_vector_environments_give_what_single_ones_give(mode: str) -> None:
    seeds = [3, 4]
    vector: dict[str, Any] = {"context": "spawn"} if mode == "async" else {}
    envs = gym.make_vec(
        ID,
        num_envs=2,
        vectorization_mode=mode,
        vector_kwargs=vector,
        wrappers=[FreezeFinished],
        cameras=(),
        max_steps=6,
    )
    envs.reset(seed=seeds)  # type: ignore[arg-type]
    for _ in range(9):
        observations, rewards, _, _, info = envs.step(np.stack([DOWN, DOWN]))
    assert info["frozen"].all()
    assert (rewards == 0).all()
    single = make(cameras=(), max_steps=6)
    for index, seed in enumerate(seeds):
        single.reset(seed=seed)
        for _ in range(6):
            observation, *_ = single.step(DOWN)
        assert np.array_equal(observation["proprio"], observations["proprio"][index])
    single.close()
    envs.close()


def test_a_requested_transition_goes_up_first_and_then_home() -> None:
    env = SkillTransition(make(cameras=(), max_steps=500))
    home, _ = env.reset(seed=0)
    for _ in range(15):
        start, *_, info = env.step(DOWN)
    assert info["in_transition"] is False
    env.request()
    assert env.in_transition
    steps = 0
    while env.in_transition:
        observation, *_, info = env.step(DOWN)  # ignored
        steps += 1
        assert info["transition_trigger"] == "policy"
        action = info["executed_action"]
        if steps <= 20:  # N1: straight up at a fifth, fingers open
            assert (action[[0, 1, 3, 4, 5]] == 0).all()
            assert 0 < action[2] <= 0.2
        assert action[6] == -1
    assert 20 < steps <= 50
    assert np.linalg.norm(start["proprio"][:3] - home["proprio"][:3]) > 0.05
    assert np.linalg.norm(observation["proprio"][:3] - home["proprio"][:3]) < 0.012
    env.close()


def test_transitions_by_budget_and_with_the_grip_kept() -> None:
    env = SkillTransition(make(cameras=()), skill_budget=4, keep_grip=True, rise_steps=2)
    env.reset(seed=0)
    flags = []
    for _ in range(7):
        *_, info = env.step(DOWN)
        flags.append(info["in_transition"])
    assert flags == [False] * 4 + [True] * 3
    assert info["transition_trigger"] == "budget"
    assert info["executed_action"][6] == 0
    with pytest.raises(ValueError, match="skill_budget is 0"):
        SkillTransition(env, skill_budget=0)
    env.close()


class Scripted(gym.Wrapper[Any, Any, Any, Any]):
    """Replaces the sub-goals by a script: what the arm would take hundreds of steps for."""

    script = ({"a": False, "b": False}, {"a": True, "b": False}, {"a": False, "b": True})

    def reset(self, **options: Any) -> tuple[Any, dict[str, Any]]:
        observation, info = self.env.reset(**options)
        self.at = 0
        return observation, {**info, "subgoals": self.script[0]}

    def step(self, action: Any) -> Any:
        *rest, info = self.env.step(action)
        self.at = min(self.at + 1, 2)
        return (*rest, {**info, "subgoals": self.script[self.at]})


def test_a_sub_goal_begins_a_transition_and_says_that_it_is_privileged(
    blind: gym.Env[Any, Any],
) -> None:
    env = SkillTransition(Scripted(blind), on_subgoal=True)
    env.reset(seed=0)
    *_, info = env.step(IDLE)
    assert info["in_transition"] is False
    *_, info = env.step(IDLE)
    assert info["in_transition"] is True
    assert "privileged" in info["transition_trigger"]


def test_sub_goal_reward_pays_once_or_takes_back(blind: gym.Env[Any, Any]) -> None:
    for take_back, expected in ((False, [0.5, 0.5, 0.0]), (True, [0.5, 0.0, 0.0])):
        env = SubgoalReward(Scripted(blind), take_back=take_back)
        env.reset(seed=0)
        assert [env.step(IDLE)[1] for _ in range(3)] == expected


def test_disturbance_is_drawn_once_an_episode_from_its_seed(seeing: gym.Env[Any, Any]) -> None:
    env = VisualDisturbance(seeing, seed=1)
    plain, _ = seeing.reset(seed=5)
    first, info = env.reset(seed=5)
    factors = info["disturbance"]
    *_, later = env.step(IDLE)
    again, other = env.reset(seed=5)
    _, another = env.reset(seed=6)
    assert factors == later["disturbance"] == other["disturbance"] != another["disturbance"]
    assert np.array_equal(first["agentview"], again["agentview"])
    assert not np.array_equal(first["agentview"], plain["agentview"])
    assert np.array_equal(first["proprio"], plain["proprio"])
    assert first["agentview"].dtype == np.uint8
    assert 0.8 <= factors["brightness"] <= 1.2
    assert 0.9 <= factors["contrast"] <= 1.1
    assert 0.95 <= factors["red"] <= 1.05
    assert 0.95 <= factors["blue"] <= 1.05
    assert 0.9 <= factors["gamma"] <= 1.1
    with pytest.raises(ValueError, match="gamma"):
        VisualDisturbance(seeing, gamma=(1.2, 0.8))
    with pytest.raises(ValueError, match="seed is -1"):
        VisualDisturbance(seeing, seed=-1)


def test_the_neutral_disturbance_changes_nothing(seeing: gym.Env[Any, Any]) -> None:
    one = (1.0, 1.0)
    env = VisualDisturbance(seeing, brightness=one, contrast=one, red_blue_gain=one, gamma=one)
    plain, _ = seeing.reset(seed=5)
    same, _ = env.reset(seed=5)
    assert np.array_equal(plain["wrist"], same["wrist"])


@pytest.mark.parametrize("protocol", ["mosel", "openpi", "lerobot"])
def test_no_protocol_makes_a_layout_turn_a_picture_twice(protocol: str) -> None:
    env = make(camera_size=48, protocol=protocol)
    options = {"init_state_id": 2}
    raw, info = env.reset(seed=0, options=options)
    turns = {
        "upright": lambda picture: picture,
        "opengl": lambda picture: picture[::-1],
        "rotated": lambda picture: picture[:, ::-1],
    }
    upright = turns[info["image_orientation"]](raw["agentview"])
    openpi, told = ObservationFormat(env, "openpi").reset(seed=0, options=options)
    assert np.array_equal(openpi["observation/image"], upright[:, ::-1])
    assert told["image_orientation"] == "rotated"
    assert openpi["prompt"] == mosel_gym.task_of(ID).goal
    lerobot, _ = ObservationFormat(env, "lerobot").reset(seed=0, options=options)
    assert np.array_equal(lerobot["pixels"]["image"], upright[::-1])
    env.close()


def test_upstream_quaternion_is_that_of_the_hand(seeing: gym.Env[Any, Any]) -> None:
    env = ObservationFormat(seeing, "upstream")
    observation, _ = env.reset(seed=0)
    scene = seeing.unwrapped.scene  # type: ignore[attr-defined]
    wxyz = scene.data.xquat[scene.index.hand_body]
    assert np.allclose(observation["robot0_eef_quat"], np.roll(wxyz, -1), atol=1e-6)
    with pytest.raises(ValueError, match="agentview"):
        ObservationFormat(make(cameras=()), "openpi")


def test_told_plan_skill_and_verdict_are_in_the_files(tmp_path: Path) -> None:
    env = RecordEpisode(make(camera_size=64, max_steps=6), tmp_path, stride=3)
    env.reset(seed=0)
    plan = mosel_gym.task_of(ID).plan
    env.tell(plan=plan, skill=plan[0])
    for step in range(5):
        if step == 3:
            env.tell(skill=plan[1])
        env.step(IDLE)
    env.tell(verdict=Verdict(plan[0], 0, False, "the mug never left the table"))
    env.step(IDLE)
    env.close()
    episode = read_episode(env.paths[0])
    assert episode.plan is not None
    assert episode.plan.skills == plan
    assert [(s.skill, s.start, s.stop) for s in episode.segments] == [
        (plan[0], 0, 3),
        (plan[1], 3, 6),
    ]
    assert "never left" in episode.provenance["verdict_0"]
    assert episode.states is not None
    assert episode.states.shape[0] == 7
    assert env.paths[0].with_suffix(".mp4").stat().st_size > 1000


def test_what_is_recorded_around_a_transition_is_what_was_executed(tmp_path: Path) -> None:
    transition = SkillTransition(make(cameras=(), max_steps=6))
    env = RecordEpisode(transition, tmp_path, video=False)
    env.reset(seed=0)
    executed = []
    for step in range(6):
        if step == 3:
            transition.request()
        *_, info = env.step(DOWN)
        executed.append(info["executed_action"])
    assert [bool((action == DOWN).all()) for action in executed] == [True] * 3 + [False] * 3
    assert np.array_equal(read_episode(env.paths[0]).actions, np.stack(executed))
    env.close()


def test_a_killed_run_keeps_its_finished_episodes(tmp_path: Path) -> None:
    code = (
        "import os, signal, gymnasium as gym, numpy as np, mosel_gym\n"
        "from mosel_gym.wrappers import RecordEpisode\n"
        f"env = RecordEpisode(gym.make({ID!r}, cameras=(), max_steps=4), {str(tmp_path)!r})\n"
        "for episode in range(3):\n"
        "    env.reset(seed=episode)\n"
        "    for step in range(4):\n"
        "        if (episode, step) == (2, 2): os.kill(os.getpid(), signal.SIGKILL)\n"
        "        env.step(np.zeros(7, np.float32))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], timeout=120, check=False)
    assert done.returncode == -signal.SIGKILL
    files = sorted(tmp_path.glob("*.hdf5"))
    assert len(files) == 2
    for file in files:
        assert demo_names(file) == ["demo_0"]
        assert read_episode(file).num_steps == 4


def test_wrapped_environments_travel_to_other_processes(blind: gym.Env[Any, Any]) -> None:
    env = SkillTransition(blind, skill_budget=3)
    copy = pickle.loads(pickle.dumps(env))
    assert np.array_equal(copy.reset(seed=1)[0]["proprio"], env.reset(seed=1)[0]["proprio"])
    copy.close()
