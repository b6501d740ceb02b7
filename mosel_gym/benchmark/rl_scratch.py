"""Reinforcement learning from scratch on one skill: no demonstration, only a reward.

The control that says how hard a skill is to find by trying. Measured in interactions, on seeds that
training never saw.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import gymnasium as gym
import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecEnv
from torch import nn
from tqdm import tqdm

from mosel_gym.agents.baselines.rl import RLAgent
from mosel_gym.agents.baselines.rl_env import NumberedEpisodes, ViewEnv
from mosel_gym.agents.baselines.rl_networks import MonolithicPolicy, PictureFeatures
from mosel_gym.agents.baselines.rl_random import own_randomness
from mosel_gym.agents.baselines.rl_views import (
    PictureView,
    StateView,
    View,
    features_of,
    hand_numbers,
    inner_env,
    plain_scale,
)
from mosel_gym.benchmark.rl_curve import Curve, CurvePoint, measure
from mosel_gym.benchmark.rl_given import Given
from mosel_gym.benchmark.specs import EnvSpec, env_id, env_kwargs
from mosel_gym.benchmark.vla_data import cameras_in
from mosel_gym.errors import SpecMismatch
from mosel_gym.registry import task_of
from mosel_gym.training.state import read_state, write_state
from mosel_gym.wrappers import SubgoalReward

CURVE_NAME = "curve.jsonl"
_STATE_FOLDER = "training"
_ARRAYS = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")


@dataclass(frozen=True)
class ScratchConfig:
    """Task, algorithm and budget."""

    task: str = "MOSEL-Libero90-Task1"
    """Environment id; a skill of LIBERO-90 or `MOSEL-RoboTwinSkill-*`."""
    algorithm: Literal["SAC", "PPO"] = "SAC"
    observation: Literal["state", "pictures"] = "state"
    """"state" is privileged and fast; "pictures" needs PPO."""
    reward: Literal["success", "subgoals"] = "subgoals"
    """"success": 1 once, at the end. "subgoals": 1/n for each sub-goal that is reached first."""
    steps: int = 100_000
    """Interactions: steps of the environment, all environments together."""
    chunk: int = 4
    """Actions of one decision: coarser trials reach further."""
    max_steps: int = 200
    """Step limit of an episode."""
    envs: int = 1
    """Environments side by side."""
    subprocesses: bool = False
    """One process each; else they take turns in this one."""
    lr: float = 3e-4
    gamma: float = 0.97
    """Per decision."""
    seed: int = 300_000
    """Of the first training episode."""
    eval_every: int = 10_000
    """Interactions between two measurements; the state is stored then, too."""
    eval_episodes: int = 10
    eval_seed: int = 5000
    """The first held-out seed."""


def train_scratch(config: ScratchConfig, out_dir: str | Path, *, progress: bool = True) -> RLAgent:
    """Learn one skill from nothing; writes an agent and `curve.jsonl`.

    Started again with the same arguments, it goes on after the last measurement.

    Args:
        config: What to do.
        out_dir: Folder.
        progress: Show a bar.

    Raises:
        SpecMismatch: SAC on pictures, or a robot without a common action scale.
        UnknownId: No such task.
    """
    if config.algorithm == "SAC" and config.observation == "pictures":
        raise SpecMismatch(
            "SAC keeps every observation, and a replay buffer of pictures does not fit into "
            "memory. Take --algorithm PPO for pictures, or --observation state."
        )
    out, task = Path(out_dir), task_of(env_id(config.task))
    pictures = config.observation == "pictures"
    cameras = cameras_in(task.suite)
    spec = EnvSpec(
        task.id,
        env_kwargs(
            cameras=cameras.names if pictures else (),
            render_every=config.chunk,
            max_steps=config.max_steps,
        ),
    )
    identity = json.dumps({k: v for k, v in asdict(config).items() if not k.startswith("eval_e")})
    with own_randomness(config.seed):
        view = _measured_view(spec, config)
        state = read_state(out / _STATE_FOLDER, identity, "cpu")
        episodes, env_steps = (
            (0, 0) if state is None else (int(state["episodes"]), int(state["env_steps"]))
        )
        env = _training_envs(spec, view, config, config.seed + episodes)
        try:
            model = _model(config, env, config.seed + episodes)
            if state is not None:
                _restore(model, state)
            agent = RLAgent(model, view, label=f"scratch-{config.reward}")
            curve = Curve(out / CURVE_NAME, env_steps)
            held_out = range(config.eval_seed, config.eval_seed + config.eval_episodes)
            bar = tqdm(
                total=config.steps, initial=env_steps, desc=config.algorithm, disable=not progress
            )
            watch = _Watch(curve, episodes, env_steps, bar.update)
            with bar:
                while True:
                    if config.eval_episodes and not curve.has_evaluation(watch.env_steps):
                        curve.add(measure(agent, spec, held_out, watch.episodes, watch.env_steps))
                    _store(model, out / _STATE_FOLDER, identity, watch)
                    agent.card = _card(config, task.id, watch)
                    agent.save(out)
                    if watch.env_steps >= config.steps:
                        return agent
                    watch.until = min(config.steps, watch.env_steps + config.eval_every)
                    model.learn(2**40, callback=watch, reset_num_timesteps=False)
        finally:
            env.close()


class _Watch(BaseCallback):
    """Counts, writes the curve, and hands back at the next measurement."""

    def __init__(
        self, curve: Curve, episodes: int, env_steps: int, told: Callable[[int], Any]
    ) -> None:
        super().__init__()
        self.curve, self.episodes, self.env_steps = curve, episodes, env_steps
        self.until, self.told = 0, told

    def _on_step(self) -> bool:
        for info in self.locals["infos"]:
            made = int(info["env_steps"])
            self.env_steps += made
            self.told(made)
            if "episode" in info:
                self.episodes += 1
                self.curve.add(
                    CurvePoint(
                        "episode",
                        self.episodes,
                        self.env_steps,
                        float(info["success"]),
                        reward=float(info["episode"]["r"]),
                        seed=int(info["seed"]),
                    )
                )
        return self.env_steps < self.until


def _measured_view(spec: EnvSpec, config: ScratchConfig) -> View:
    """A view whose scales come from a few episodes of random actions."""
    env = EnvSpec(spec.id, {**spec.kwargs, "cameras": ()}).make()
    inner = inner_env(env)
    robot, rng = inner.robot, np.random.default_rng(config.seed)
    features: list[NDArray[np.floating]] = []
    numbers: list[NDArray[np.floating]] = []
    try:
        for episode in range(4):
            observation, _ = env.reset(seed=config.seed + episode)
            for _ in range(40):
                features.append(features_of(inner, observation))
                numbers.append(hand_numbers(robot, observation["proprio"]))
                action = rng.uniform(-1, 1, robot.action_size).astype(np.float32)
                observation, *_ = env.step(action)
    finally:
        env.close()
    scaling = plain_scale(robot, config.chunk)
    center, scale = _statistics(features if config.observation == "state" else numbers)
    if config.observation == "state":
        return StateView(robot.name, scaling, center, scale)
    cameras = cameras_in(inner.task.suite)
    return PictureView(robot.name, scaling, center, scale, cameras)


def _statistics(
    rows: list[NDArray[np.floating]],
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    stacked = np.stack(rows)
    scale = np.maximum(stacked.std(axis=0), 0.03)  # what hardly moved must not be blown up
    return tuple(map(float, stacked.mean(axis=0))), tuple(map(float, scale))


def training_env(
    spec: EnvSpec, view: View, reward: str, seed: int, stride: int
) -> gym.Env[Any, Any]:
    """One environment as a model is trained in it."""
    torch.set_num_threads(1)  # it may be alone in a process of its own
    env = spec.make()
    if reward == "subgoals":
        env = SubgoalReward(env)
    return Monitor(NumberedEpisodes(ViewEnv(env, view), seed, stride))


def _training_envs(spec: EnvSpec, view: View, config: ScratchConfig, seed: int) -> VecEnv:
    makers: list[Callable[[], gym.Env[Any, Any]]] = [
        partial(training_env, spec, view, config.reward, seed + number, config.envs)
        for number in range(config.envs)
    ]
    # spawned, not forked: a GL context does not survive a fork
    return SubprocVecEnv(makers, "spawn") if config.subprocesses else DummyVecEnv(makers)


def _model(config: ScratchConfig, env: VecEnv, seed: int) -> PPO | SAC:
    common: dict[str, Any] = {
        "env": env,
        "learning_rate": config.lr,
        "gamma": config.gamma,
        "seed": seed,
        "device": "cpu",
    }
    if config.algorithm == "SAC":
        return SAC(
            "MlpPolicy",
            buffer_size=max(1, config.steps // config.chunk),
            learning_starts=500,
            batch_size=256,
            **common,
        )
    if config.observation == "state":
        return PPO("MlpPolicy", n_steps=512, batch_size=128, **common)
    arguments = {
        "features_extractor_class": PictureFeatures,
        "activation_fn": nn.SiLU,
        "ortho_init": False,
        "log_std_init": -0.5,
    }
    return PPO(MonolithicPolicy, n_steps=256, batch_size=64, policy_kwargs=arguments, **common)


def _store(model: PPO | SAC, folder: Path, identity: str, watch: _Watch) -> None:
    content: dict[str, Any] = {
        "parameters": model.get_parameters(),
        "episodes": watch.episodes,
        "env_steps": watch.env_steps,
        "decisions": model.num_timesteps,
        "updates": model._n_updates,
    }
    if isinstance(model, SAC):
        buffer = model.replay_buffer
        assert buffer is not None
        rows = buffer.buffer_size if buffer.full else buffer.pos
        content["log_ent_coef"] = model.log_ent_coef
        content["buffer"] = {
            name: torch.from_numpy(getattr(buffer, name)[:rows].copy()) for name in _ARRAYS
        }
        content["position"] = buffer.pos
    write_state(folder, identity, content)


def _restore(model: PPO | SAC, state: dict[str, Any]) -> None:
    model.set_parameters(state["parameters"], exact_match=True, device="cpu")
    model.num_timesteps, model._n_updates = int(state["decisions"]), int(state["updates"])
    if isinstance(model, SAC):
        buffer = model.replay_buffer
        assert buffer is not None
        with torch.no_grad():
            assert model.log_ent_coef is not None
            model.log_ent_coef.copy_(state["log_ent_coef"])
        for name, rows in state["buffer"].items():
            getattr(buffer, name)[: len(rows)] = rows.numpy()
            buffer.full = len(rows) == buffer.buffer_size
        buffer.pos = int(state["position"])


def _card(config: ScratchConfig, task_id: str, watch: _Watch) -> dict[str, Any]:
    given = Given(
        reward=config.reward,
        task=task_id,
        episodes=watch.episodes,
        env_steps=watch.env_steps,
        privileged=config.observation == "state",
    )
    return {**given.card(), "training": asdict(config)}
