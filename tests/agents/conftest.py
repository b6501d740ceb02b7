"""A small world of buttons with LIBERO's observation layout, and modules that act in it.

The hand moves by OSC deltas over a plane; a button lights up once the hand is above it. Pictures
are real pictures of that: the modules below see nothing else, except for proprioception.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mosel_gym.agents.acting import ActingAgent
from mosel_gym.agents.analysis.pixel import PixelAnalyzer
from mosel_gym.agents.config import MoselConfig
from mosel_gym.agents.executor import ExecutorConfig
from mosel_gym.agents.mosel import MoselAgent
from mosel_gym.agents.plan_check import PlanCheckConfig
from mosel_gym.agents.planning.offline import OfflinePlanner
from mosel_gym.data.cameras import Cameras
from mosel_gym.types import ActionChunk, Frame, Frames, Observation, Skill, Task, VisualPlan

SIZE = 32
METRES_PER_PIXEL = 0.02
CHANNEL = {"red": 0, "green": 1, "blue": 2}
BUTTONS = {"red": (8, 10), "green": (16, 24), "blue": (24, 10)}  # row, column
DARK, LIT, HAND = 90, 250, 160
HOME = (16.0, 6.0)
HAND_ABOVE = 5  # the hand is drawn so many rows above the place it is over, and hides no button
RED, GREEN, BLUE = (f"push the {colour} button" for colour in CHANNEL)
SKILLS = (RED, GREEN, BLUE)
GOAL = f"{RED} and {BLUE}"


def colour_of(skill: str) -> str:
    return next(colour for colour in CHANNEL if colour in skill)


def hand_in(picture: Frame) -> NDArray[np.float64]:
    """Row and column that the hand of a picture is over."""
    rows, columns = np.nonzero((np.abs(picture.astype(int) - HAND) < 10).all(axis=2))
    return np.array([rows.mean() + HAND_ABOVE, columns.mean()])


@dataclass
class ButtonWorld:
    """Buttons by colour; with `conflict`, pushing blue puts red out again."""

    conflict: bool = False
    render_every: int = 1
    position: NDArray[np.float64] = field(default_factory=lambda: np.array(HOME))
    lit: dict[str, bool] = field(default_factory=lambda: dict.fromkeys(CHANNEL, False))
    seed: int = 7
    time: int = 0
    image_age: int = 0

    def __post_init__(self) -> None:
        self._picture = self.draw()

    def draw(self) -> Frame:
        picture = np.zeros((SIZE, SIZE, 3), np.uint8)
        for colour, (row, column) in BUTTONS.items():
            shade = LIT if self.lit[colour] else DARK
            picture[row - 1 : row + 2, column - 1 : column + 2, CHANNEL[colour]] = shade
        row, column = np.round(self.position).astype(int)
        picture[max(0, row - HAND_ABOVE) : row - HAND_ABOVE + 1, column : column + 1] = HAND
        return picture

    def observation(self) -> dict[str, NDArray[Any]]:
        x, y = self.position * METRES_PER_PIXEL
        proprio = np.array([x, y, 1.0, 3.1, 0.0, 0.0, 0.04, -0.04], np.float32)
        return {"agentview": self._picture, "wrist": self._picture.copy(), "proprio": proprio}

    def info(self) -> dict[str, object]:
        done = {f"push the {colour} button": on for colour, on in self.lit.items()}
        return {
            "task": GOAL,
            "success": self.success,
            "skill_done": done,
            "image_age": self.image_age,
            "seed": self.seed,
            "renderer": "numpy",
        }

    def step(self, action: NDArray[np.float32]) -> None:
        assert action.shape == (7,)
        assert action.dtype == np.float32
        assert np.abs(action).max() <= 1
        self.time += 1
        self.position = np.clip(self.position + action[:2] * 0.05 / METRES_PER_PIXEL, 5, SIZE - 1)
        for colour, place in BUTTONS.items():
            if np.linalg.norm(self.position - place) < 1.2:
                self.lit[colour] = True
                if self.conflict and colour == "blue":
                    self.lit["red"] = False
        self.image_age += 1
        if self.time % self.render_every == 0 or self.success:  # the last picture is never old
            self._picture, self.image_age = self.draw(), 0

    @property
    def success(self) -> bool:
        return self.lit["red"] and self.lit["blue"]


class StraightImagination:
    """Imagines the hand on a straight line to the button, which lights up in the last frame."""

    name = "straight"

    def __init__(self, wrong: bool = False) -> None:
        self.wrong = wrong
        self.calls: list[str] = []

    def imagine(self, frame: Frame, skill: str) -> VisualPlan:
        self.calls.append(skill)
        world = ButtonWorld()
        colour = colour_of(skill)
        start, goal = hand_in(frame), np.array(BUTTONS[colour])
        lit = {c: frame[r, k, CHANNEL[c]] > 200 for c, (r, k) in BUTTONS.items()}
        frames = []
        for share in (0.4, 0.8, 1.0):
            world.position = start + share * (goal - start) * (0.3 if self.wrong else 1.0)
            world.lit = {**lit, colour: bool(lit[colour] or (share == 1.0 and not self.wrong))}
            frames.append(world.draw())
        return VisualPlan(skill, np.stack(frames), self.name)


class ReachingPolicy:
    """Moves to where the goal picture shows the hand; misses by `miss` rows."""

    name = "reaching"

    def __init__(self, miss: float = 0.0, misses_in: tuple[str, ...] = SKILLS) -> None:
        self.miss = miss
        self.misses_in = misses_in

    def act(self, observation: Observation, goal: Frame | None, skill: str | None) -> ActionChunk:
        assert goal is not None
        target = hand_in(goal)
        if skill in self.misses_in:
            target = target + [self.miss, 0]
        position = observation["proprio"][:2] / METRES_PER_PIXEL
        actions = np.zeros((16, 7), np.float32)
        actions[:, 6] = -1
        for action in actions:
            action[:2] = np.clip((target - position) * METRES_PER_PIXEL / 0.05, -0.5, 0.5)
            position = position + action[:2] * 0.05 / METRES_PER_PIXEL
        distance = np.abs(target - observation["proprio"][:2] / METRES_PER_PIXEL).max()
        return ActionChunk(actions, steps_to_goal=2.0 + distance / 0.5)


class BrightnessJudge:
    """Judges a button by its brightness in the last picture."""

    cameras = Cameras()

    def end_rows(self, row: int, fresh: NDArray[np.bool_] | None = None) -> NDArray[np.int64]:
        drawn = np.arange(row + 1) if fresh is None else np.flatnonzero(fresh[: row + 1])
        return drawn[-2:]

    def probability(
        self, start_frame: Frame, end_scene: Frames, end_hands: Frames, skill: str
    ) -> float:
        assert start_frame.shape == (SIZE, SIZE, 3)
        assert len(end_scene) == len(end_hands)
        row, column = BUTTONS[colour_of(skill)]
        return 0.9 if end_scene[-1][row, column, CHANNEL[colour_of(skill)]] > 200 else 0.1


def make_task(goal: str = GOAL) -> Task:
    return Task("Buttons", "test", goal, tuple(Skill(text, text) for text in SKILLS), plan=())


def make_agent(*, video=None, policy=None, analyzer=None, executor=None, **arguments) -> MoselAgent:
    # The hand is a single pixel, too little for the check of imagined plans to see.
    executor = replace(
        executor or ExecutorConfig(skill_budget=100), plan_check=PlanCheckConfig(redraws=0)
    )
    config = MoselConfig(executor=executor)
    return MoselAgent(
        OfflinePlanner(),
        video or StraightImagination(),
        policy or ReachingPolicy(),
        analyzer or PixelAnalyzer(BrightnessJudge()),
        config,
        **arguments,
    )


def run_episode(agent: ActingAgent, world: ButtonWorld, steps: int = 250, info: bool = True) -> int:
    """Act until success or the step limit, as a harness would; returns the steps taken."""
    while world.time < steps and not world.success:
        world.step(agent.act(world.observation(), world.info() if info else None))
    agent.finish(world.observation(), world.info() if info else None)
    return world.time


@pytest.fixture
def buttons():
    """This module's names, for tests: conftest files cannot be imported."""
    from types import SimpleNamespace

    return SimpleNamespace(**{k: v for k, v in globals().items() if not k.startswith("_")})
