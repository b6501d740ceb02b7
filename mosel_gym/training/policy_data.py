"""What the policy is trained on: windows of clips with a goal frame from their own future."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mosel_gym.data.windows import Clip
from mosel_gym.errors import NotEnoughData, SpecMismatch
from mosel_gym.models.actions import held
from mosel_gym.models.goal_conditioned import GoalConditionedPolicy
from mosel_gym.models.images import to_tensor
from mosel_gym.models.policy_batch import PolicyBatch
from mosel_gym.specs import ROBOTS, RobotSpec
from mosel_gym.training.pictures import (
    NoiseBank,
    check_pictures,
    put_patches,
    random_shifts,
    scale_brightness,
    shifted,
    soften,
)
from mosel_gym.types import Frame


@dataclass(frozen=True)
class Augmentation:
    """How samples are varied. The goal is damaged most: at run time it is imagined, and blurred."""

    shift_px: int = 4
    """Random shift of scene and goal, together. It hides where things are by as much: 4 of 64 px
    on the table are 6 cm in LIBERO, and 7 cm in RoboTwin."""
    hand_shift_px: int = 4
    """Random shift of the hands' views, on their own."""
    goal_dropout: float = 0.15
    """How often the goal is withheld; 1 = always, for a policy that is never shown one."""
    goal_imagined: float = 0.5
    """How often the goal is a frame that the video planner imagined, where a clip brings some: that
    is what the policy will be shown, blur and all. Of a rollout it is the very frame that was
    followed; how far that is nobody knows, and the progress head learns nothing from it."""
    goal_blur: float = 0.3
    """How often the goal loses half its resolution."""
    goal_noise: float = 0.5
    """How often the goal gets pixel noise, of up to `goal_noise_sigma` grey levels."""
    goal_noise_sigma: float = 10.0
    brightness: float = 0.1
    goal_brightness: float = 0.03
    proprio_noise: float = 0.05
    """In units of the standard deviation."""
    patches: float = 0.0
    """How often a rectangle of another sample is put into scene and goal at the same place, and one
    into the hands' views: things that no demonstration shows there, as an earlier skill of a long
    task leaves them behind."""
    patch_px: tuple[int, int] = (6, 20)
    """Smallest and largest side of such a rectangle."""
    hand_dropout: float = 0.0
    """How often the hands' views are withheld (grey), so that the scene and the goal alone must
    tell what to do: next to a hand things look alike that differ much on the table."""

    def __post_init__(self) -> None:
        """Refuse a share outside of 0..1, which would pass for always or never.

        Raises:
            SpecMismatch: With the option's name.
        """
        for name in _SHARES:
            share = getattr(self, name)
            if not 0 <= share <= 1:
                raise SpecMismatch(
                    f"{name} is {share}; a share of the samples, so give 0 (never) to 1 (always)."
                )


