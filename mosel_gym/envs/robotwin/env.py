"""RoboTwin's tool-use tasks and skills as a Gymnasium environment: two arms before a table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from mosel_gym import panda
from mosel_gym.envs.aim_errors import AimErrors
from mosel_gym.envs.base import LongHorizonEnv, Obs
from mosel_gym.envs.expert_episode import skill_actions, transition_actions
from mosel_gym.envs.robotwin.cameras import CAMERAS
from mosel_gym.envs.robotwin.mirror import assets_name, drawn_bodies
from mosel_gym.envs.robotwin.objects import ARMS
from mosel_gym.envs.robotwin.scenes import SCENES
from mosel_gym.envs.robotwin.tasks import ROBOTWIN_TASKS, goal_of_skill
from mosel_gym.envs.robotwin.viewer import RENDERERS, Viewer
from mosel_gym.errors import SimulationDiverged, SpecMismatch, UnknownId
from mosel_gym.transition import TransitionConfig
from mosel_gym.types import Frame

if TYPE_CHECKING:
    from mosel_gym.envs.robotwin.control import ArmControl
    from mosel_gym.envs.robotwin.predicates import Predicates
    from mosel_gym.envs.robotwin.scene import RobotwinScene

Array = NDArray[np.float64]

_ROWS = {row.task.id: row for row in ROBOTWIN_TASKS}
_CONTROLS = {"ee_delta": "dual-panda-ee", "joint": "dual-panda-joint"}
_SETTLE_STEPS = 5
_START_ATTEMPTS = 20
_MOST_SPREAD_M = 0.05
_DEEPEST_M = 0.02
"""Further down, fingers would meet the table."""
_JOINT_LOW = np.array([*panda.JOINT_LOW_RAD, 0.0] * 2, np.float32)
_JOINT_HIGH = np.array([*panda.JOINT_HIGH_RAD, 1.0] * 2, np.float32)


class RobotwinEnv(LongHorizonEnv, gym.utils.EzPickle):
    """One RoboTwin task or skill: two Pandas with parallel grippers, tools on a table.

    Observation (Dict):
        - `head_camera`, and on request `left_camera`, `right_camera` (at the wrists) and
          `front_camera`: uint8 `[H, W, 3]`, RGB, upright. The front camera faces the robot: left
          and right are swapped in its picture.
        - With `depth`: `<camera>_depth`, float32 `[H, W]`, m from the camera's plane. With
          `segmentation`: `<camera>_segmentation`, int32 `[H, W]`, index into `body_names`, -1 =
          none.
        - `proprio`: float32 `[16]`: left arm's seven joint angles (rad) and gripper opening (0 =
          closed, 1 = open), then the right arm's.

    Action at 20 Hz, one block per arm, left first:
        - `control="ee_delta"`: float32 `[14]` in -1..1: translation of the end effector (1 = 0.05
          m), rotation as axis-angle (1 = 0.5 rad), both in the world frame, and the gripper (-1
          opens, +1 closes, 0 keeps what it was told). The numbers mean what LIBERO's do.
        - `control="joint"`: float32 `[16]`: seven absolute angles (rad), and the opening (0..1).

    World frame: x right, y away from the robots, z up; the table's top is at z = 0.74 m.

    Reward: 1 on the step on which the goal is reached, else 0. `terminated` once the goal has held
    for five steps (`success_hold`).

    Non-obvious behaviour (beside that of `LongHorizonEnv`):
        - Every reset builds a new simulation, and `set_state` builds one too and repeats the
          episode's actions in it: contact caches are part of PhysX's state and cannot be read.
        - A skill that begins with a tool in hand gets there inside `reset`: the scripted experts
          carry out what comes before it, and the arms go home holding on. That takes up to a
          second, and depends on `control` in the last centimetre. `info["start"]` names those
          skills.
        - A full-scale translation moves the hand by about half of 0.05 m in a step, as in LIBERO:
          the goal runs ahead of the arm. Joint targets are cut to 0.25 rad from where the arm is.
        - `info["skill_done"]` and `info["subgoals"]` are simulator truth; an agent that reads them
          is privileged.
        - The two renderers' pictures differ in shading; do not mix them in a dataset.

    Args:
        task_id: A registered id.
        cameras: Names; None = the head camera, or none with `renderer="none"`.
        camera_size: Side in pixels, or (height, width).
        render_every: Draw pictures on every so many steps.
        success_hold: Steps in a row that the goal must hold.
        control: "ee_delta" or "joint".
        renderer: "mujoco" draws a mirror of the bodies, the same everywhere; "sapien" is SAPIEN's
            own and needs Vulkan; "none" draws nothing.
        depth: Add depth pictures; "mujoco" only.
        segmentation: Add segmentations; "mujoco" only.
        max_steps: Overrides the task's step limit.
        start_spread_m: Where `reset` carries out skills, a tool is taken up to so far beside the
            middle of its handle, in x and y, and up to so far (at most 2 cm) deeper between the
            fingers: for demonstrations whose grasps differ as a policy's own do.
        render_mode: "rgb_array" or None.

    Raises:
        ValueError: An unknown camera, control mode or renderer; the message lists the valid ones.
        MissingLibrary: On first use: no SAPIEN, or no Vulkan for `renderer="sapien"`.
    """

    scene_camera: ClassVar[str] = "head_camera"
    experts: ClassVar[str] = "mosel_gym.envs.robotwin.experts"
    transition: ClassVar[TransitionConfig] = TransitionConfig(keep_grip=True)

    def __init__(
        self,
        task_id: str,
        *,
        cameras: tuple[str, ...] | None = None,
        camera_size: int | tuple[int, int] = 128,
        render_every: int = 1,
        success_hold: int = 5,
        control: str = "ee_delta",
        renderer: str = "mujoco",
        depth: bool = False,
        segmentation: bool = False,
        max_steps: int | None = None,
        start_spread_m: float = 0.0,
        render_mode: Literal["rgb_array"] | None = None,
    ) -> None:
        # A pickled environment comes back as it was made: a GL context cannot travel.
        gym.utils.EzPickle.__init__(
            self,
            task_id,
            cameras=cameras,
            camera_size=camera_size,
            render_every=render_every,
            success_hold=success_hold,
            control=control,
            renderer=renderer,
            depth=depth,
            segmentation=segmentation,
            max_steps=max_steps,
            start_spread_m=start_spread_m,
            render_mode=render_mode,
        )
        if not 0.0 <= start_spread_m <= _MOST_SPREAD_M:
            raise ValueError(
                f"start_spread_m={start_spread_m} must lie in 0..{_MOST_SPREAD_M}: further off, a "
                "hand misses the handle."
            )
        _check_choice("renderer", renderer, RENDERERS)
        _check_choice("control", control, _CONTROLS)
        if task_id not in _ROWS:
            raise UnknownId(f"{task_id!r} is no RoboTwin task. Known: {list(_ROWS)}.")
        if isinstance(cameras, str):
            raise ValueError(f"cameras is the text {cameras!r}; it must be a tuple of names.")
        if cameras is None:
            cameras = () if renderer == "none" else (self.scene_camera,)
        for name in cameras:
            _check_choice("camera", name, CAMERAS)
        if renderer == "none" and (cameras or render_mode):
            raise ValueError(
                "renderer='none' draws nothing: leave out `cameras` and `render_mode`, or take "
                "renderer='mujoco'."
            )
        self._row = _ROWS[task_id]
        if start_spread_m and not self._row.start:
            raise ValueError(
                f"start_spread_m={start_spread_m} has no effect on {task_id}: its `reset` "
                "carries out no skill. Leave it out, or take one that begins with a tool in hand."
            )
        self._kind = SCENES[self._row.scene]
        self._renderer, self.control = renderer, control
        self._start_spread_m = start_spread_m
        self._lazy_scene: RobotwinScene | None = None
        self._executed: list[Array] = []
        low, high = np.full(16, -np.pi, np.float32), np.full(16, 4.0, np.float32)
        low[7::8], high[7::8] = -0.5, 1.5
        super().__init__(
            task=self._row.task,
            cameras=cameras,
            camera_size=camera_size,
            render_every=render_every,
            success_hold=success_hold,
            max_steps=self._row.max_steps if max_steps is None else max_steps,
            proprio_space=gym.spaces.Box(low, high, dtype=np.float32),
            action_space=(
                gym.spaces.Box(-1.0, 1.0, (14,), np.float32)
                if control == "ee_delta"
                else gym.spaces.Box(_JOINT_LOW, _JOINT_HIGH, dtype=np.float32)
            ),
            robot=_CONTROLS[control],
            render_mode=render_mode,
        )
        extras = [n for n, on in (("depth", depth), ("segmentation", segmentation)) if on]
        self._viewer = Viewer(self._kind, renderer, self.picture_shape, tuple(extras))
        assert isinstance(self.observation_space, gym.spaces.Dict)
        spaces = {**self.observation_space.spaces, **self._viewer.extra_spaces(self.cameras)}
        self.observation_space = gym.spaces.Dict(spaces)

    @property
    def scene(self) -> RobotwinScene:
        """The simulation of the present episode; it is another object after each `reset`."""
        if self._lazy_scene is None:
            raise gym.error.ResetNeeded("Call `reset` first: a scene belongs to one episode.")
        return self._lazy_scene

    @property
    def body_names(self) -> tuple[str, ...]:
        """What a segmentation's numbers mean."""
        return tuple(body.name for body in drawn_bodies(self._kind))

    def expert_plan(self) -> tuple[str, ...]:
        """PRIVILEGED: a plan that works in the present layout; call it after `reset`."""
        if "hammer" in self.scene.body_names and len(self.task.plan) > 1:
            hand = "left" if self.scene.pose("block")[0, 3] < 0.0 else "right"
            return tuple(text.replace("left hand", f"{hand} hand") for text in self.task.plan)
        return self.task.plan

    # -- LongHorizonEnv ------------------------------------------------------------------------

    def _reset_scene(self, rng: np.random.Generator, options: dict[str, Any]) -> int | None:
        if options:
            raise ValueError(f"Unknown reset options {sorted(options)}; RoboTwin's has none.")
        for _ in range(_START_ATTEMPTS):
            self._build(self._kind.sample(rng))
            errors = None
            if self._start_spread_m:
                grasp = rng.uniform(-self._start_spread_m, self._start_spread_m, 3)
                grasp[2] = max(-abs(grasp[2]), -_DEEPEST_M)
                errors = AimErrors(grasp, np.zeros(3))
            if self._carry_out(self._row.start, errors):
                break
        else:
            raise SimulationDiverged(
                f"{self.task.id}: the start state could not be reached from seed "
                f"{self._episode_seed} in {_START_ATTEMPTS} layouts. Take another seed."
            )
        self._executed = []
        return None

    def _build(self, layout: Any) -> None:
        from mosel_gym.envs.robotwin.control import ArmControl
        from mosel_gym.envs.robotwin.predicates import Predicates
        from mosel_gym.envs.robotwin.scene import RobotwinScene

        if self._lazy_scene is not None:
            self._lazy_scene.close()
        pictures = self._renderer == "sapien"
        self._lazy_scene = scene = RobotwinScene(self._kind, layout, pictures=pictures)
        self.controls: dict[str, ArmControl] = {
            arm: ArmControl(scene.arms[arm], scene.pose(f"{arm}_link0")) for arm in ARMS
        }
        for _ in range(_SETTLE_STEPS):
            scene.step()
        self.predicates: Predicates = Predicates(scene)

    def _carry_out(self, skills: tuple[str, ...], errors: AimErrors | None) -> bool:
        """Let the experts do what comes before the episode; whether all of it succeeded."""
        home = self._proprio()
        for skill in skills:
            if not self._run(skill_actions(self, skill, errors)):
                return False
            if not self.predicates.holds(goal_of_skill(skill)):
                return False
            if not self._run(transition_actions(self, home)):
                return False
        for _ in range(_SETTLE_STEPS if skills else 0):  # the episode begins at rest
            self._advance(self._checked(self.robot.still(self._proprio(), "keep")))
        self._clipped = 0
        self.predicates.memory.forget()
        return not self._fault()

    def _run(self, actions: Iterator[Array]) -> bool:
        """Execute actions; whether the simulation is still sound."""
        for action in actions:
            self._advance(self._checked(action.astype(np.float32)))
            if self._fault():
                return False
        return True

    def _advance(self, action: Array) -> None:
        self._executed.append(action.copy())
        for control, block in zip(self.controls.values(), action.reshape(2, -1), strict=True):
            if self.control == "joint":
                control.joint(block)
            else:
                control.ee_delta(block)
        self.scene.step()
        self.predicates.memory.after_step()

    def _fault(self) -> str:
        return "" if self.scene.is_finite() else "The simulation diverged (a pose is not finite)"

    def _goal_reached(self) -> bool:
        return all(self.predicates.holds(goal) for goal in self._row.subgoals.values())

    def _subgoals(self) -> dict[str, bool]:
        return {
            sentence: self.predicates.holds(goal) for sentence, goal in self._row.subgoals.items()
        }

    def _skill_done(self) -> dict[str, bool]:
        return {text: self.predicates.holds(goal_of_skill(text)) for text in self.task.skill_texts}

    def _proprio(self) -> NDArray[np.float32]:
        arms = self.scene.arms.values()
        return np.concatenate([[*arm.angles, arm.opening] for arm in arms]).astype(np.float32)

    def _draw(self, camera: str) -> Frame:
        return self._viewer.draw(self.scene, camera)

    def render(self) -> Frame | None:
        """The head camera's view of the current state, uint8 `[H, W, 3]`, for "rgb_array"."""
        self._viewer.follow(self.scene)
        return super().render()

    def _refresh_pictures(self) -> None:
        if self.cameras:
            self._viewer.follow(self.scene)
        super()._refresh_pictures()
        for camera in self.cameras:
            self._pictures |= self._viewer.draw_extras(camera)

    def _constant_info(self) -> dict[str, Any]:
        return {
            "protocol": "mosel",
            "image_orientation": "upright",
            "renderer": self._viewer.name,
            "assets": assets_name(self._kind),
            "start": self._row.start,
        }

    # -- state ---------------------------------------------------------------------------------

    def get_state(self) -> dict[str, Any]:
        """Everything that decides the rest of the episode, as plain arrays and numbers.

        PhysX keeps contact caches that cannot be read, so this is the way back and not the place:
        the seed, and every action since the reset, float64 `[t, A]`.
        """
        size = self.robot.action_size
        return {
            "made_by": (self.task.id, self.robot.name, self._start_spread_m),
            "actions": np.array(self._executed).reshape(-1, size),
            "episode": self._counters(),
        }

    def set_state(self, state: dict[str, Any]) -> Obs:
        """Restore `get_state()`; the same actions then give the same states, to the last bit.

        Takes as long as the reset and the steps so far took without pictures.

        Returns:
            The observation of the restored state.

        Raises:
            SpecMismatch: The state is of another task, control mode or `start_spread_m`.
        """
        here = (self.task.id, self.robot.name, self._start_spread_m)
        if tuple(state["made_by"]) != here:
            raise SpecMismatch(
                f"The state was made by {tuple(state['made_by'])}; this environment is {here}. "
                "Make the environment with the same id, `control` and `start_spread_m`."
            )
        self._ready = False
        self._episode_seed = state["episode"]["_episode_seed"]
        self._reset_scene(np.random.default_rng(self._episode_seed), {})
        for action in state["actions"]:
            self._advance(action)
        self._set_counters(state["episode"])  # last: a reset counts clipped actions of its own
        self._ready = True
        self._refresh_pictures()
        return self._told()[0]

    def record_state(self) -> Array:
        """What a picture needs: the pose of every body, float64 `[n * 7]`, see `body_names`."""
        return self.scene.poses().reshape(-1)

    def bodies_of(self, state: Array, fixtures: Array | None = None) -> tuple[Array, Array]:
        """What stands on the table, see `LongHorizonEnv`; drawers are bodies of their own here."""
        things = [
            at
            for at, name in enumerate(self.body_names)
            if not name.startswith(("left_", "right_", "table"))
        ]
        return state.reshape(-1, 7)[things], np.zeros(0)

    def draw_state(self, state: Array, fixtures: Array | None = None) -> dict[str, Frame]:
        """Draw a recorded state with the mirror: the very pictures that an observation had.

        Args:
            state: As `record_state` returned it.
            fixtures: Nothing stands outside of `state`; only None is taken.

        Raises:
            ValueError: Another size than this task's, or `renderer` is not "mujoco".
        """
        count = len(self.body_names)
        if state.shape != (7 * count,) or fixtures is not None:
            raise ValueError(
                f"The state has shape {state.shape}; {self.task.id} has {count} bodies, so it must "
                f"be ({7 * count},), without fixtures."
            )
        if self._renderer != "mujoco":
            raise ValueError("Only renderer='mujoco' draws a recorded state.")
        self._viewer.mirror.place(state.reshape(count, 7))
        return {name: self._viewer.mirror.draw(name) for name in self.cameras}

    def close(self) -> None:
        """Free the GL context and the simulator; calling it twice is fine."""
        self._ready = False
        self._viewer.close()
        if self._lazy_scene is not None:
            self._lazy_scene.close()
            self._lazy_scene = None


def _check_choice(what: str, value: str, allowed: Any) -> None:
    if value not in allowed:
        raise ValueError(f"Unknown {what} {value!r}; allowed: {list(allowed)}.")
