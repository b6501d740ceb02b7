"""VLA-RL's stand-in: a cloned policy, fine-tuned by PPO on ground-truth reward (Table 1, App. F).

Settings follow VLA-RL where they can: clip 0.2, gamma 0.99, lambda 0.95, no normalised advantages,
a sparse reward for success, a warm-up of the value. What it gets is counted and stored with the
agent; whether it helps is for the numbers to say.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import gymnasium as gym
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.monitor import Monitor
from tqdm import tqdm

from mosel_gym.agents.baselines.rl import RLAgent
from mosel_gym.agents.baselines.rl_env import NumberedEpisodes, ViewEnv
from mosel_gym.agents.baselines.rl_networks import MonolithicPolicy
from mosel_gym.agents.baselines.rl_ppo import WarmStartPPO
from mosel_gym.agents.baselines.rl_random import own_randomness
from mosel_gym.agents.baselines.rl_stored import policy_kwargs
from mosel_gym.agents.baselines.rl_views import PictureView
from mosel_gym.benchmark.rl_curve import Curve, CurvePoint, measure
from mosel_gym.benchmark.rl_given import Given
from mosel_gym.benchmark.specs import EnvSpec, env_id, env_kwargs
from mosel_gym.errors import SpecMismatch
from mosel_gym.registry import task_of
from mosel_gym.specs import robot as find_robot
from mosel_gym.training.state import read_state, write_state
from mosel_gym.wrappers import SubgoalReward

Reward = Literal["success", "subgoals"]
CURVE_NAME = "curve.jsonl"
_STATE_FOLDER = "training"


@dataclass(frozen=True)
class VlaRlConfig:
    """The budget, PPO's settings, and how often to measure."""

    task: str
    """Environment id, or the number of a LIBERO-Long task."""
    episodes: int | None = None
    """Training episodes; None = what MOSEL has for one update: 100 in LIBERO, 50 in RoboTwin."""
    seed: int = 200_000
    """Of the first training episode; the next one has the next seed."""
    reward: Reward = "success"
    """"success": 1 at the end, as VLA-RL's. "subgoals": 1/n for each sub-goal, which is more."""
    decisions: int = 300
    """Between two updates: four whole episodes of LIBERO."""
    batch_size: int = 100
    """Should divide `decisions`."""
    epochs: int = 3
    lr: float = 3e-5
    clip: float = 0.2
    gamma: float = 0.99
    gae_lambda: float = 0.95
    value_updates: int = 3
    """First updates, which fit the value alone."""
    target_kl: float | None = 0.05
    """An update ends early once the policy has moved 1.5 times so far, as in stable-baselines3."""
    max_steps: int | None = None
    """Step limit of an episode; None = the task's own."""
    eval_every: int = 25
    """Training episodes between two measurements; there is one before and one after in any case."""
    eval_episodes: int = 10
    """Held-out episodes of a measurement; 0 measures nothing."""
    eval_seed: int = 5000
    """The first held-out seed."""


def train_vla_rl(
    start: str | Path, config: VlaRlConfig, out_dir: str | Path, *, progress: bool = True
) -> RLAgent:
    """Fine-tune an agent of `train_vla` on one task; writes an agent and `curve.jsonl`.

    Non-obvious behaviour:
        - Episodes are counted when they end. What was collected after the last update, when the
          budget ends, is counted and not learned from.
        - Started again with the same arguments, it goes on after the last update: episodes begun
          since are run again.

    Args:
        start: The agent to start from.
        config: Task, budget and settings.
        out_dir: Folder.
        progress: Show a bar.

    Raises:
        SpecMismatch: `start` is no agent of `train_vla`, or knows another robot; no episode.
        UnknownId: No such task or agent.
    """
    out, task = Path(out_dir), task_of(env_id(config.task))
    agent = RLAgent.from_pretrained(start)
    if not isinstance(agent.view, PictureView) or not isinstance(agent.policy, MonolithicPolicy):
        raise SpecMismatch(f"{start} is {agent.name}; `mosel train vla` makes what is needed here.")
    budget = config.episodes
    if budget is None:
        budget = 100 if task.suite.startswith("libero") else 50
    if budget < 1:
        raise SpecMismatch(f"--episodes is {budget}; there must be one at least to learn from.")
    spec = EnvSpec(task.id, _env_arguments(agent.view, config.max_steps))
    held_out = range(config.eval_seed, config.eval_seed + config.eval_episodes)
    identity = json.dumps({**_plain(config), "budget": budget, "weights": agent.card}, default=str)
    with own_randomness(config.seed):
        state = read_state(out / _STATE_FOLDER, identity, "cpu")
        episodes = 0 if state is None else int(state["episodes"])
        env = _training_env(spec, agent.view, config, config.seed + episodes)
        model = _ppo(env, agent.policy, config, config.seed + episodes)
        tuned = RLAgent(model, agent.view, label="vla-rl", algorithm="PPO")
        env_steps = 0
        if state is not None:
            model.policy.load_state_dict(state["weights"])
            model.policy.optimizer.load_state_dict(state["optimizer"])
            model.rollouts, model._n_updates = int(state["rollouts"]), int(state["updates"])
            env_steps = int(state["env_steps"])
        curve = Curve(out / CURVE_NAME, env_steps)

        def checked(done: int, steps: int) -> None:
            if config.eval_episodes and not curve.has_evaluation(steps):
                curve.add(measure(tuned, spec, held_out, done, steps))

        def updated(done: int, steps: int) -> None:
            content = {
                "episodes": done,
                "env_steps": steps,
                "rollouts": model.rollouts,
                "updates": model._n_updates,
                "weights": model.policy.state_dict(),
                "optimizer": model.policy.optimizer.state_dict(),
            }
            write_state(out / _STATE_FOLDER, identity, content)

        bar = tqdm(total=budget, initial=episodes, desc="vla-rl", unit="ep", disable=not progress)
        watch = _Watch(curve, budget, config, episodes, env_steps, bar, checked, updated)
        try:
            with bar:
                if episodes == 0:
                    checked(0, 0)
                if episodes < budget:
                    model.learn(total_timesteps=2**40, callback=watch, reset_num_timesteps=False)
        finally:
            env.close()
        tuned.card = _card(agent.card, config, task.id, watch.episodes, watch.env_steps)
        tuned.save(out)
        checked(watch.episodes, watch.env_steps)
        updated(watch.episodes, watch.env_steps)
    return tuned


