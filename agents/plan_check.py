"""An imagined plan is looked at before it is followed, and drawn again if it cannot be one.

Looking takes a few milliseconds and knows no simulator: it compares the imagined pictures with the
current one, and with each other. It cannot say whether a plan is wise, only whether it shows a
robot that does something in this scene.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mosel_gym.data.images import area_resize
from mosel_gym.types import Frame, Frames, VisualPlan

Fault = Literal["not finite", "frozen", "another scene", "robot gone"]
NOTE = "imagined_plans"
"""Under this name an episode's provenance carries the counts, as JSON."""


@dataclass(frozen=True)
class PlanCheckConfig:
    """What is refused; docs/video_planners.md says how the shares were measured."""

    redraws: int = 3
    """A refused plan is drawn again so often at most, then the least bad one is followed; 0 follows
    every first plan and looks at none."""
    changed: int = 30
    """Grey levels by which a pixel of any colour has changed."""
    wild: int = 60
    """Grey levels that light and blur never reach."""
    least_motion: float = 0.01
    """Frozen: fewer pixels than this share change up to the last frame, or between any two frames
    that follow each other. Demonstrations: at least 0.05 and 0.08."""
    most_foreign: float = 0.1
    """Another scene: more pixels than this share are wildly different from now in all frames.
    What moves leaves its place, so that this is little more than the robot's first silhouette."""
    least_foreground: float = 0.003
    """Robot gone: in some frame fewer pixels than this share differ from the median of the plan's
    frames, which shows the scene without what moves."""


@dataclass(frozen=True)
class PlanLook:
    """What was seen of one plan, shares of pixels in 0..1."""

    finite: bool
    motion: float
    """Changed up to the last frame, or between two frames: the lesser of both."""
    foreign: float
    foreground: float
    """In the frame that has least of it."""

    def faults(self, config: PlanCheckConfig) -> tuple[Fault, ...]:
        """Why it is refused; () if it is not."""
        if not self.finite:
            return ("not finite",)
        found: list[Fault] = []
        if self.motion < config.least_motion:
            found.append("frozen")
        if self.foreign > config.most_foreign:
            found.append("another scene")
        # Where nothing moves there is no telling what the robot is.
        if self.foreground < config.least_foreground and not found:
            found.append("robot gone")
        return tuple(found)

    def badness(self, config: PlanCheckConfig) -> float:
        """Of refused plans, the one with the least is followed: how far it misses, relatively."""
        if not self.finite:
            return float("inf")
        return (
            max(0.0, 1 - self.motion / config.least_motion)
            + max(0.0, self.foreign / config.most_foreign - 1)
            + max(0.0, 1 - self.foreground / config.least_foreground)
        )


@dataclass
class PlanCounts:
    """How many plans were drawn in an episode, and what became of them."""

    drawn: int = 0
    refused: int = 0
    followed_refused: int = 0
    """Followed although refused, for want of a better one."""
    reasons: Counter[str] = field(default_factory=Counter)

    def plain(self) -> dict[str, Any]:
        """For files; `counts_in` reads it."""
        return {
            "drawn": self.drawn,
            "refused": self.refused,
            "followed_refused": self.followed_refused,
            "reasons": dict(self.reasons),
        }


def look(frame: Frame, plan: VisualPlan, config: PlanCheckConfig) -> PlanLook:
    """Compare a plan's frames with the current picture and with each other.

    Args:
        frame: Current picture, uint8 `[H, W, 3]` of any size.
        plan: At least one frame, `[T, S, S, 3]`.
        config: Grey levels.
    """
    frames: Frames = plan.frames
    if len(frames) == 1:
        now = area_resize(frame, frames.shape[1])
        motion = _share(_apart(frames, now[None]) > config.changed)
        return PlanLook(plan.finite, float(motion[0]), 0.0, 1.0)
    now = area_resize(frame, frames.shape[1])
    clip = np.concatenate([now[None], frames])
    between = _share(_apart(clip[1:], clip[:-1]) > config.changed)
    from_now = _apart(frames, now[None])
    still = np.median(clip, axis=0)
    return PlanLook(
        finite=plan.finite,
        motion=float(min(_share(from_now[-1:] > config.changed)[0], between.max())),
        foreign=float((from_now > config.wild).all(axis=0).mean()),
        foreground=float(_share(_apart(frames, still[None]) > config.changed).min()),
    )


def imagine_checked(
    imagine: Callable[[Frame, str], VisualPlan],
    frame: Frame,
    skill: str,
    config: PlanCheckConfig,
    counts: PlanCounts,
) -> VisualPlan:
    """A plan that shows what it should, or the least bad of those that were drawn.

    The planner's noise goes on from plan to plan, so that each draw is another one. A planner
    without noise gives the same plan twice; it is then asked no further.

    Args:
        imagine: Of the video planner.
        frame: Current picture, uint8 `[H, W, 3]`.
        skill: Its text.
        config: What is refused.
        counts: Counts on.
    """
    best: tuple[float, VisualPlan] | None = None
    before: VisualPlan | None = None
    for _ in range(1 + config.redraws):
        plan = imagine(frame, skill)
        if not len(plan.frames):
            return plan  # nothing was imagined, and nothing is to be followed
        if before is not None and np.array_equal(plan.frames, before.frames):
            break
        counts.drawn += 1
        if config.redraws == 0:
            return plan
        seen = look(frame, plan, config)
        faults = seen.faults(config)
        if not faults:
            return plan
        counts.refused += 1
        counts.reasons.update(faults)
        badness = seen.badness(config)
        if best is None or badness < best[0]:
            best = (badness, plan)
        before = plan
    assert best is not None
    counts.followed_refused += 1
    return best[1]


def counts_in(provenance: Mapping[str, str]) -> dict[str, Any]:
    """What an episode's provenance says of its imagined plans; {} if it says nothing."""
    told = provenance.get(NOTE)
    found: dict[str, Any] = json.loads(told) if told else {}
    return found


def _apart(one: NDArray[Any], two: NDArray[Any]) -> NDArray[np.float32]:
    """Largest difference of any colour, `[..., S, S]`."""
    difference: NDArray[np.float32] = np.abs(one.astype(np.float32) - two.astype(np.float32))
    most: NDArray[np.float32] = difference.max(axis=-1)
    return most


def _share(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Of the pixels of each picture `[T, S, S]`."""
    shares: NDArray[np.float64] = mask.mean(axis=(-1, -2))
    return shares