_SHARES = ("goal_dropout", "goal_imagined", "goal_blur", "goal_noise", "patches", "hand_dropout")
NO_AUGMENTATION = Augmentation(0, 0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


class PolicyWindows:
    """All windows of some clips.

    Only rows with fresh pictures serve as observation or goal. Past the end of a clip the arm is
    meant to hold still, with the grippers as they were. `past_end` extra windows a
    clip start there, with the last frame as observation and as goal, so that the policy learns to
    stop when it has arrived.
    """

    def __init__(
        self,
        clips: Sequence[Clip],
        policy: GoalConditionedPolicy,
        *,
        past_end: int = 6,
        whole_chunks: bool = False,
        balance: Literal["frames", "clips"] = "frames",
    ) -> None:
        """Index `clips` for `policy`, whose statistics must be set.

        Args:
            clips: Their pictures must have the policy's size; they are not copied.
            policy: Gives chunk length, horizon and normalisers.
            past_end: Extra windows at the end of each clip.
            whole_chunks: Only windows whose actions were all really executed.
            balance: Draw frames uniformly, or clips uniformly (long clips then weigh no more).

        Raises:
            NotEnoughData: No clip has an action and a fresh picture.
            SpecMismatch: A clip has other pictures, or is of another robot.
        """
        self._policy = policy
        self._clips = [clip for clip in clips if len(clip.actions) and clip.fresh.any()]
        if not self._clips:
            raise NotEnoughData(
                f"none of the {len(clips)} clips has actions and pictures; at least one is needed."
            )
        config = policy.config
        check_pictures(self._clips, config.size, config.cameras, "the policy")
        check_robot(self._clips, policy.robot)
        self._skills = (
            torch.tensor(policy.skills.indices(clip.skill for clip in self._clips))
            if config.skill_id
            else None
        )
        self._actions = [self._padded(clip, config.chunk + past_end) for clip in self._clips]
        self._proprio = [self._scaled(clip) for clip in self._clips]
        self._next_fresh = [_next_fresh(clip.fresh) for clip in self._clips]
        self._noise = NoiseBank(config.size)
        windows, weights = [], []
        for index, clip in enumerate(self._clips):
            starts = np.flatnonzero(clip.fresh[: len(clip.actions)])
            if whole_chunks:
                starts = starts[starts <= len(clip.actions) - config.chunk]
            elif clip.fresh[-1]:
                starts = np.concatenate([starts, len(clip.actions) + np.arange(past_end)])
            windows.append(np.stack([np.full(len(starts), index), starts], axis=1))
            each = 1.0 if balance == "frames" else 1.0 / max(1, len(starts))
            weights.append(np.full(len(starts), each))
        self._windows = np.concatenate(windows)
        if not len(self._windows):
            raise NotEnoughData(
                f"no clip is as long as a chunk of {config.chunk} actions; longer ones are needed."
            )
        self._cumulative = np.cumsum(np.concatenate(weights))

    def __len__(self) -> int:
        """Number of windows."""
        return len(self._windows)

    def sample(
        self, rng: np.random.Generator, count: int, augmentation: Augmentation
    ) -> PolicyBatch:
        """Draw `count` windows with replacement."""
        picked = self._picked(rng, count)
        ahead = rng.integers(1, self._policy.config.goal_horizon + 1, size=count)
        return self._assemble(picked, ahead, rng, augmentation)

    def sample_actions(self, rng: np.random.Generator, count: int) -> Tensor:
        """Normalised actions of `count` windows, `[count, chunk, A]`; no picture is touched."""
        chunk = self._policy.config.chunk
        rows = [self._actions[at][start : start + chunk] for at, start in self._picked(rng, count)]
        return torch.from_numpy(np.stack(rows)).to(self._policy.home_rotvec.device)

    def _picked(self, rng: np.random.Generator, count: int) -> NDArray[np.int64]:
        """Clip and start of `count` windows, `[count, 2]`."""
        chosen = np.searchsorted(
            self._cumulative, rng.random(count) * self._cumulative[-1], side="right"
        )
        picked: NDArray[np.int64] = self._windows[np.minimum(chosen, len(self._windows) - 1)]
        return picked

    def _assemble(
        self,
        picked: NDArray[np.int64],
        ahead: NDArray[np.int64],
        rng: np.random.Generator,
        augmentation: Augmentation,
    ) -> PolicyBatch:
        config = self._policy.config
        device = self._policy.home_rotvec.device
        count = len(picked)
        scenes, hands, goals = [], [], []
        proprio, actions, distances, to_end, known = [], [], [], [], []
        for (index, start), steps in zip(picked, ahead, strict=True):
            clip = self._clips[index]
            last = len(clip.scene) - 1
            row = min(start, last)
            goal, picture = self._goal(index, start, steps, rng, augmentation)
            scenes.append(clip.scene[row])
            hands.append(clip.hands[row])
            goals.append(picture)
            proprio.append(self._proprio[index][row])
            actions.append(self._actions[index][start : start + config.chunk])
            distances.append(0 if goal is None else max(0, goal - start))
            known.append(goal is not None)
            to_end.append(max(0, last - start))
        together = random_shifts(rng, count, augmentation.shift_px)
        moved = [shifted(scenes, together), shifted(goals, together)]
        alone = random_shifts(rng, count, augmentation.hand_shift_px)
        moved_hands = shifted(hands, alone)
        if augmentation.patches > 0:
            put_patches(moved, rng, augmentation.patches, augmentation.patch_px)
            put_patches([moved_hands], rng, augmentation.patches, augmentation.patch_px)
        scene, goal_view, hand_views = (
            to_tensor(frames, device) for frames in (*moved, moved_hands)
        )
        self._vary(scene, goal_view, hand_views, rng, augmentation)
        if augmentation.hand_dropout > 0:
            hand_views[torch.from_numpy(rng.random(count) < augmentation.hand_dropout)] = 0
        rows = torch.from_numpy(np.stack(proprio))
        jitter = rng.normal(0, augmentation.proprio_noise, rows.shape).astype(np.float32)
        has_goal = rng.random(count) >= augmentation.goal_dropout
        steps = np.where(has_goal, distances, to_end)
        progress = np.minimum(steps / config.goal_horizon, 1.0)
        told = np.where(has_goal, known, config.skill_progress)
        return PolicyBatch(
            scene=scene,
            hands=hand_views,
            proprio=(rows + torch.from_numpy(jitter)).to(device),
            goal=goal_view,
            has_goal=torch.from_numpy(has_goal).to(device),
            skill=None if self._skills is None else self._skills[picked[:, 0]].to(device),
            actions=torch.from_numpy(np.stack(actions).reshape(count, -1)).to(device),
            progress=torch.from_numpy(progress.astype(np.float32)).to(device),
            has_progress=torch.from_numpy(told).to(device),
        )

    def _goal(
        self, index: int, start: int, ahead: int, rng: np.random.Generator, how: Augmentation
    ) -> tuple[int | None, Frame]:
        """Row (None = unknown) and picture of a goal for row `start`, `ahead` rows on or later."""
        clip = self._clips[index]
        wanted = min(start + ahead, len(clip.scene) - 1)
        if clip.imagined is not None and rng.random() < how.goal_imagined:
            if clip.followed is None:
                rows = np.linspace(0, len(clip.scene) - 1, len(clip.imagined) + 1)[1:]
                frame = min(int(np.searchsorted(rows, wanted)), len(rows) - 1)
                return round(rows[frame]), clip.imagined[frame]
            frame = int(clip.followed[min(start, len(clip.followed) - 1)])
            if frame >= 0:
                return None, clip.imagined[frame]
        row = int(self._next_fresh[index][wanted])
        return row, clip.scene[row]

    def _vary(
        self,
        scene: Tensor,
        goal: Tensor,
        hands: Tensor,
        rng: np.random.Generator,
        augmentation: Augmentation,
    ) -> None:
        count = len(scene)

        def uniform(low: float, high: float) -> Tensor:
            return torch.from_numpy(rng.uniform(low, high, count).astype(np.float32))

        def often(probability: float) -> Tensor:
            return torch.from_numpy(rng.random(count) < probability)

        if augmentation.brightness > 0:
            spread, extra = augmentation.brightness, augmentation.goal_brightness
            light = uniform(1 - spread, 1 + spread)
            scale_brightness(scene, light.to(scene.device))
            both = (light * uniform(1 - extra, 1 + extra)).to(goal.device)
            scale_brightness(goal, both)
            scale_brightness(hands, uniform(1 - spread, 1 + spread).to(hands.device))
        soften(goal, often(augmentation.goal_blur).to(goal.device))
        if augmentation.goal_noise > 0:
            sigma = uniform(0, augmentation.goal_noise_sigma / 127.5)
            self._noise.add(goal, sigma * often(augmentation.goal_noise), rng)

    def _padded(self, clip: Clip, rows: int) -> NDArray[np.float32]:
        hold = held(clip.actions[-1], self._policy.robot)
        padding = np.broadcast_to(hold, (rows, len(hold)))
        actions = torch.from_numpy(np.concatenate([clip.actions, padding]).astype(np.float32))
        scaling = self._policy.action_scaling
        return np.asarray(scaling.encode(actions.to(scaling.center.device)).cpu().numpy())

    def _scaled(self, clip: Clip) -> NDArray[np.float32]:
        policy = self._policy
        rows = torch.from_numpy(clip.proprio).to(policy.home_rotvec.device)
        encoded = policy.proprio_scaling.encode(policy.relative_proprio(rows))
        return np.asarray(encoded.cpu().numpy())


def check_robot(clips: Sequence[Clip], robot: RobotSpec) -> None:
    """Insist that clips have a robot's numbers of action and proprioception.

    Raises:
        SpecMismatch: One has others.
    """
    needed = (robot.action_size, robot.proprio_size)
    for clip in clips:
        found = (clip.actions.shape[1], clip.proprio.shape[1])
        if found != needed:
            raise SpecMismatch(
                f"a clip of {clip.skill!r} has {found[0]} actions and {found[1]} numbers of "
                f"proprioception, the policy is for the robot {robot.name!r} with {needed[0]} and "
                f"{needed[1]}. Give it the clips' robot: one of {list(ROBOTS)}."
            )


def _next_fresh(fresh: NDArray[np.bool_]) -> NDArray[np.int64]:
    """For each row the first fresh row from there on, or the last fresh one of all."""
    drawn = np.flatnonzero(fresh)
    return drawn[np.minimum(np.searchsorted(drawn, np.arange(len(fresh))), len(drawn) - 1)]