class _Watch(BaseCallback):
    """Counts episodes, keeps the curve, ends at the budget."""

    def __init__(
        self,
        curve: Curve,
        budget: int,
        config: VlaRlConfig,
        episodes: int,
        env_steps: int,
        bar: Any,
        checked: Callable[[int, int], None],
        updated: Callable[[int, int], None],
    ) -> None:
        super().__init__()
        self.curve, self.budget, self.config = curve, budget, config
        self.episodes, self.env_steps, self.bar = episodes, env_steps, bar
        self.checked, self.updated = checked, updated
        self._next_check = (episodes // config.eval_every + 1) * config.eval_every
        self._fresh = True

    def _on_rollout_start(self) -> None:
        """An update was made, unless nothing has been collected yet."""
        if not self._fresh:
            self.updated(self.episodes, self.env_steps)
            if self.episodes >= self._next_check:
                self.checked(self.episodes, self.env_steps)
                self._next_check += self.config.eval_every
        self._fresh = False

    def _on_step(self) -> bool:
        info, done = self.locals["infos"][0], bool(self.locals["dones"][0])
        self.env_steps += int(info["env_steps"])
        if done:
            self.episodes += 1
            self.bar.update()
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
        return self.episodes < self.budget


def _env_arguments(view: PictureView, max_steps: int | None) -> dict[str, Any]:
    robot = find_robot(view.robot)
    return env_kwargs(
        cameras=view.cameras.names,
        render_every=view.scaling.chunk,
        control=robot.control if len(robot.arms) > 1 else None,
        max_steps=max_steps,
    )


def _training_env(
    spec: EnvSpec, view: PictureView, config: VlaRlConfig, seed: int
) -> gym.Env[Any, Any]:
    env = spec.make()
    if config.reward == "subgoals":
        env = SubgoalReward(env)
    return Monitor(NumberedEpisodes(ViewEnv(env, view), seed))


def _ppo(
    env: gym.Env[Any, Any], policy: MonolithicPolicy, config: VlaRlConfig, seed: int
) -> WarmStartPPO:
    model = WarmStartPPO(
        MonolithicPolicy,
        env,
        value_updates=config.value_updates,
        learning_rate=config.lr,
        n_steps=config.decisions,
        batch_size=config.batch_size,
        n_epochs=config.epochs,
        gamma=config.gamma,
        gae_lambda=config.gae_lambda,
        clip_range=config.clip,
        normalize_advantage=False,
        target_kl=config.target_kl,
        policy_kwargs=policy_kwargs(policy),
        seed=seed,
        device="cpu",
    )
    model.policy.load_state_dict(policy.state_dict())
    return model


def _plain(config: VlaRlConfig) -> dict[str, Any]:
    return {k: v for k, v in asdict(config).items() if not k.startswith("eval_")}


def _card(
    before: dict[str, Any], config: VlaRlConfig, task_id: str, episodes: int, env_steps: int
) -> dict[str, Any]:
    given = replace(
        Given.of(before),
        reward=config.reward,
        task=task_id,
        episodes=episodes,
        env_steps=env_steps,
    )
    return {**before, **given.card(), "fine_tuning": asdict(config)}
