"""A counting game with the info keys of the real environments, and agents for it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from mosel_gym.types import Episode, Observation, Reflection, SkillSegment, TaskPlan, Verdict

ENV_ID = "tests.benchmark.tiny:Tiny-v0"
SKILLS = ("reach three", "reach five")


class TinyEnv(gym.Env[Any, Any]):
    """The state is a number; actions add to it. Odd seeds start one lower."""

    def __init__(self, success_hold: int = 1, max_steps: int = 12) -> None:
        self.observation_space = gym.spaces.Dict(
            {
                "agentview": gym.spaces.Box(0, 255, (16, 16, 3), np.uint8),
                "wrist": gym.spaces.Box(0, 255, (16, 16, 3), np.uint8),
                "proprio": gym.spaces.Box(-np.inf, np.inf, (8,), np.float32),
            }
        )
        self.action_space = gym.spaces.Box(-1, 1, (7,), np.float32)
        self.success_hold, self.max_steps = success_hold, max_steps

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.value, self.steps, self.held, self.seed = -(seed or 0) % 2, 0, 0, seed
        self.value = -self.value
        return self._observation(), self._info()

    def step(self, action: NDArray[np.float32]) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.value += round(float(action[0]))
        self.steps += 1
        self.held = self.held + 1 if self.value >= 5 else 0
        info = self._info()
        return self._observation(), 0.0, info["success"], self.steps >= self.max_steps, info

    def _observation(self) -> dict[str, NDArray[Any]]:
        picture = np.full((16, 16, 3), 20 * max(0, self.value), np.uint8)
        proprio = np.full(8, self.value, np.float32)
        return {"agentview": picture, "wrist": picture, "proprio": proprio}

    def _info(self) -> dict[str, Any]:
        done = {SKILLS[0]: self.value >= 3, SKILLS[1]: self.value >= 5}
        return {
            "task": "reach five",
            "success": self.held >= self.success_hold,
            "subgoals": done,
            "skill_done": done,
            "seed": self.seed,
            "image_age": self.steps % 2,
        }


gym.register("Tiny-v0", entry_point="tests.benchmark.tiny:TinyEnv")


class Walker:
    """Adds one a step; keeps a trace and judges every segment a success."""

    name = "walker"

    def __init__(self, crash_on: int | None = None, kill_on: int | None = None) -> None:
        self.crash_on, self.kill_on = crash_on, kill_on

    def reset(
        self,
        task: str,
        skills: Sequence[str] | None = None,
        plan: TaskPlan | Sequence[str] | None = None,
        *,
        seed: int | None = None,
    ) -> None:
        self.seed = seed
        self.rows: list[dict[str, Any]] = []
        self.done: list[dict[str, bool]] = []

    def act(
        self, observation: Observation, info: Mapping[str, Any] | None = None
    ) -> NDArray[np.float32]:
        if self.seed == self.crash_on:
            raise RuntimeError("the walker tripped")
        if self.seed == self.kill_on:
            os._exit(9)
        self.finish(observation, info)
        return np.ones(7, np.float32)

    def finish(self, observation: Observation, info: Mapping[str, Any] | None = None) -> None:
        self.rows.append(dict(observation))
        self.done.append(dict((info or {})["skill_done"]))

    @property
    def episode(self) -> Episode:
        steps = len(self.rows) - 1
        return Episode(
            task_id="Tiny-v0",
            goal="reach five",
            seed=self.seed,
            observations={key: np.stack([row[key] for row in self.rows]) for key in self.rows[0]},
            actions=np.ones((steps, 7), np.float32),
            plan=TaskPlan(SKILLS, "", "walker"),
            segments=(SkillSegment(SKILLS[0], 0, 2), SkillSegment(SKILLS[1], 2, steps)),
            skill_done={key: np.array([row[key] for row in self.done]) for key in SKILLS},
        )

    def reflect(self, episode: Episode | None = None) -> Reflection:
        verdicts = tuple(Verdict(skill, at, True, "seen") for at, skill in enumerate(SKILLS))
        return Reflection(True, verdicts, "none", None, "all fine", "optimist")


@dataclass(frozen=True)
class WalkerSpec:
    """Recipe of a `Walker`."""

    crash_on: int | None = None
    kill_on: int | None = None

    def build(self) -> Walker:
        return Walker(self.crash_on, self.kill_on)

    def fingerprint(self) -> str:
        return "walker"
