"""The values that cross borders between environments, models, agents and files.

Everything here is plain data: numpy arrays, strings and numbers, so that it can be pickled, sent to
another process and stored. Symbols in brackets are those of the MOSEL paper.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]
"""One upright RGB picture, uint8 `[H, W, 3]`."""
Frames = NDArray[np.uint8]
"""A clip of upright RGB pictures, uint8 `[T, H, W, 3]`."""
Observation = Mapping[str, NDArray[Any]]
"""What an environment returns: named pictures (uint8 `[H, W, 3]`) and `proprio` (float32)."""
NOBODY = "none"
"""`Reflection.analyzer` where nobody judged."""
Fault = Literal["none", "language", "skill"]
Target = Literal["language", "video", "policy", "alternate", "auto"]


@dataclass(frozen=True)
class Skill:
    """A low-level skill [w] of the scene's skill set [S]."""

    text: str
    """The instruction, exactly as in the benchmark: "put the white mug on the plate"."""
    subgoal: str
    """What a camera can check once it is done: "the white mug stands on the plate"."""


@dataclass(frozen=True)
class Task:
    """A long-horizon goal [g] and what the scene allows."""

    id: str
    """The Gymnasium id, such as "MOSEL-LiberoLong-Task6"."""
    suite: str
    """"libero-long", "libero-90", "robotwin", "robotwin-skills"."""
    goal: str
    """The goal text."""
    skills: tuple[Skill, ...]
    """The skill set S of the scene; it holds more skills than the goal needs."""
    plan: tuple[str, ...]
    """A plan that is known to work, as skill texts; the offline planner does not read it."""
    chained: bool = False
    """Each skill takes over what the one before it left, as with a tool that is picked up, handed
    over and used: the plan works in its own order only, and what an earlier skill reached need not
    hold any more when a later one is done."""
    start: tuple[str, ...] = ()
    """Skills that `reset` has carried out already: what they brought into the hands is there."""

    @property
    def skill_texts(self) -> tuple[str, ...]:
        """S as strings, in table order."""
        return tuple(skill.text for skill in self.skills)


@dataclass(frozen=True)
class TaskPlan:
    """A language plan [{w_i}], section 3.1."""

    skills: tuple[str, ...]
    reasoning: str
    planner: str
    """Which planner wrote it; results always name it."""


@dataclass(frozen=True)
class VisualPlan:
    """An imagined clip [tau_o] for one skill, section 3.2."""

    skill: str
    frames: Frames
    """uint8 `[T, H, W, 3]`, the first picture not included; the last one is the skill's goal."""
    planner: str
    seconds: float = 0.0
    """Wall time of the sampling."""
    finite: bool = True
    """False where the network returned a NaN or an infinity; the pictures then say nothing."""


@dataclass(frozen=True)
class ActionChunk:
    """What the inverse dynamics returns, section 3.3."""

    actions: NDArray[np.float32]
    """float32 `[chunk, A]` in the environment's units."""
    steps_to_goal: float
    """Predicted number of env steps until the goal frame is reached (0 = it is reached)."""


@dataclass(frozen=True)
class SkillSegment:
    """The steps `start <= t < stop` of an episode that one skill, or one arm transition, took."""

    skill: str
    """The skill text; for a transition, the skill that it prepares."""
    start: int
    stop: int
    kind: Literal["skill", "transition"] = "skill"
    imagined: Frames | None = None
    """The frames [T, H, W, 3] that the video planner imagined last for it."""
    followed: NDArray[np.int16] | None = None
    """int16 `[stop - start]`: which of `imagined` was the goal of each action; -1 = none of them,
    as before the skill was imagined anew. None = nobody kept it."""


@dataclass(frozen=True)
class Episode:
    """One recorded rollout of T steps: [g, {w_i}, tau_a, tau_o]."""

    task_id: str
    goal: str
    seed: int | None
    observations: dict[str, NDArray[Any]]
    """Named arrays with T + 1 rows: row t is what was seen before action t, row T the end."""
    actions: NDArray[np.float32]
    """float32 `[T, A]`."""
    plan: TaskPlan | None = None
    segments: tuple[SkillSegment, ...] = ()
    success: bool | None = None
    """The environment's own verdict, latched; None where no environment told."""
    fresh: NDArray[np.bool_] | None = None
    """bool `[T + 1]`: whether row t's pictures are new at step t (`render_every`); None = all."""
    states: NDArray[np.float64] | None = None
    """float64 `[T + 1, n]`: simulator states, if recorded; for re-rendering, never for judging."""
    fixtures: NDArray[np.float64] | None = None
    """float64 `[num_fixtures, 7]`: world position (m) and wxyz rotation of what stands fixed, which
    LIBERO's states leave out; needed to draw the pictures again."""
    skill_done: dict[str, NDArray[np.bool_]] | None = None
    """PRIVILEGED simulator truth: skill text -> bool `[T + 1]`, whether its predicate holds."""
    provenance: dict[str, str] = field(default_factory=dict)
    """renderer, assets, protocol, package versions, agent name, ..."""

    @property
    def num_steps(self) -> int:
        """T."""
        return len(self.actions)


@dataclass(frozen=True)
class Verdict:
    """The analyzer's word on one skill segment: [f_i] and [r_i], section 3.4."""

    skill: str
    segment: int
    """Index into `Episode.segments`."""
    success: bool
    reason: str
    confidence: float = 1.0
    """In 0..1, of the verdict that was given."""


@dataclass(frozen=True)
class Reflection:
    """What the video analyzer [f_theta] says of one episode, section 3.4."""

    success: bool
    """True if every sub-goal of the plan was judged reached."""
    verdicts: tuple[Verdict, ...]
    fault: Fault
    """"language": the plan itself is at fault; "skill": a skill failed; "none": nothing failed."""
    failed_skill: str | None
    rationale: str
    """[r] in words, for the task planner and for people."""
    analyzer: str
    """Who judged; `NOBODY` where an agent has no analyzer: then there is no verdict at all."""
    privileged: bool = False
    """True if simulator truth entered it; such a result must not claim to be autonomous."""

    @property
    def judged(self) -> bool:
        """Whether anybody judged; if not, `success` says nothing."""
        return self.analyzer != NOBODY


@dataclass(frozen=True)
class ImproveReport:
    """What one call of `improve` did."""

    target: Literal["language", "video", "policy", "none"]
    """The module that was changed; "none" if there was nothing to change."""
    reason: str
    """Why this module."""
    episodes: int
    accepted: int
    """Segments judged successful that were trained on."""
    rejected: int
    """Segments judged failed."""
    steps: int = 0
    """Gradient steps."""
    loss_before: float | None = None
    loss_after: float | None = None
    seconds: float = 0.0
    plan: TaskPlan | None = None
    """The new plan, for target "language"."""
    analyzer: str = ""
