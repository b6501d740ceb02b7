"""Whole episodes by the scripted expert: demonstrations, disturbed ones, and ones that fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import chain
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from mosel_gym.envs.aim_errors import AimErrors
from mosel_gym.envs.base import LongHorizonEnv
from mosel_gym.errors import SimulationDiverged
from mosel_gym.transition import TransitionController
from mosel_gym.types import Episode, SkillSegment, TaskPlan

Array = NDArray[np.float64]


SkillActor = Callable[[LongHorizonEnv, str], Iterator[Array]]
"""Yields the actions of one skill, each computed from the state reached so far."""
_RADIANS_OF_NOISE = 0.05
"""What 1 of `Noise.scale` means under joint control."""


@dataclass(frozen=True)
class Noise:
    """Disturbs what is executed while the label stays the expert's own (as in DART, Laskey 2017).

    Bursts of 3 to 8 steps push the arm off its path, so that demonstrations show how to come back.
    """

    burst_probability: float = 0.06
    """Chance per step that a burst starts."""
    scale: tuple[float, float] = (0.2, 0.8)
    """Range of the burst's standard deviation, in action units."""


@dataclass(frozen=True)
class Blunder:
    """Makes the expert fail as policies do, to give the analyzer failures that really happened."""

    probability: float = 0.6
    """Chance per skill of a blunder; half of them miss the grasp, half misplace."""
    grasp_error_m: tuple[float, float] = (0.02, 0.06)
    place_error_m: tuple[float, float] = (0.02, 0.14)


def expert_episode(
    env: LongHorizonEnv,
    plan: Sequence[str] | None,
    seed: int,
    *,
    noise: Noise | None = None,
    blunder: Blunder | None = None,
    options: dict[str, Any] | None = None,
    keep_states: bool = True,
    actor: SkillActor | None = None,
    actor_name: str = "",
) -> Episode:
    """Run the expert through a plan, with the arm transitions of Appendix J between the skills.

    It goes on after the goal is first reached, so that every demonstration lets go and retreats. An
    `actor` in the expert's place stops where the environment ends the episode, as agents do.

    Args:
        env: An unwrapped environment; pictures are recorded as it draws them.
        plan: Skill texts, in the order of execution; None = a plan that works in this layout.
        seed: Seed of the layout and of the noise.
        noise: Disturbs what is executed; `Episode.actions` holds the undisturbed labels.
        blunder: Makes some skills fail.
        options: Passed to `env.reset`.
        keep_states: Record simulator states.
        actor: Carries out the skills in the expert's place.
        actor_name: Of whoever that is, for the provenance.

    Returns:
        The episode, `success` being the environment's latched verdict.

    Raises:
        SimulationDiverged: With the seed.
    """
    observation, info = env.reset(seed=seed, options=options)
    plan = env.expert_plan() if plan is None else plan
    rng = np.random.default_rng((seed, 1))
    home = observation["proprio"]
    recorder = _Recorder(env, keep_states)
    recorder.observe(observation, info)
    segments: list[SkillSegment] = []
    space = env.action_space
    assert isinstance(space, gym.spaces.Box)
    low, high = (b.astype(np.float64) for b in (space.low, space.high))
    burst, push = 0, np.zeros(env.robot.action_size)

    def play(stream: Iterator[Array], disturbed: bool) -> bool:
        """Carry out the actions of a stream; whether the environment ended an actor's episode."""
        nonlocal burst, push, info
        for action in stream:
            executed = action
            if disturbed:
                if burst == 0 and noise is not None and rng.random() < noise.burst_probability:
                    burst = int(rng.integers(3, 9))
                    push = _push(env, rng, noise)
                if burst > 0:
                    burst, executed = burst - 1, np.clip(action + push, low, high)
            observation, _, terminated, truncated, info = env.step(executed.astype(np.float32))
            if info["status"] == "error":
                raise SimulationDiverged(info["error"])
            recorder.actions.append(action.astype(np.float32))
            recorder.observe(observation, info)
            if actor is not None and (terminated or truncated):
                return True
        return False

    over = False
    for number, skill in enumerate(plan):
        errors = _draw_errors(blunder, rng) if blunder else None
        doing = skill_actions(env, skill, errors) if actor is None else actor(env, skill)
        streams: list[tuple[str, Iterator[Array]]] = [("skill", doing)]
        if number:
            streams.insert(0, ("transition", transition_actions(env, home)))
        for kind, stream in streams:
            start = len(recorder.actions)
            over = play(stream, noise is not None and kind == "skill")
            stop = len(recorder.actions)
            segments.append(
                SkillSegment(skill, start, stop, "skill" if kind == "skill" else "transition")
            )
            if over:
                break
        if over:
            break
    if actor is not None and not over:  # out of the picture, and time for the goal to be held
        play(chain(transition_actions(env, home), _still(env)), disturbed=False)
    planner = "expert" if actor is None else "given"
    return recorder.episode(
        seed, TaskPlan(tuple(plan), "scripted", planner), tuple(segments), info, actor_name
    )


