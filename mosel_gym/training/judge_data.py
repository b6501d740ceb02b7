"""What the sub-goal judge is trained on: rows of clips, with simulator truth as the label."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mosel_gym.data.cameras import LIBERO_CAMERAS, Cameras
from mosel_gym.data.images import area_resize
from mosel_gym.data.provenance_check import robot_of
from mosel_gym.data.windows import hand_pictures, judged_row, next_start
from mosel_gym.errors import NotEnoughData
from mosel_gym.models.actions import told_open
from mosel_gym.models.images import to_tensor
from mosel_gym.models.judge import SubgoalJudge
from mosel_gym.specs import robot
from mosel_gym.training.pictures import check_pictures, random_shifts, scale_brightness, shifted
from mosel_gym.types import Episode, Frames

_LAST = 2
"""Last pictures of an episode that every clip of it gets."""


@dataclass(frozen=True)
class LabelledClip:
    """What was drawn of one executed skill, and which sub-goals of the scene were reached then.

    Of an episode whose pictures are drawn on every eighth step, an eighth is kept. The labels are
    PRIVILEGED simulator truth; they serve training and measuring, never judging.
    """

    skill: str
    """The skill that was carried out."""
    scene: Frames
    """uint8 `[f, S, S, 3]`: the scene camera, from the skill's first picture on."""
    hands: Frames
    """uint8 `[f, S, S, 3 K]`: the hand cameras."""
    steps: NDArray[np.int64]
    """int64 `[f]`: when each picture was drawn, counted from the skill's start."""
    reached: Mapping[str, NDArray[np.bool_]]
    """Skill text -> bool `[f]`."""
    done: int
    """Index of the first picture after the skill's last step."""
    end: int
    """Index of the picture at which the analyzer judges the skill, see `data.windows.judged_row`.
    After those up to the next skill come the last pictures of the episode, where the analyzer looks
    whether the sub-goal still holds."""

    def ends(self, judge: SubgoalJudge, at: int) -> NDArray[np.int64]:
        """Indices of the pictures that the judge wants for a judgement at picture `at`."""
        drawn = np.zeros(int(self.steps[at]) + 1, bool)
        drawn[self.steps[: at + 1]] = True
        found: NDArray[np.int64] = np.searchsorted(
            self.steps, judge.end_rows(int(self.steps[at]), drawn)
        )
        return found


@dataclass(frozen=True)
class JudgeBatch:
    """B judgements, in the order of `SubgoalJudge.forward`."""

    start: Tensor
    scene: Tensor
    hands: Tensor
    skill: Tensor
    label: Tensor
    """float `[B]`, 1 = reached."""


class _Pool(NamedTuple):
    skill: int
    own: bool
    """Whether the skill is the one that was carried out."""
    reached: bool
    near: bool
    """Whether the analyzer would look here."""


def labelled_clips(
    episode: Episode,
    size: int = 128,
    cameras: Cameras = LIBERO_CAMERAS,
    *,
    released: bool = True,
    passing: Collection[str] = (),
) -> list[LabelledClip]:
    """Cut an episode into clips with labels; empty if it holds no `skill_done`.

    Args:
        episode: With simulator truth.
        size: Pixels per side.
        cameras: Names in `episode.observations`.
        released: A sub-goal counts only once its predicate has held for three steps with every
            gripper told to be open: LIBERO's predicates are also true of an object that is still
            being held there. Sub-goals that end with something in the hand need False.
        passing: Skills whose predicate is true only while the sub-goal comes about; they count as
            reached from then on.
    """
    if not episode.skill_done:
        return []
    opened = np.ones(episode.num_steps, bool)
    if released:
        opened = told_open(episode.actions, robot(robot_of(episode)))
    gripper = np.where(opened, -1.0, 1.0).astype(np.float32)
    reached = {
        skill: np.maximum.accumulate(done) if skill in passing else settled(done, gripper)
        for skill, done in episode.skill_done.items()
    }
    fresh = np.ones(episode.num_steps + 1, bool) if episode.fresh is None else episode.fresh
    drawn = np.flatnonzero(fresh)
    result = []
    for index, segment in enumerate(episode.segments):
        if segment.kind != "skill" or segment.stop <= segment.start:
            continue
        own = drawn[(drawn >= segment.start) & (drawn <= next_start(episode, index))]
        if len(own) == 0:
            continue
        rows = np.concatenate((own, [row for row in drawn[-_LAST:] if row > own[-1]])).astype(int)
        result.append(
            LabelledClip(
                skill=segment.skill,
                scene=area_resize(episode.observations[cameras.scene][rows], size),
                hands=hand_pictures(episode.observations, cameras, rows, size),
                steps=rows - int(rows[0]),
                reached={skill: done[rows] for skill, done in reached.items()},
                done=int(np.searchsorted(own[:-1], segment.stop)),
                end=int(np.searchsorted(own[:-1], judged_row(episode, index))),
            )
        )
    return result


