"""What has been seen of the running episode, cut into the skills that were carried out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mosel_gym.errors import SpecMismatch
from mosel_gym.types import Episode, SkillSegment, TaskPlan

Kind = Literal["skill", "transition"]
_PROVENANCE = ("protocol", "robot", "renderer", "assets")


class SkillRecord:
    """Rows of observations and actions, and the borders of skills.

    Args:
        observation: A dict, as `reset` returned it.
        info: As `reset` returned it.
        task_id: For an `info` that does not name the task.
        truth: PRIVILEGED. Keep the simulator's predicates for a judge that reads them.

    Raises:
        SpecMismatch: `truth` is wanted, and the environment does not tell it.
    """

    def __init__(
        self, observation: Mapping[str, Any], info: Mapping[str, Any], task_id: str, truth: bool
    ) -> None:
        if truth and "skill_done" not in info:
            raise SpecMismatch(
                f"show_truth=True needs info['skill_done']; this environment gives {sorted(info)}. "
                "Leave show_truth out, and judge from pictures."
            )
        self._truth = truth
        self._task_id = str(info.get("task_id", task_id))
        self._goal = str(info.get("task", ""))
        self._seed = info.get("seed")
        self._provenance = {k: str(info[k]) for k in _PROVENANCE if info.get(k) is not None}
        self._rows: list[dict[str, NDArray[Any]]] = []
        self._ages: list[int] = []
        self._done: list[dict[str, bool]] = []
        self._actions: list[NDArray[np.float32]] = []
        self.segments: list[SkillSegment] = []
        """Those that are over, with at least one step each."""
        self.running: tuple[str, int, Kind] | None = None
        """Skill, first step and kind of what is being carried out."""
        self._see(observation, info)

    @property
    def steps(self) -> int:
        """Actions so far."""
        return len(self._actions)

    @property
    def running_steps(self) -> int:
        """Steps of the running segment so far."""
        return 0 if self.running is None else self.steps - self.running[1]

    def add(self, action: Any, observation: Mapping[str, Any], info: Mapping[str, Any]) -> None:
        """Record a step."""
        self._actions.append(np.array(action, np.float32).reshape(-1))
        self._see(observation, info)

    def begin(self, skill: str, kind: Kind = "skill") -> None:
        """From the next step on, this skill is carried out, or the arm's way to it."""
        self.running = (skill, self.steps, kind)

    def end(self) -> SkillSegment | None:
        """Close the running segment; None if it has no step."""
        running, self.running = self.running, None
        if running is None or self.steps == running[1]:
            return None
        skill, start, kind = running
        self.segments.append(SkillSegment(skill, start, self.steps, kind))
        return self.segments[-1]

    def clip(self, segment: SkillSegment) -> Callable[[], Episode]:
        """One skill as an episode of its own, whose goal and plan are that skill."""
        whole = SkillSegment(segment.skill, 0, segment.stop - segment.start)
        return self._part(segment.start, segment.stop, segment.skill, (segment.skill,), (whole,))

    def whole(self, plan: Sequence[str]) -> Callable[[], Episode]:
        """Everything so far."""
        return self._part(0, self.steps, self._goal, tuple(plan), tuple(self.segments))

    def _part(
        self,
        start: int,
        stop: int,
        goal: str,
        plan: tuple[str, ...],
        segments: tuple[SkillSegment, ...],
    ) -> Callable[[], Episode]:
        # The lists are copied now, which is quick; pictures are stacked by whoever calls it.
        rows, ages = self._rows[start : stop + 1], self._ages[start : stop + 1]
        actions, done = self._actions[start:stop], self._done[start : stop + 1]

        def build() -> Episode:
            return Episode(
                task_id=self._task_id,
                goal=goal,
                seed=None if self._seed is None else int(self._seed),
                observations={name: np.stack([row[name] for row in rows]) for name in rows[0]},
                actions=np.stack(actions),
                plan=TaskPlan(plan, "", "given"),
                segments=segments,
                fresh=np.array(ages) == 0,
                skill_done={
                    skill: np.array([row[skill] for row in done], bool) for skill in done[0]
                }
                if done
                else None,
                provenance={**self._provenance, "recorder": "VideoJudgeReward"},
            )

        return build

    def _see(self, observation: Mapping[str, Any], info: Mapping[str, Any]) -> None:
        age = int(info.get("image_age", 0))
        before = self._rows[-1] if age > 0 and self._rows else None
        row = {name: np.asarray(value) for name, value in observation.items()}
        # Copies, since an environment may reuse its arrays; a repeated picture needs none.
        self._rows.append(
            {n: before[n] if before and v.ndim == 3 else v.copy() for n, v in row.items()}
        )
        self._ages.append(age)
        if self._truth:
            self._done.append(dict(info["skill_done"]))