def _push(env: LongHorizonEnv, rng: np.random.Generator, noise: Noise) -> Array:
    """A direction in which to disturb the actions: translation of one hand, or angles of one arm.

    Only an arm that is moving is worth disturbing, and nobody knows which that is; so one is drawn.
    """
    robot = env.robot
    push = np.zeros(robot.action_size)
    start = robot.block * int(rng.integers(len(robot.arms))) if len(robot.arms) > 1 else 0
    size = rng.uniform(*noise.scale)
    if robot.control == "joint":
        push[start : start + 7] = rng.normal(0.0, _RADIANS_OF_NOISE * size, 7)
    else:
        push[start : start + 3] = rng.normal(0.0, size, 3)
    return push


def skill_actions(
    env: LongHorizonEnv, skill: str, errors: AimErrors | None = None
) -> Iterator[Array]:
    """PRIVILEGED: the scripted expert's actions for a skill of the environment, float64 `[A]`.

    Each is computed from the state reached so far: step with each before taking the next. With
    `errors` the expert aims beside the mark and does not try again.

    Raises:
        UnknownId: The skill is not in the scene's skill set.
    """
    actions: Iterator[Array] = import_module(env.experts).skill_actions(env, skill, errors)
    return actions


def transition_actions(env: LongHorizonEnv, home: NDArray[np.float32]) -> Iterator[Array]:
    """The way home after a skill; `home` is `proprio` at the episode's start."""
    controller = TransitionController(home, env.transition, env.robot)
    while not controller.finished(env._proprio()):
        yield np.asarray(controller.act(env._proprio()), np.float64)


def _still(env: LongHorizonEnv) -> Iterator[Array]:
    for _ in range(env.success_hold):
        yield np.asarray(env.robot.still(env._proprio(), "keep"), np.float64)


def _draw_errors(blunder: Blunder, rng: np.random.Generator) -> AimErrors:
    grasp, place = np.zeros(3), np.zeros(3)
    if rng.random() < blunder.probability:
        chosen, limits = (
            (grasp, blunder.grasp_error_m) if rng.random() < 0.5 else (place, blunder.place_error_m)
        )
        angle = rng.uniform(0.0, 2.0 * np.pi)
        chosen[:2] = rng.uniform(*limits) * np.array([np.cos(angle), np.sin(angle)])
    return AimErrors(grasp, place)


class _Recorder:
    """Collects rows until they become an `Episode`."""

    def __init__(self, env: LongHorizonEnv, keep_states: bool) -> None:
        self.env, self.keep_states = env, keep_states
        self.actions: list[NDArray[np.float32]] = []
        self._rows: list[dict[str, NDArray[Any]]] = []
        self._fresh: list[bool] = []
        self._done: list[dict[str, bool]] = []
        self._states: list[Array] = []

    def observe(self, observation: dict[str, NDArray[Any]], info: dict[str, Any]) -> None:
        self._rows.append(observation)
        self._fresh.append(info["image_age"] == 0)
        self._done.append(info["skill_done"])
        if self.keep_states:
            self._states.append(self.env.record_state())

    def episode(
        self,
        seed: int,
        plan: TaskPlan,
        segments: tuple[SkillSegment, ...],
        info: dict[str, Any],
        actor_name: str = "",
    ) -> Episode:
        keys = self._rows[0]
        return Episode(
            task_id=self.env.task.id,
            goal=self.env.task.goal,
            seed=seed,
            observations={key: np.stack([row[key] for row in self._rows]) for key in keys},
            actions=np.stack(self.actions),
            plan=plan,
            segments=segments,
            success=bool(info["success"]),
            fresh=np.array(self._fresh),
            states=np.stack(self._states) if self.keep_states else None,
            fixtures=self.env.fixture_poses() if self.keep_states else None,
            skill_done={
                skill: np.array([done[skill] for done in self._done]) for skill in self._done[0]
            },
            provenance={
                "agent": actor_name or "expert (privileged)",
                "robot": info["robot"],
                "protocol": info["protocol"],
                "image_orientation": info["image_orientation"],
                "renderer": info["renderer"],
                "assets": info["assets"],
            },
        )
