"""Carries out one skill: imagine it, then follow the imagined frames one after the other."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mosel_gym.agents.base import InverseDynamics, SampledDynamics, SkillJudge, VideoPlanner
from mosel_gym.agents.plan_check import PlanCheckConfig, PlanCounts, imagine_checked
from mosel_gym.errors import SpecMismatch
from mosel_gym.types import ActionChunk, Frame, Frames, Observation, VisualPlan

Outcome = Literal["running", "reached", "missed", "exhausted"]


@dataclass(frozen=True)
class ExecutorConfig:
    """How an imagined clip is followed."""

    execute: int = 4
    """Actions of a chunk that are carried out before the next one is asked for. On LIBERO 4 was
    measured to be better than 8."""
    advance_below: float = 6.0
    """A goal frame is reached when fewer steps than this are predicted to it."""
    max_steps_per_frame: int = 40
    """A goal frame is given up for the next one after so many steps."""
    skill_budget: int = 250
    """Steps in total, retries included."""
    retry: Literal["home", "here", "never"] = "home"
    """After a clip was followed to its end and the judge says no. "home": end the attempt as
    "missed", so that the arm can go back to the pose from which every demonstration started.
    "here": imagine the skill anew from the current picture. "never": the skill is over."""
    scene_camera: str = "agentview"
    """The picture that the video planner imagines from."""
    judged_pictures: int = 2
    """Observations that the judge gets, one at each chunk."""
    hold_last_frame: bool = False
    """Follow the last frame for as long as the budget lasts; the skill never ends by itself."""
    done_above: float = 1.0
    """Early advance: two judgements in a row above this, one at each chunk, end the skill as
    "reached" before its last frame. 1 = never, as in the paper."""
    stalled_below: float | None = None
    """A chunk is carried out to its end, and not only its first `execute` actions, where no entry
    of proprioception (its own units: rad, m, opening) has changed by this much since the chunk
    before. A policy that waits before the hand closes, and is asked anew while it waits, would
    wait for ever. A goal frame, and the end of a skill, may so take a chunk more. None = never."""
    retry_temperature: float | None = None
    """Scale of the policy's sampling noise in further tries of a skill that was missed; None = that
    of the first. A policy that always takes its likeliest action misses the same place again."""
    plan_check: PlanCheckConfig = field(default_factory=PlanCheckConfig)
    """Which imagined plans are drawn again before one is followed."""

    def __post_init__(self) -> None:
        """Refuse what is no scale.

        Raises:
            SpecMismatch: With the value.
        """
        if self.retry_temperature is not None and not 0 <= self.retry_temperature < math.inf:
            raise SpecMismatch(
                f"retry_temperature is {self.retry_temperature}; it must be at least 0 and finite, "
                "or None for that of the first try."
            )
        if self.stalled_below is not None and not 0 < self.stalled_below < math.inf:
            raise SpecMismatch(
                f"stalled_below is {self.stalled_below}; it must be above 0 and finite, or None so "
                f"that no more than {self.execute} actions of a chunk are ever carried out."
            )


class SkillExecutor:
    """Imagines, follows, judges and retries; knows arrays, and neither simulator nor plan.

    A skill ends as "reached" when its last frame was followed and the judge agrees; without a judge
    the inverse dynamics' own word decides. It ends as "exhausted" when its steps are used up.

    Where the video planner imagines nothing, the policy goes by the skill's text, and the skill is
    over once the policy says that its end is near.
    """

    def __init__(
        self,
        video_planner: VideoPlanner,
        inverse_dynamics: InverseDynamics,
        judge: SkillJudge | None = None,
        config: ExecutorConfig | None = None,
    ) -> None:
        """Compose the parts; `start` begins a skill.

        Raises:
            SpecMismatch: `config.retry_temperature` is set, and the policy draws nothing.
        """
        self.video_planner = video_planner
        self.inverse_dynamics = inverse_dynamics
        self.judge = judge
        self.config = config or ExecutorConfig()
        draws = isinstance(inverse_dynamics, SampledDynamics)
        if self.config.retry_temperature is not None and not draws:
            raise SpecMismatch(
                f"retry_temperature is {self.config.retry_temperature}, but "
                f"{inverse_dynamics.name} draws no actions whose noise it could scale. Leave it at "
                "None."
            )
        self.plans = PlanCounts()
        """Plans drawn and refused since this executor was made."""
        self.start("", {}, budget=0)

    def start(
        self,
        skill: str,
        observation: Observation,
        budget: int | None = None,
        again: bool = False,
    ) -> None:
        """Begin a skill.

        Args:
            skill: Its text.
            observation: What is seen now; its scene picture is the judge's "before".
            budget: Steps allowed; None = `config.skill_budget`.
            again: It was tried before and missed; see `config.retry_temperature`.

        Raises:
            SpecMismatch: There is no scene picture.
        """
        if skill and self.config.scene_camera not in observation:
            raise SpecMismatch(
                f"Imagining a skill needs the camera {self.config.scene_camera!r}; the observation "
                f"has {sorted(observation)}. Make the environment with that camera."
            )
        self._sample_for(again)
        self.skill = skill
        self.budget = self.config.skill_budget if budget is None else budget
        self.steps = 0
        """Actions returned since `start`."""
        self.outcome: Outcome = "running"
        self.visual_plan: VisualPlan | None = None
        self._start_frame: Frame | None = observation.get(self.config.scene_camera)
        self._recent: deque[Observation] = deque(maxlen=self.config.judged_pictures)
        self._chunk: NDArray[np.float32] = np.zeros((0, 0), np.float32)
        self._used = 0
        self._carried_out = self.config.execute
        self._proprio: NDArray[np.floating] | None = None
        self._planned_on_old_picture = False
        self._imagine_next = True
        self._closing = self._last_frame_reached = False
        self._frame = self._frame_steps = 0
        self._followed: list[int] = []
        self._sure_in_a_row = 0

    def _sample_for(self, again: bool) -> None:
        if isinstance(self.inverse_dynamics, SampledDynamics):
            self.inverse_dynamics.sample_at(self.config.retry_temperature if again else None)

    @property
    def imagined(self) -> Frames | None:
        """The frames imagined last, uint8 `[T, H, W, 3]`."""
        if self.visual_plan is None or not len(self.visual_plan.frames):
            return None
        return self.visual_plan.frames

    @property
    def followed(self) -> NDArray[np.int16]:
        """Index into `imagined` of the goal of each action since `start`, -1 where it is no more.

        int16 `[steps]`.
        """
        return np.array(self._followed, np.int16)

    def act(self, observation: Observation, image_age: int = 0) -> NDArray[np.float32] | None:
        """The next action.

        Args:
            observation: Pictures and proprioception.
            image_age: Steps since the pictures were drawn. A chunk that was planned on an old
                picture is dropped as soon as a new one comes, and no judgement is made on one.

        Returns:
            float32 `[A]`, or None if the skill is over; then `outcome` says how.
        """
        if self.outcome != "running":
            return None
        if self.steps >= self.budget:
            self.outcome = "exhausted"
            return None
        if self._wants_chunk(image_age):
            self._recent.append(observation)
            if self._done_early(observation, image_age):
                self.outcome = "reached"
                return None
            if self._closing and self._ended(observation):
                return None
            self._plan(observation, image_age)
        action: NDArray[np.float32] = self._chunk[self._used]
        self._used += 1
        self.steps += 1
        self._frame_steps += 1
        self._followed.append(self._frame if self.imagined is not None else -1)
        return action

    def _wants_chunk(self, image_age: int) -> bool:
        if self._used >= len(self._chunk):
            return True
        if self._planned_on_old_picture and image_age == 0 and not self._closing:
            return True
        # The rest of the last chunk bridges the gap to a picture that shows how it ended.
        return self._used >= self._carried_out and not (self._closing and image_age > 0)

    def _plan(self, observation: Observation, image_age: int) -> None:
        """Pick the goal frame, passing over all that are reached, and ask for a chunk to it."""
        if self._imagine_next:
            frame = observation[self.config.scene_camera]
            self.visual_plan = imagine_checked(
                self.video_planner.imagine, frame, self.skill, self.config.plan_check, self.plans
            )
            self._imagine_next, self._frame, self._frame_steps = False, 0, 0
            self._followed = [-1] * self.steps
        assert self.visual_plan is not None
        frames = self.visual_plan.frames
        if not len(frames):
            chunk = self.inverse_dynamics.act(observation, None, self.skill)
            there = chunk.steps_to_goal < self.config.advance_below
            self._closing = self._last_frame_reached = there
            self._take(chunk, observation, image_age)
            return
        while True:
            chunk = self.inverse_dynamics.act(observation, frames[self._frame], self.skill)
            there = chunk.steps_to_goal < self.config.advance_below
            if not there and self._frame_steps < self.config.max_steps_per_frame:
                break
            if self._frame == len(frames) - 1:
                if not self.config.hold_last_frame:
                    self._closing, self._last_frame_reached = True, there
                break
            self._frame, self._frame_steps = self._frame + 1, 0
        self._take(chunk, observation, image_age)

    def _take(self, chunk: ActionChunk, observation: Observation, image_age: int) -> None:
        stalled = self._stalled(observation)
        self._chunk = np.asarray(chunk.actions, np.float32)
        self._carried_out = len(self._chunk) if stalled else self.config.execute
        self._used = 0
        self._planned_on_old_picture = image_age > 0

    def _stalled(self, observation: Observation) -> bool:
        """Has nothing moved since the chunk before?"""
        if self.config.stalled_below is None:
            return False
        before, self._proprio = self._proprio, np.array(observation["proprio"])
        if before is None or self._used < self.config.execute:
            return False
        return bool(np.abs(self._proprio - before).max() < self.config.stalled_below)

    def _probability(self, observation: Observation) -> float | None:
        """The judge's word on the current picture; None without a judge."""
        if self.judge is None or self._start_frame is None:
            return None
        earlier = tuple(self._recent)[:-1]
        return self.judge.reached(observation, self.skill, self._start_frame, earlier)

    def _done_early(self, observation: Observation, image_age: int) -> bool:
        if self.steps == 0 or image_age > 0 or self.config.done_above >= 1.0:
            return False
        probability = self._probability(observation)
        sure = probability is not None and probability > self.config.done_above
        self._sure_in_a_row = self._sure_in_a_row + 1 if sure else 0
        return self._sure_in_a_row >= 2

    def _ended(self, observation: Observation) -> bool:
        """The last frame was followed: is the sub-goal reached, and if not, what next?"""
        self._closing = False
        probability = self._probability(observation)
        if probability is None or self.judge is None:
            reached = self._last_frame_reached
        else:
            reached = probability > self.judge.threshold
        if not reached and self.config.retry == "here":
            self._imagine_next = True
            self._sample_for(again=True)
            return False
        self.outcome = "reached" if reached else "missed"
        return True
