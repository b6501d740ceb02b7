"""What every environment of this package does the same way: spaces, time, seeds, checks, info."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, cast

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from mosel_gym.errors import InvalidAction
from mosel_gym.specs import robot as find_robot
from mosel_gym.transition import TransitionConfig
from mosel_gym.types import Frame, Task

Obs = dict[str, NDArray[Any]]
Action = NDArray[np.float32]
_COUNTERS = (
    "_steps",
    "_held",
    "_success",
    "_success_once",
    "_clipped",
    "_episode_seed",
    "_init_state_id",
    "_error",
)


class LongHorizonEnv(gym.Env[Obs, Action]):
    """The reset and step template of a long-horizon manipulation task.

    Non-obvious behaviour:
        - `terminated` is success, latched at the first step on which the goal has held for
          `success_hold` steps in a row (default: 1, the first step on which it is true).
        - `info["success_once"]` tells whether the goal was ever true, whatever `success_hold` is.
        - `truncated` is the step limit of the protocol; there is no `TimeLimit` wrapper.
        - Pictures are drawn every `render_every` steps and at the end. In between the last ones are
          repeated, and `info["image_age"]` counts the steps since they were drawn.
        - `reset(seed=s)` is a function of `s` alone. `reset()` draws a new seed from the last one
          and tells it in `info["seed"]`.
        - Stepping after the end is allowed and changes nothing about `terminated` and `success`.
        - A simulation that diverged (a pose that is NaN) ends the episode with `truncated` and
          `info["status"] == "error"`, `info["error"]` naming the seed; it never counts as a
          failure. Observation and `info` are then those of the last sound step.

    Args:
        task: Goal, skill set and id.
        cameras: Names of the cameras to draw; `()` draws none and leaves them out of the space.
        camera_size: Side of the pictures in pixels, or (height, width).
        render_every: Draw pictures on every so many steps.
        success_hold: Steps in a row that the goal must hold.
        max_steps: Step limit.
        proprio_space: Finite bounds of the `proprio` vector.
        action_space: Bounds of the action; finite values outside are clipped.
        robot: Row of `specs.ROBOTS` that says what the numbers of proprio and action mean.
        render_mode: "rgb_array" or None.
    """

    scene_camera: ClassVar[str]
    """Name of the camera that sees the whole scene."""
    transition: ClassVar[TransitionConfig] = TransitionConfig()
    """How the arms go home between the skills of a demonstration (Appendix J)."""
    experts: ClassVar[str]
    """Module whose `skill_actions(env, skill, errors)` yields the scripted expert's actions."""
    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": 20}  # type: ignore[misc]

    def __init__(
        self,
        *,
        task: Task,
        cameras: tuple[str, ...],
        camera_size: int | tuple[int, int],
        render_every: int,
        success_hold: int,
        max_steps: int,
        proprio_space: gym.spaces.Box,
        action_space: gym.spaces.Box,
        robot: str,
        render_mode: str | None,
    ) -> None:
        try:
            height, width = (camera_size,) * 2 if isinstance(camera_size, int) else camera_size
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"camera_size is {camera_size!r}; it must be a whole number, or (height, width)."
            ) from error
        for name, value in (
            ("camera_size", min(height, width)),
            ("render_every", render_every),
            ("success_hold", success_hold),
        ):
            if value < 1:
                raise ValueError(f"{name} is {value}; it must be a whole number of at least 1.")
        if render_mode not in (None, "rgb_array"):
            raise ValueError(f"render_mode is {render_mode!r}; allowed: None, 'rgb_array'.")
        self.task = task
        self.cameras = tuple(cameras)
        self.camera_size = camera_size
        self.picture_shape = (height, width)
        """Height and width in pixels."""
        self.render_every = render_every
        self.success_hold = success_hold
        self.max_steps = max_steps
        self.render_mode = render_mode
        self.robot = find_robot(robot)
        picture = gym.spaces.Box(0, 255, (height, width, 3), np.uint8)
        space = gym.spaces.Dict(
            {name: picture for name in self.cameras} | {"proprio": proprio_space}
        )
        # Gymnasium types a Dict by its inner spaces, not by the samples that it holds.
        self.observation_space = cast("gym.spaces.Space[Obs]", space)
        self.action_space = cast("gym.spaces.Space[Action]", action_space)
        self._low, self._high = (
            bound.astype(np.float64) for bound in (action_space.low, action_space.high)
        )
        self._pictures: dict[str, Frame] = {}
        self._image_age = 0
        self._steps = 0
        self._held = 0
        self._success = False
        self._success_once = False
        self._clipped = 0
        self._episode_seed = 0
        self._init_state_id: int | None = None
        self._error = ""
        self._last: tuple[Obs, dict[str, Any]] = ({}, {})
        self._ready = False
        """Whether there is an episode to step: not before a reset, nor after one that failed."""

    # -- what a simulator provides -------------------------------------------------------------

    @abstractmethod
    def _reset_scene(self, rng: np.random.Generator, options: dict[str, Any]) -> int | None:
        """Put the scene into its start state; return the stored state's number, if one was used."""

    @abstractmethod
    def _advance(self, action: NDArray[np.float64]) -> None:
        """One control step with a checked and clipped action."""

    @abstractmethod
    def _goal_reached(self) -> bool: ...

    @abstractmethod
    def _subgoals(self) -> dict[str, bool]: ...

    @abstractmethod
    def _skill_done(self) -> dict[str, bool]: ...

    @abstractmethod
    def _proprio(self) -> NDArray[np.float32]: ...

    @abstractmethod
    def _draw(self, camera: str) -> Frame: ...

    @abstractmethod
    def _constant_info(self) -> dict[str, Any]: ...

    @abstractmethod
    def get_state(self) -> dict[str, Any]:
        """What decides the rest of the episode, as plain arrays and numbers."""

    @abstractmethod
    def set_state(self, state: dict[str, Any]) -> Obs:
        """Restore `get_state()`; the same actions then give the same states."""

    def expert_plan(self) -> tuple[str, ...]:
        """PRIVILEGED: a plan that works in the present layout; call it after `reset`."""
        return self.task.plan

    @abstractmethod
    def record_state(self) -> NDArray[np.float64]:
        """The state in the form that files keep, float64 `[n]`; `draw_state` shows it again."""

    @abstractmethod
    def bodies_of(
        self, state: NDArray[np.float64], fixtures: NDArray[np.float64] | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """PRIVILEGED: what stands where in a recorded state, the robot left out.

        Args:
            state: As `record_state` gives it.
            fixtures: As `fixture_poses` gives them.

        Returns:
            World position (m) and wxyz rotation of every body, float64 `[n, 7]`, and the joints of
            drawers, doors and knobs, float64 `[m]` (m or rad); the order is the scene's own.
        """

    def fixture_poses(self) -> NDArray[np.float64] | None:
        """What `record_state` leaves out because it stands fixed, float64 `[n, 7]`, or None."""
        return None

    def _fault(self) -> str:
        """What is wrong with the simulation, in words; empty while it is sound."""
        return ""

    # -- Gymnasium -----------------------------------------------------------------------------

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Obs, dict[str, Any]]:
        """Start an episode.

        Args:
            seed: Decides layout, fixture poses and everything else of the episode.
            options: `{"init_state_id": k}` takes one of the benchmark's stored states.

        Raises:
            ValueError: An option is unknown or out of range.
        """
        super().reset(seed=seed)
        self._episode_seed = int(self.np_random.integers(2**31)) if seed is None else int(seed)
        self._steps = self._held = self._clipped = 0
        self._success = self._success_once = self._ready = False
        self._error = ""
        rng = np.random.default_rng(self._episode_seed)
        self._init_state_id = self._reset_scene(rng, dict(options or {}))
        self._ready = True
        self._refresh_pictures()
        return self._told()

    def step(self, action: Action) -> tuple[Obs, float, bool, bool, dict[str, Any]]:
        """Advance by one control step (0.05 s).

        Raises:
            InvalidAction: Wrong shape, NaN or infinity; the simulator's state is unchanged.
            ResetNeeded: There was no reset, the last one failed, or the environment is closed.
        """
        checked = self._checked(action)
        if not self._ready:
            raise gym.error.ResetNeeded("Call `reset` first: there is no episode to step.")
        if not self._error:
            self._advance(checked)
            fault = self._fault()
            if fault:
                self._error = (
                    f"{fault} at step {self._steps + 1} of the episode with seed "
                    f"{self._episode_seed}. The episode is void; reset with any seed."
                )
        self._steps += 1
        if self._error:  # neither success nor failure: nothing that is seen now can be trusted
            observation, info = self._last
            told = {name: value.copy() for name, value in observation.items()}
            return told, 0.0, False, True, info | {"status": "error", "error": self._error}
        self._held = self._held + 1 if self._goal_reached() else 0
        self._success_once = self._success_once or self._held > 0
        in_time = self._steps <= self.max_steps
        newly = in_time and not self._success and self._held >= self.success_hold
        self._success = self._success or newly
        truncated = self._steps >= self.max_steps and not self._success
        if newly or truncated or self._steps % self.render_every == 0:
            self._refresh_pictures()  # the end is always seen
        else:
            self._image_age += 1
        observation, info = self._told()
        return observation, float(newly), self._success, truncated, info

    def render(self) -> Frame | None:
        """The scene camera's view of the current state, uint8 `[H, W, 3]`, for "rgb_array"."""
        return self._draw(self.scene_camera) if self.render_mode == "rgb_array" else None

    def _counters(self) -> dict[str, Any]:
        """What the episode has come to: the part of a state that every environment shares."""
        return {name: getattr(self, name) for name in _COUNTERS}

    def _set_counters(self, counters: dict[str, Any]) -> None:
        for name in _COUNTERS:
            setattr(self, name, counters[name])

    # -- shared details ------------------------------------------------------------------------

    def _checked(self, action: Action) -> NDArray[np.float64]:
        wanted = self.action_space.shape
        try:
            values = np.asarray(action, np.float64)
        except (TypeError, ValueError) as error:
            raise InvalidAction(f"Action {action!r} is not an array of numbers.") from error
        if values.shape != wanted:
            raise InvalidAction(
                f"Action has shape {values.shape}; it must be {wanted}: one number per dimension "
                "of `env.action_space`."
            )
        if not np.isfinite(values).all():
            bad = np.flatnonzero(~np.isfinite(values)).tolist()
            raise InvalidAction(
                f"Action {values.tolist()} is not finite in dimensions {bad}. Look for a division "
                "by zero or an exploded network before `env.step`."
            )
        clipped = np.clip(values, self._low, self._high)
        self._clipped += int((clipped != values).any())
        return clipped

    def _refresh_pictures(self) -> None:
        self._pictures = {name: self._draw(name) for name in self.cameras}
        self._image_age = 0

    def _observation(self) -> Obs:
        pictures: Obs = {name: picture.copy() for name, picture in self._pictures.items()}
        return pictures | {"proprio": self._proprio()}

    def _told(self) -> tuple[Obs, dict[str, Any]]:
        """Observation and info of now, remembered in copies that the caller cannot change."""
        observation, info = self._observation(), self._info()
        self._last = (
            {name: value.copy() for name, value in observation.items()},
            {k: dict(v) if isinstance(v, dict) else v for k, v in info.items()},
        )
        return observation, info

    def _info(self) -> dict[str, Any]:
        return {
            "task": self.task.goal,
            "task_id": self.task.id,
            "success": self._success,
            "is_success": self._success,
            "success_once": self._success_once,
            "subgoals": self._subgoals(),
            "skill_done": self._skill_done(),
            "skills": self.task.skill_texts,
            "seed": self._episode_seed,
            "init_state_id": self._init_state_id,
            "image_age": self._image_age,
            "clipped_actions": self._clipped,
            "status": "error" if self._error else "ok",
            "error": self._error,
            "robot": self.robot.name,
            **self._constant_info(),
        }
