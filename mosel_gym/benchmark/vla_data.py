"""Whole demonstrations for the monolithic policy: what it sees, and the chunk that follows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from mosel_gym.agents.baselines.rl_views import (
    TIME_UNIT_STEPS,
    ActionScale,
    PictureView,
    hand_numbers,
)
from mosel_gym.data.cameras import LIBERO_CAMERAS, Cameras
from mosel_gym.data.libero_hdf5 import demo_names, read_episode
from mosel_gym.data.provenance_check import OneSource, robot_of
from mosel_gym.data.windows import Clip, clips_of, episode_files
from mosel_gym.errors import NotEnoughData
from mosel_gym.models.actions import held
from mosel_gym.models.normalizer import MinMax, Standardize
from mosel_gym.specs import robot as find_robot
from mosel_gym.training.pictures import random_shifts, shifted
from mosel_gym.types import Episode, SkillSegment


@dataclass(frozen=True)
class VlaAugmentation:
    """How samples are varied."""

    scene_shift_px: int = 2
    hand_shift_px: int = 3
    brightness: float = 0.1
    state_noise: float = 0.05
    """On the hand numbers, in their deviations."""
    time_noise_steps: float = 40.0
    """Deviation of the noise on the time: a policy that could read the demonstrations' clock would
    follow it, and never try again."""


@dataclass(frozen=True)
class Demonstrations:
    """Whole episodes; `Clip.skill` is the goal text."""

    clips: list[Clip]
    robot: str
    cameras: Cameras


def load_demonstrations(
    paths: Iterable[str | Path],
    size: int,
    cameras: Cameras | None = None,
    *,
    progress: bool = True,
) -> Demonstrations:
    """Every demonstration of some files, arm transitions included.

    Args:
        paths: Episode files, or folders of them; several tasks of one robot.
        size: Pixels per side.
        cameras: None = scene and hands as the first episode has them.
        progress: Show a bar.

    Raises:
        NotEnoughData: There is none.
        SpecMismatch: A camera is missing, or two files differ in renderer or robot.
        DamagedFile: A file cannot be read.
    """
    clips: list[Clip] = []
    source, robot = OneSource(), ""
    for path in tqdm(episode_files(paths), desc="reading episodes", disable=not progress):
        for demo in demo_names(path):
            episode = read_episode(path, demo)
            source.check(episode, str(path))
            robot = robot or robot_of(episode)
            cameras = cameras or cameras_of(episode)
            whole = (SkillSegment(episode.goal, 0, episode.num_steps),)
            clips += clips_of(replace(episode, segments=whole), size, cameras=cameras)
    if not clips or cameras is None:
        raise NotEnoughData(
            f"There is no demonstration in {[str(path) for path in paths]}; `mosel collect` makes "
            "some."
        )
    return Demonstrations(clips, robot, cameras)


def cameras_of(episode: Episode) -> Cameras:
    """The cameras that an episode recorded, of those that the suites have."""
    if LIBERO_CAMERAS.scene in episode.observations:
        return LIBERO_CAMERAS
    hands = [name for name in ("left_camera", "right_camera") if name in episode.observations]
    return Cameras("head_camera", tuple(hands))


def cameras_in(suite: str) -> Cameras:
    """All cameras of a suite that networks look at."""
    if suite.startswith("libero"):
        return LIBERO_CAMERAS
    return Cameras("head_camera", ("left_camera", "right_camera"))


def picture_view(demos: Demonstrations, size: int, chunk: int) -> PictureView:
    """The view of a policy that learns from these demonstrations, with their statistics."""
    robot = find_robot(demos.robot)
    actions, state = MinMax(robot.action_size), None
    actions.fit(np.concatenate([clip.actions for clip in demos.clips]))
    numbers = np.concatenate([_numbers(clip, demos.robot) for clip in demos.clips])
    state = Standardize(numbers.shape[1])
    state.fit(numbers, floor=1e-2)
    return PictureView(
        robot=demos.robot,
        scaling=ActionScale(_floats(actions.center), _floats(actions.scale), chunk),
        state_center=_floats(state.center),
        state_scale=_floats(state.scale),
        cameras=demos.cameras,
        size=size,
    )


class VlaWindows:
    """Every fresh row of every demonstration, with the chunk of actions that follows it.

    Past the end the arms hold still, with the grippers as they were; `past_end` windows a
    demonstration begin there.
    """

    def __init__(self, demos: Demonstrations, view: PictureView, past_end: int = 6) -> None:
        """Index the demonstrations; their pictures are not copied."""
        self._clips, self._view = demos.clips, view
        robot, chunk = find_robot(demos.robot), view.scaling.chunk
        self._numbers = [_numbers(clip, demos.robot) for clip in demos.clips]
        self._actions, windows = [], []
        for index, clip in enumerate(demos.clips):
            hold = held(clip.actions[-1], robot)
            padding = np.broadcast_to(hold, (chunk + past_end, len(hold)))
            self._actions.append(np.concatenate([clip.actions, padding]))
            starts = np.flatnonzero(clip.fresh[: len(clip.actions)])
            starts = np.concatenate([starts, len(clip.actions) + np.arange(past_end)])
            windows.append(np.stack([np.full(len(starts), index), starts], axis=1))
        self._windows = np.concatenate(windows)

    def __len__(self) -> int:
        """Number of windows."""
        return len(self._windows)

    def sample(
        self, rng: np.random.Generator, count: int, augmentation: VlaAugmentation
    ) -> tuple[dict[str, Tensor], Tensor]:
        """The model's observations, and the scaled chunks `[count, chunk * A]`."""
        view, chunk = self._view, self._view.scaling.chunk
        scenes, hands, states, actions = [], [], [], []
        for index, start in self._windows[rng.integers(len(self._windows), size=count)]:
            clip = self._clips[index]
            row = min(start, len(clip.scene) - 1)
            scenes.append(clip.scene[row])
            hands.append(clip.hands[row])
            numbers = self._numbers[index][row]
            noise = rng.normal(0, augmentation.state_noise, len(numbers))
            numbers = numbers + (noise * np.array(view.state_scale)).astype(np.float32)
            time = max(0.0, start + rng.normal(0, augmentation.time_noise_steps))
            states.append(view.state(numbers, min(time, TIME_UNIT_STEPS), clip.skill))
            actions.append(self._actions[index][start : start + chunk])
        seen = {
            "scene": self._varied(scenes, augmentation.scene_shift_px, rng, augmentation),
            "state": torch.from_numpy(np.stack(states)),
        }
        if view.cameras.hands:
            seen["hands"] = self._varied(hands, augmentation.hand_shift_px, rng, augmentation)
        return seen, torch.from_numpy(view.scaling.encode(np.stack(actions)))

    def _varied(
        self,
        frames: Sequence[NDArray[np.uint8]],
        shift_px: int,
        rng: np.random.Generator,
        augmentation: VlaAugmentation,
    ) -> Tensor:
        """Shifted, brightened or darkened pictures, uint8 `[B, C, S, S]`."""
        moved: NDArray[Any] = shifted(list(frames), random_shifts(rng, len(frames), shift_px))
        light = rng.uniform(1 - augmentation.brightness, 1 + augmentation.brightness, len(frames))
        # bytes in, bytes out: the model scales them, in training as in acting
        pixels = torch.from_numpy(moved).permute(0, 3, 1, 2).contiguous().float()
        factors = torch.from_numpy(light.astype(np.float32)).view(-1, 1, 1, 1)
        return pixels.mul_(factors).clamp_(0, 255).to(torch.uint8)


def _numbers(clip: Clip, robot: str) -> NDArray[np.float32]:
    spec = find_robot(robot)
    return np.stack([hand_numbers(spec, row) for row in clip.proprio])


def _floats(values: Tensor) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
