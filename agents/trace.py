"""The agent's own record of an episode, kept inside whatever harness calls it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mosel_gym.errors import SpecMismatch
from mosel_gym.specs import RobotSpec
from mosel_gym.specs import robot as find_robot
from mosel_gym.types import Episode, Observation, SkillSegment, Task, TaskPlan

_PROVENANCE = ("renderer", "assets", "protocol", "init_state_id")


class Trace:
    """Rows of observations, actions and, where the harness passes it, `info`."""

    def __init__(
        self,
        task: Task,
        provenance: Mapping[str, str] | None = None,
        robot: RobotSpec | None = None,
    ) -> None:
        """Begin an empty record.

        Args:
            task: Goal and S.
            provenance: What to write down of who acts.
            robot: Whose `proprio` to expect; None = LIBERO's arm, "panda".
        """
        self.task = task
        self._robot = robot or find_robot("panda")
        self._provenance = {"robot": self._robot.name, **(provenance or {})}
        self._rows: list[dict[str, NDArray[Any]]] = []
        self._ages: list[int] = []
        self._done: list[dict[str, bool] | None] = []
        self._actions: list[NDArray[np.float32]] = []
        self._success: bool | None = None
        self._seed: int | None = None
        self.finished = False
        """Whether the row after the last action was given; the caller sets it."""

    def __len__(self) -> int:
        """Rows seen so far."""
        return len(self._rows)

    @property
    def last_row(self) -> Observation:
        """The trace's own copy of what was seen last; a harness may reuse its buffers."""
        return self._rows[-1]

    def see(self, observation: Observation, info: Mapping[str, Any] | None) -> int:
        """Record a row.

        Returns:
            The age of its pictures in steps, 0 where `info` does not say.

        Raises:
            SpecMismatch: No `proprio` of the robot, other entries than in the rows before, or a
                changed shape.
        """
        if len(self._rows) > len(
            self._actions
        ):  # an `act` that raised left a row without an action
            del self._rows[-1], self._ages[-1], self._done[-1]
        row = {name: np.asarray(value) for name, value in observation.items()}
        self._check(row, self._rows[0] if self._rows else None)
        info = info or {}
        age = int(info.get("image_age", 0))
        if age > 0 and self._rows:  # a repeated picture needs no second copy
            before = self._rows[-1]
            row = {n: before[n] if v.ndim == 3 else v.copy() for n, v in row.items()}
        else:
            row = {n: v.copy() for n, v in row.items()}
        self._rows.append(row)
        self._ages.append(age)
        done = info.get("skill_done")
        self._done.append(None if done is None else {k: bool(v) for k, v in done.items()})
        if "success" in info:
            self._success = bool(self._success) or bool(info["success"])
        if info.get("seed") is not None:
            self._seed = int(info["seed"])
        for name in _PROVENANCE:
            if info.get(name) is not None:
                self._provenance.setdefault(name, str(info[name]))
        return age

    def note(self, name: str, text: str) -> None:
        """Write something down in the provenance; a later note of that name takes its place."""
        self._provenance[name] = text

    def did(self, action: NDArray[np.float32]) -> None:
        """Record the action that follows the last row."""
        self._actions.append(np.array(action, np.float32))

    def episode(self, plan: TaskPlan | None, segments: tuple[SkillSegment, ...]) -> Episode:
        """The record as an episode of T actions and T + 1 rows.

        An action whose result nobody showed is left out, and segments are cut to what remains.

        Raises:
            SpecMismatch: Fewer than two rows were recorded.
        """
        steps = min(len(self._actions), len(self._rows) - 1)
        if steps < 1:
            raise SpecMismatch(
                f"An episode needs an action and the observation after it; this trace has "
                f"{len(self._rows)} observations and {len(self._actions)} actions. Call `act` in a "
                "loop first, and `finish(observation, info)` after it."
            )
        rows = self._rows[: steps + 1]
        names = list(rows[0])
        told = [done for done in self._done[: steps + 1] if done is not None]
        complete = len(told) == steps + 1
        return Episode(
            task_id=self.task.id,
            goal=self.task.goal,
            seed=self._seed,
            observations={name: np.stack([row[name] for row in rows]) for name in names},
            actions=np.stack(self._actions[:steps]),
            plan=plan,
            segments=tuple(_cut(segment, steps) for segment in segments if segment.start < steps),
            success=self._success,
            fresh=np.array(self._ages[: steps + 1]) == 0,
            skill_done=(
                {skill: np.array([done[skill] for done in told]) for skill in told[0]}
                if complete
                else None
            ),
            provenance=dict(self._provenance),
        )

    def _check(
        self, row: Mapping[str, NDArray[Any]], first: Mapping[str, NDArray[Any]] | None
    ) -> None:
        if "proprio" not in row:
            raise SpecMismatch(
                f"An observation needs `proprio`, {self._robot.proprio_size} numbers of the robot "
                f"{self._robot.name!r}; there is only {sorted(row)}."
            )
        self._robot.checked_proprio(row["proprio"])
        shapes = {name: value.shape for name, value in row.items()}
        expected = shapes if first is None else {name: value.shape for name, value in first.items()}
        if shapes != expected:
            raise SpecMismatch(
                f"The observation changed within an episode: {shapes} after {expected}. "
                "Call `reset` when a new episode begins."
            )


def _cut(segment: SkillSegment, steps: int) -> SkillSegment:
    stop = min(segment.stop, steps)
    followed = segment.followed
    if followed is not None:
        followed = followed[: stop - segment.start]
    return replace(segment, stop=stop, followed=followed)