def settled(
    done: NDArray[np.bool_], gripper: NDArray[np.float32], steps: int = 3
) -> NDArray[np.bool_]:
    """Rows where `done` `[n]` holds and has held for `steps` rows with the gripper told to be open.

    Once that was so it stays so while `done` holds: the gripper may close on the next object.

    Args:
        done: The predicate, one row more than there are commands.
        gripper: Commands `[n - 1]`, -1 = open; command t comes after row t.
        steps: What was there from the first row on counts at once.
    """
    opened = np.concatenate([np.ones(1, bool), np.asarray(gripper[: len(done) - 1]) < 0])
    reached = np.zeros(len(done), bool)
    count, there = steps - 1, False
    for row in range(len(done)):
        count = count + 1 if done[row] and opened[row] else 0
        there = bool(done[row]) and (there or count >= steps)
        reached[row] = there
    return reached


class JudgeWindows:
    """Balanced judgements from labelled clips: skills evenly, then reached and not reached evenly.

    Most are of a skill that was carried out, the rest of others of the scene. Half are drawn where
    an analyzer may look: from the end of the skill on, or at the end of the episode.
    """

    def __init__(
        self, clips: Sequence[LabelledClip], judge: SubgoalJudge, own_share: float = 0.8
    ) -> None:
        """Index `clips`, whose pictures must have the judge's size.

        Args:
            clips: Successes and failures.
            judge: For what it wants to see.
            own_share: Of judgements of skills that were carried out in their clip.

        Raises:
            NotEnoughData: There is nothing to learn: no clip, or only one kind of label.
            SpecMismatch: A clip has another picture size or number of hand cameras.
            UnknownId: A clip shows a skill that the judge was not built for.
        """
        self._clips, self._judge, self._own_share = clips, judge, own_share
        check_pictures(clips, judge.config.size, judge.cameras, "the judge")
        pools: dict[_Pool, list[tuple[int, int]]] = {}
        for index, clip in enumerate(clips):
            for skill, reached in clip.reached.items():
                number, own = judge.skills.index(skill), skill == clip.skill
                near = clip.steps >= clip.steps[clip.done] - judge.config.spacing
                for at in range(len(clip.steps)):
                    pool = _Pool(number, own, bool(reached[at]), bool(near[at]))
                    pools.setdefault(pool, []).append((index, at))
        self._pools = {pool: np.array(rows) for pool, rows in pools.items()}
        self._skills = {
            own: sorted({pool.skill for pool in pools if pool.own == own}) for own in (True, False)
        }
        if {pool.reached for pool in pools} != {True, False}:
            raise NotEnoughData(
                f"the judge needs rows where a sub-goal is reached and rows where it is not; the "
                f"{len(clips)} clips hold only one kind. Add successful and failed episodes."
            )

    def __len__(self) -> int:
        """Number of different judgements."""
        return sum(len(rows) for rows in self._pools.values())

    def sample(
        self, rng: np.random.Generator, count: int, shift_px: int = 4, brightness: float = 0.1
    ) -> JudgeBatch:
        """Draw `count` judgements; all pictures of a view are moved and brightened together."""
        starts, scenes, hands, skills, labels = [], [], [], [], []
        for _ in range(count):
            pool, index, at = self._draw(rng)
            clip = self._clips[index]
            rows = clip.ends(self._judge, at)
            starts.append(clip.scene[0])
            scenes.append([clip.scene[r] for r in rows])
            hands.append([clip.hands[r] for r in rows])
            skills.append(pool.skill)
            labels.append(float(pool.reached))
        device = self._judge.embedding.weight.device
        moves = random_shifts(rng, count, shift_px)
        light = torch.from_numpy(rng.uniform(1 - brightness, 1 + brightness, count)).float()
        light = light.to(device)

        def stacked(frames: Sequence[Sequence[np.ndarray]], moves: NDArray[np.int64]) -> Tensor:
            parts = [
                scale_brightness(to_tensor(shifted(list(column), moves), device), light)
                for column in zip(*frames, strict=True)
            ]
            return torch.cat(parts, dim=1)

        return JudgeBatch(
            start=stacked([[frame] for frame in starts], moves),
            scene=stacked(scenes, moves),
            hands=stacked(hands, random_shifts(rng, count, shift_px)),
            skill=torch.tensor(skills, device=device),
            label=torch.tensor(labels, device=device),
        )

    def _draw(self, rng: np.random.Generator) -> tuple[_Pool, int, int]:
        own = bool(rng.random() < self._own_share) or not self._skills[False]
        skills = self._skills[own]
        skill = skills[rng.integers(len(skills))]
        label, near = bool(rng.integers(2)), bool(rng.integers(2))
        # whatever a skill has no rows of is replaced: first the time, then the label
        for wanted, when in ((label, near), (label, not near), (not label, near)):
            pool = _Pool(skill, own, wanted, when)
            if pool in self._pools:
                rows = self._pools[pool]
                index, at = rows[rng.integers(len(rows))]
                return pool, int(index), int(at)
        return self._draw(rng)
