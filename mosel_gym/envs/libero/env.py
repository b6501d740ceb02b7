"""LIBERO's long tasks and its ninety skills as a Gymnasium environment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from mosel_gym.envs.base import LongHorizonEnv
from mosel_gym.envs.libero.protocols import protocol as find_protocol
from mosel_gym.envs.libero.tasks import LIBERO_TASKS
from mosel_gym.rotations import quat_xyzw_to_axis_angle
from mosel_gym.types import Frame

if TYPE_CHECKING:
    from mosel_gym.envs.libero.scene import LiberoScene
    from mosel_gym.envs.render import SceneRenderer

_CAMERAS = {"agentview": "agentview", "wrist": "robot0_eye_in_hand"}
_TURNS: dict[str, tuple[slice, slice]] = {
    "upright": (slice(None), slice(None)),
    "opengl": (slice(None, None, -1), slice(None)),
    "rotated": (slice(None), slice(None, None, -1)),
}
_PROPRIO_BOUND = np.array([2.0] * 3 + [2 * np.pi] * 3 + [0.1] * 2, np.float32)
"""No reachable pose comes near: m, rad (an axis-angle without flip may pass pi), m."""
_ROWS = {row.task.id: row for row in LIBERO_TASKS}


class LiberoEnv(LongHorizonEnv, gym.utils.EzPickle):
    """One LIBERO task: a Panda arm with a parallel gripper before a table.

    Observation (Dict):
        - `agentview`, `wrist`: uint8 `[camera_size, camera_size, 3]`, RGB, upright unless the
          protocol says otherwise (`info["image_orientation"]`).
        - `proprio`: float32 `[8]`: end effector position (m, world), orientation of the hand as
          axis-angle (rad, world, no antipodal flip), two finger joints (m).

    Action: float32 `[7]` in -1..1 at 20 Hz: end effector translation (1 = 0.05 m), rotation as
    axis-angle in the world frame (1 = 0.5 rad), gripper (-1 opens, +1 closes, 0 holds).

    Reward: 1 on the step on which the goal is reached, else 0.

    Non-obvious behaviour (beside that of `LongHorizonEnv`):
        - A full-scale translation moves the arm by 2 to 3 cm a step, not 5: the goal runs ahead.
        - The gripper command ramps: 8 steps from open to closed.
        - Objects start in the air, so `reset` takes the protocol's idle steps before it returns.
        - LIBERO's `On` between two objects asks for contact and centres closer than 3 cm; it can be
          true while the object is still held.
        - `info["skill_done"]` and `info["subgoals"]` are simulator truth; an agent that reads them
          is privileged.

    Args:
        task_id: A registered id.
        cameras: Any of "agentview", "wrist"; `()` for physics alone.
        camera_size: Side in pixels, or (height, width); 128 is LIBERO's default.
        render_every: Draw pictures on every so many steps.
        success_hold: Steps in a row that the goal must hold.
        protocol: Preset of warm-up, step limit, start states and picture orientation, see
            `protocols.py`.
        layout_spread_m: 0 = LIBERO's own placement ranges; otherwise each object on the table is
            moved by up to this much in x and y.
        max_steps: Overrides the protocol's step limit.
        assets: "procedural" (the same on every machine), "real" (LIBERO's own, where they are on
            disk), or a folder; `info["assets"]` names the pack with its hash.
        render_mode: "rgb_array" or None.
    """

    scene_camera: ClassVar[str] = "agentview"
    experts: ClassVar[str] = "mosel_gym.envs.libero.experts"

    def __init__(
        self,
        task_id: str,
        *,
        cameras: tuple[str, ...] = ("agentview", "wrist"),
        camera_size: int | tuple[int, int] = 128,
        render_every: int = 1,
        success_hold: int = 1,
        protocol: str = "mosel",
        layout_spread_m: float = 0.0,
        max_steps: int | None = None,
        assets: str = "procedural",
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
            protocol=protocol,
            layout_spread_m=layout_spread_m,
            max_steps=max_steps,
            assets=assets,
            render_mode=render_mode,
        )
        unknown = [name for name in cameras if name not in _CAMERAS]
        if unknown:
            raise ValueError(f"Unknown cameras {unknown}; allowed: {sorted(_CAMERAS)}.")
        if not 0.0 <= layout_spread_m <= 0.2:
            raise ValueError(f"layout_spread_m is {layout_spread_m}; allowed: 0 to 0.2 m.")
        self.protocol = find_protocol(protocol)
        self.layout_spread_m = layout_spread_m
        self.assets = assets
        self._row = _ROWS[task_id]
        self._lazy_scene: LiberoScene | None = None
        self._renderer: SceneRenderer | None = None
        self.home_rotation = np.zeros(3)
        """Of the hand at the episode's start, float64 `[3]` rad, world, axis-angle."""
        super().__init__(
            task=self._row.task,
            cameras=cameras,
            camera_size=camera_size,
            render_every=render_every,
            success_hold=success_hold,
            max_steps=(
                self.protocol.max_steps[self._row.suite] if max_steps is None else max_steps
            ),
            proprio_space=gym.spaces.Box(-_PROPRIO_BOUND, _PROPRIO_BOUND, dtype=np.float32),
            action_space=gym.spaces.Box(-1.0, 1.0, (7,), np.float32),
            robot="panda",
            render_mode=render_mode,
        )

    @property
    def scene(self) -> LiberoScene:
        """The compiled scene; built when first needed, so that it belongs to the using process."""
        if self._lazy_scene is None:
            from mosel_gym.envs.libero.scene import LiberoScene

            self._lazy_scene = LiberoScene(self._row, self.assets)
        return self._lazy_scene

    # -- LongHorizonEnv ------------------------------------------------------------------------

    def _reset_scene(self, rng: np.random.Generator, options: dict[str, Any]) -> int | None:
        unknown = set(options) - {"init_state_id"}
        if unknown:
            raise ValueError(f"Unknown reset options {sorted(unknown)}; allowed: 'init_state_id'.")
        init_state_id = options.get("init_state_id")
        if init_state_id is None and self.protocol.states == "stored":
            init_state_id = self._episode_seed % len(self.scene.init_states)
        if init_state_id is None:
            layout = self.scene.sample_layout(rng, self.layout_spread_m)
        else:
            count = len(self.scene.init_states)
            if not 0 <= int(init_state_id) < count:
                raise ValueError(f"init_state_id is {init_state_id}; allowed: 0 to {count - 1}.")
            fixture_seed = self.protocol.fixture_seed
            layout = self.scene.stored_layout(
                int(init_state_id),
                self._episode_seed if fixture_seed is None else fixture_seed,
            )
        self.scene.apply(layout)
        idle = np.zeros(7)
        idle[6] = self.protocol.settle_gripper
        for _ in range(self.protocol.warm_up_steps):
            self._advance(idle)
        self.home_rotation = self._proprio()[3:6].astype(np.float64)
        return None if init_state_id is None else int(init_state_id)

    def _advance(self, action: NDArray[np.float64]) -> None:
        self.scene.dynamics.step(action)
        self.scene.after_step()

    def _goal_reached(self) -> bool:
        return self.scene.holds(self.scene.goal)

    def _skill_done(self) -> dict[str, bool]:
        return {text: self.scene.holds(goal) for text, goal in self.scene.skill_goals.items()}

    def _subgoals(self) -> dict[str, bool]:
        return {
            sentence: self.scene.holds((predicate,))
            for sentence, predicate in self.scene.subgoals.items()
        }

    def _fault(self) -> str:
        return "" if np.isfinite(self.scene.data.qpos).all() else "The simulation diverged"

    def _proprio(self) -> NDArray[np.float32]:
        data, index = self.scene.data, self.scene.index
        return np.concatenate(
            (
                data.site_xpos[index.grip_site],
                quat_xyzw_to_axis_angle(np.roll(data.xquat[index.hand_body], -1)),
                data.qpos[list(index.finger_qpos)],
            )
        ).astype(np.float32)

    def _draw(self, camera: str) -> Frame:
        if self._renderer is None:
            from mosel_gym.envs.render import SceneRenderer

            self._renderer = SceneRenderer(self.scene.model, self.picture_shape)
        return self._renderer.draw(self.scene.data, _CAMERAS[camera])

    def _refresh_pictures(self) -> None:
        super()._refresh_pictures()
        turn = _TURNS[self.protocol.orientation]
        self._pictures = {
            name: np.ascontiguousarray(picture[turn]) for name, picture in self._pictures.items()
        }

    def _constant_info(self) -> dict[str, Any]:
        return {
            "protocol": self.protocol.name,
            "image_orientation": self.protocol.orientation,
            "renderer": self._renderer.name if self._renderer else "none",
            "assets": self.scene.assets,
        }

    # -- state ---------------------------------------------------------------------------------

    def get_state(self) -> dict[str, Any]:
        """Everything that decides the rest of the episode, as plain arrays and numbers.

        Simulator state (with the solver's warm start), fixture poses, controller goal, gripper
        ramp, and the episode's counters.
        """
        scene = self.scene
        return {
            "simulator": scene.integration_state(),
            "fixture_pos": scene.layout().fixture_pos,
            "fixture_quat": scene.layout().fixture_quat,
            "goal_position": scene.dynamics.goal_position.copy(),
            "goal_rotation": scene.dynamics.goal_rotation.copy(),
            "finger_command": scene.dynamics.finger_command.copy(),
            "episode": self._counters(),
        }

    def set_state(self, state: dict[str, Any]) -> dict[str, NDArray[Any]]:
        """Restore `get_state()`; the same actions then give the same states. Redraws pictures.

        Returns:
            The observation of the restored state.
        """
        scene = self.scene
        scene.restore(state["simulator"], state["fixture_pos"], state["fixture_quat"])
        scene.dynamics.goal_position = state["goal_position"].copy()
        scene.dynamics.goal_rotation = state["goal_rotation"].copy()
        scene.dynamics.finger_command = state["finger_command"].copy()
        self._set_counters(state["episode"])
        self._ready = True
        self._refresh_pictures()
        return self._told()[0]

    def record_state(self) -> NDArray[np.float64]:
        """LIBERO's stored form of a state: float64 `[1 + nq + nv]`: time, qpos, qvel."""
        data = self.scene.data
        return np.concatenate(([data.time], data.qpos, data.qvel))

    def bodies_of(
        self, state: NDArray[np.float64], fixtures: NDArray[np.float64] | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Objects, then fixtures, and the joints of the latter; see `LongHorizonEnv`."""
        free, joints = self.scene.object_joints
        qpos = state[1:]
        poses = np.stack([qpos[at : at + 7] for at in free])
        if fixtures is not None:
            poses = np.concatenate((poses, fixtures))
        return poses, qpos[joints]

    def fixture_poses(self) -> NDArray[np.float64]:
        """Where the fixtures stand, float64 `[n, 7]`: world position (m) and wxyz rotation.

        The part of a layout that `record_state` leaves out.
        """
        layout = self.scene.layout()
        return np.concatenate((layout.fixture_pos, layout.fixture_quat), axis=1)

    def draw_state(
        self, state: NDArray[np.float64], fixtures: NDArray[np.float64] | None = None
    ) -> dict[str, Frame]:
        """Draw a recorded state: the very pictures that an observation of it had.

        The environment stays in that state; call `reset` before stepping again.

        Args:
            state: As `record_state` returned it, float64 `[1 + nq + nv]`.
            fixtures: As `fixture_poses` returned them; None leaves the fixtures where they are.

        Raises:
            ValueError: An array has another size than this task's.
        """
        self.scene.show(state, fixtures)
        self._refresh_pictures()
        return {name: picture.copy() for name, picture in self._pictures.items()}

    def close(self) -> None:
        """Free the GL context and the simulator; calling it twice is fine."""
        self._ready = False
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None
        if self._lazy_scene is not None:
            self._lazy_scene.close()
            self._lazy_scene = None
