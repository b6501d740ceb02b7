"""BDDL -> MuJoCo model. The only module that imports libero and robosuite.

LIBERO builds the scene and evaluates its own predicates; everything that happens every step is
ours.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mosel_gym.envs.gl import OFF, choose_backend
from mosel_gym.envs.libero.assets import default_pack, resolve_pack
from mosel_gym.envs.libero.init_states import read_init_states
from mosel_gym.envs.libero.layouts import Layout, widened
from mosel_gym.envs.libero.sentences import sentence
from mosel_gym.envs.libero.tasks import LiberoTask, Predicate
from mosel_gym.errors import AssetError, MissingLibrary

choose_backend()  # before mujoco and robosuite read MUJOCO_GL

import mujoco  # noqa: E402

from mosel_gym.envs.libero.assets.robot import light_robot_xml  # noqa: E402
from mosel_gym.envs.libero.dynamics import PandaDynamics, RobotIndex  # noqa: E402

_MAX_PLACEMENT_TRIES = 100
_LATTICE_M = 0.03
Array = NDArray[np.float64]


@cache
def _libero_root() -> Path:
    spec = importlib.util.find_spec("libero")
    if spec is None or not spec.submodule_search_locations:
        raise MissingLibrary("LIBERO is not installed. Install it with `pip install hf-libero`.")
    return Path(next(iter(spec.submodule_search_locations))) / "libero"


def bddl_path(suite: str, stem: str) -> Path:
    """LIBERO's own problem file, from the installed wheel."""
    return _libero_root() / "bddl_files" / suite / f"{stem}.bddl"


@cache
def _import_libero() -> Any:
    """Import LIBERO without its prompt, its log lines or its download.

    Its package asks on standard input where datasets should go unless a configuration exists, so a
    private one is written first.
    """
    root = _libero_root()
    config = Path(tempfile.mkdtemp(prefix="mosel-libero-"))
    entries = {
        "benchmark_root": root,
        "bddl_files": root / "bddl_files",
        "init_states": root / "init_files",
        "datasets": config / "datasets",
        "assets": config / "assets",
    }
    lines = "".join(f'{key}: "{path}"\n' for key, path in entries.items())
    (config / "config.yaml").write_text(lines, encoding="utf-8")
    logging.getLogger("robosuite_logs").setLevel(logging.ERROR)
    variables = {"LIBERO_CONFIG_PATH": str(config)}
    if choose_backend() == OFF:
        variables["MUJOCO_GL"] = "glx"  # the one value that makes robosuite load no GL library
    with _environment(variables), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # old escape sequences and the like, not the user's to mend
        package = importlib.import_module("libero.libero")
        importlib.import_module("libero.libero.envs.env_wrapper")
    return package


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """Set environment variables, and put back what was there."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _use_pack(pack: Path) -> None:
    """Point LIBERO at an asset directory; the hook that keeps it from downloading."""
    _import_libero()._assets_path_cache = str(pack)


def make_stock_env(
    row: LiberoTask, pack: Path | None = None, camera_size: int = 128, offscreen: bool = True
) -> Any:
    """LIBERO's own environment on the same pack: the reference for equivalence and for speed."""
    _use_pack(pack or default_pack())
    from libero.libero.envs.env_wrapper import ControlEnv

    with preserved_global_rng(0):
        return ControlEnv(
            bddl_file_name=str(bddl_path(row.suite, row.bddl)),
            has_offscreen_renderer=offscreen,
            use_camera_obs=offscreen,
            camera_heights=camera_size,
            camera_widths=camera_size,
            ignore_done=True,
        )


@contextmanager
def preserved_global_rng(seed: int) -> Iterator[None]:
    """Run LIBERO's samplers, which draw from numpy's global generator, on a seed of their own."""
    state = np.random.get_state()
    np.random.seed(seed)
    try:
        yield
    finally:
        np.random.set_state(state)


def _problem_of(suite: str, stem: str) -> Any:
    """LIBERO's own reading of a problem file.

    Raises:
        AssetError: There is no such file, or it is damaged; the message names it and the fault.
    """
    path = bddl_path(suite, stem)
    if not path.is_file():
        raise AssetError(f"LIBERO has no problem file {path.name!r} in suite {suite!r}.")
    _import_libero()
    from libero.libero.envs import bddl_utils

    try:
        problem = bddl_utils.robosuite_parse_problem(str(path))
        if not problem["goal_state"] or not problem["fixtures"]:
            raise ValueError("it has no goal, or no fixtures")
    except Exception as error:  # the parser lets all kinds through
        raise AssetError(
            f"Cannot read the problem file {path}: {error or type(error).__name__}. Reinstall "
            "hf-libero if it came with it."
        ) from error
    return problem


@contextmanager
def _light_robot() -> Iterator[None]:
    """Let robosuite compile light meshes while it constructs: the heavy ones take 0.2 s each time.

    Its constructor compiles before a caller could hand it an XML processor.
    """
    from robosuite.environments.base import MujocoEnv

    stock = MujocoEnv._initialize_sim

    def initialize(env: Any, xml_string: str | None = None) -> None:
        stock(env, xml_string or light_robot_xml(env.model.get_xml()))

    MujocoEnv._initialize_sim = initialize
    try:
        yield
    finally:
        MujocoEnv._initialize_sim = stock


class LiberoScene:
    """A compiled task: model and state, with LIBERO's predicates and placement samplers."""

    def __init__(self, row: LiberoTask, assets: str = "procedural") -> None:
        self.pack, self.assets = resolve_pack(assets)
        _problem_of(row.suite, row.bddl)
        with _light_robot():
            stock = make_stock_env(row, self.pack, offscreen=False)
        self._problem = stock.env
        with preserved_global_rng(0):
            self._problem._initialize_sim(xml_string=light_robot_xml(self._problem.model.get_xml()))
            model = self._problem.sim.model._model
            # Where fixtures stand before any placement; LIBERO's samplers reckon from there.
            self._unplaced = model.body_pos.copy(), model.body_quat.copy()
            self._problem._reset_internal()
        self.model = self._problem.sim.model._model
        self.data = self._problem.sim.data._data
        self._geoms_of: dict[str, NDArray[np.bool_]] = {}
        self._problem.check_contact = self._touch  # same answer, a tenth of the time
        self.index = self._robot_index()
        self.dynamics = PandaDynamics(self.model, self.data, self.index)
        self.goal: tuple[Predicate, ...] = self._goal_of(row.suite, row.bddl)
        self.skill_goals = {
            text: row.extra_goals.get(text)
            or self._goal_of("libero_90", f"{row.scene}_{text.replace(' ', '_')}")
            for text in row.task.skill_texts
        }
        self.subgoals = {
            sentence(predicate, row.task.skills, self.skill_goals): predicate
            for predicate in self.goal
        }
        """What a camera can check, for each predicate of the goal."""
        self._init_states_file = (
            _libero_root() / "init_files" / row.suite / f"{row.bddl}.pruned_init"
        )
        names = list(self._problem.fixtures_dict)
        self._fixtures = [self._problem.obj_body_id[name] for name in names]
        self._lattices: dict[str, tuple[NDArray[np.intp], Array]] = {}
        self._start_layout = self.layout()

    @property
    def object_joints(self) -> tuple[list[int], list[int]]:
        """Addresses in qpos: of each object's pose, and of each joint of a drawer, door or knob."""
        kinds, addresses = self.model.jnt_type, self.model.jnt_qposadr
        names = [self.model.joint(at).name for at in range(self.model.njnt)]
        free = kinds == mujoco.mjtJoint.mjJNT_FREE
        robot = np.array([name.startswith(("robot", "gripper")) for name in names])
        return addresses[free].tolist(), addresses[~free & ~robot].tolist()

    # -- predicates --------------------------------------------------------------------------

    def _goal_of(self, suite: str, stem: str) -> tuple[Predicate, ...]:
        return tuple(tuple(state) for state in _problem_of(suite, stem)["goal_state"])

    def holds(self, predicates: tuple[Predicate, ...]) -> bool:
        """Whether all predicates hold in the current state, by LIBERO's own evaluation."""
        return all(bool(self._problem._eval_predicate(list(p))) for p in predicates)

    def _touch(self, one: Any, other: Any) -> bool:
        """Whether any collision geom of one of LIBERO's objects touches one of the other."""
        pairs = self.data.contact.geom
        a, b = self._mask(one)[pairs], self._mask(other)[pairs]
        return bool(((a[:, 0] & b[:, 1]) | (a[:, 1] & b[:, 0])).any())

    def _mask(self, thing: Any) -> NDArray[np.bool_]:
        if thing.name not in self._geoms_of:
            mask = np.zeros(self.model.ngeom, bool)
            mask[[self.model.geom(name).id for name in thing.contact_geoms]] = True
            self._geoms_of[thing.name] = mask
        return self._geoms_of[thing.name]

    def after_step(self) -> None:
        """LIBERO's own bookkeeping of visible states, such as the stove's burner."""
        self._problem._post_process()

    # -- objects, for the scripted expert ------------------------------------------------------

    def body_pose(self, name: str) -> tuple[Array, Array]:
        """World position float64 `[3]` m and rotation float64 `[3, 3]` of an object. Privileged."""
        body = self._problem.obj_body_id[name]
        return self.data.xpos[body].copy(), self.data.xmat[body].reshape(3, 3).copy()

    def region_centre(self, name: str) -> Array:
        """Centre of a BDDL region, float64 `[3]` m, world. Privileged."""
        centre: Array = self.data.site(name).xpos.copy()
        return centre

    def region_half_size(self, name: str) -> Array:
        """Half extents of a BDDL region, float64 `[3]` m. Privileged."""
        return np.array(self.model.site(name).size, np.float64)

    def collision_points(self, name: str) -> Array:
        """Points of an object's collision boxes, float64 `[n, 3]` m, world. Privileged.

        The corners, and points between them at most 3 cm apart, so that the edge of a large box is
        not overlooked. Any other shape is taken by the box around it; doors and drawers count.
        """
        if name not in self._lattices:
            self._lattices[name] = self._lattice_of(self._problem.obj_body_id[name])
        geoms, points = self._lattices[name]
        rotations = self.data.geom_xmat[geoms].reshape(-1, 3, 3)
        world: Array = np.einsum("nij,nj->ni", rotations, points) + self.data.geom_xpos[geoms]
        return world

    def _lattice_of(self, body: int) -> tuple[NDArray[np.intp], Array]:
        """Points on the solid geoms of a body and its children, and the geom of each."""
        model = self.model
        chain = np.zeros(model.nbody, bool)
        chain[body] = True
        for child in range(body + 1, model.nbody):  # parents come before their children
            chain[child] |= chain[model.body_parentid[child]]
        solid = (model.geom_contype | model.geom_conaffinity) != 0  # fixtures have affinity alone
        owners, points = [], []
        for geom in np.flatnonzero(chain[model.geom_bodyid] & solid):
            centre, half = model.geom_aabb[geom][:3], model.geom_aabb[geom][3:]
            axes = [np.linspace(-h, h, 2 + int(2 * h / _LATTICE_M)) for h in half]
            lattice = centre + np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 3)
            points.append(lattice)
            owners.append(np.full(len(lattice), geom))
        return np.concatenate(owners), np.concatenate(points)

    def height_below(self, point: Array) -> float:
        """Height (m, world) of the first solid surface straight below a point, or -inf."""
        groups = np.array([1, 0, 0, 0, 0, 0], np.uint8)  # collision geoms
        geom = np.array([-1], np.int32)
        down = np.array([0.0, 0.0, -1.0])
        distance = mujoco.mj_ray(self.model, self.data, point, down, groups, 1, -1, geom)
        return float(point[2] - distance) if geom[0] >= 0 else -np.inf

    @property
    def object_names(self) -> tuple[str, ...]:
        """Movable objects."""
        return tuple(self._problem.objects_dict)

    @property
    def fixture_names(self) -> tuple[str, ...]:
        """What stands fixed on the table: cabinet, stove, microwave, caddy, shelf, rack."""
        return tuple(self._problem.fixtures_dict)

    # -- layouts -------------------------------------------------------------------------------

    def layout(self) -> Layout:
        """The current state as a layout."""
        return Layout(
            self.data.qpos.copy(),
            self.data.qvel.copy(),
            self.model.body_pos[self._fixtures].copy(),
            self.model.body_quat[self._fixtures].copy(),
        )

    def apply(self, layout: Layout) -> None:
        """Soft reset: write a layout into the compiled model, without rebuilding anything."""
        mujoco.mj_resetData(self.model, self.data)
        self.model.body_pos[self._fixtures] = layout.fixture_pos
        self.model.body_quat[self._fixtures] = layout.fixture_quat
        # The controller's start goal is the home pose, whatever the layout's first arm pose is.
        self.data.qpos[self.index.arm_qpos] = self.index.home_qpos
        mujoco.mj_kinematics(self.model, self.data)
        self.dynamics.reset_controller()
        self.data.qpos[:] = layout.qpos
        self.data.qvel[:] = layout.qvel
        mujoco.mj_forward(self.model, self.data)

    def integration_state(self) -> Array:
        """The full simulator state, the solver's warm start included."""
        state = np.empty(mujoco.mj_stateSize(self.model, mujoco.mjtState.mjSTATE_INTEGRATION))
        mujoco.mj_getState(self.model, self.data, state, mujoco.mjtState.mjSTATE_INTEGRATION)
        return state

    def restore(self, simulator: Array, fixture_pos: Array, fixture_quat: Array) -> None:
        """Write `integration_state()` back; poses and contacts are up to date afterwards."""
        self.model.body_pos[self._fixtures] = fixture_pos
        self.model.body_quat[self._fixtures] = fixture_quat
        mujoco.mj_setState(self.model, self.data, simulator, mujoco.mjtState.mjSTATE_INTEGRATION)
        mujoco.mj_step1(self.model, self.data)  # not mj_forward: it would overwrite the warm start
        self.after_step()

    def show(self, state: Array, fixtures: Array | None = None) -> None:
        """Put a recorded state (time, qpos, qvel) up for drawing.

        Raises:
            ValueError: An array has another size than this task's.
        """
        nq, nv = self.model.nq, self.model.nv
        if state.shape != (1 + nq + nv,):
            raise ValueError(f"The state has shape {state.shape}; this task's is ({1 + nq + nv},).")
        if fixtures is not None:
            if fixtures.shape != (len(self._fixtures), 7):
                raise ValueError(
                    f"The fixtures have shape {fixtures.shape}; needed: ({len(self._fixtures)}, 7)."
                )
            self.model.body_pos[self._fixtures] = fixtures[:, :3]
            self.model.body_quat[self._fixtures] = fixtures[:, 3:]
        mujoco.mj_resetData(self.model, self.data)
        self.data.time = state[0]
        self.data.qpos[:], self.data.qvel[:] = state[1 : 1 + nq], state[1 + nq :]
        mujoco.mj_step1(self.model, self.data)
        self.after_step()

    def sample_layout(self, rng: np.random.Generator, spread_m: float = 0.0) -> Layout:
        """Draw object and fixture poses from LIBERO's own samplers.

        Args:
            rng: Private generator; numpy's global one is left as it was.
            spread_m: Widens the layouts: each movable object that stands on the table is moved by
                up to this much in x and in y, so that no two objects touch.
        """
        for _ in range(_MAX_PLACEMENT_TRIES):
            layout = self._sample_stock_layout(int(rng.integers(2**32)))
            if layout is None:
                continue
            if spread_m > 0:
                layout = widened(
                    layout, rng, spread_m, problem=self._problem, model=self.model, goal=self.goal
                )
            if layout is not None:
                return layout
        raise AssetError(
            f"No free placement found in {_MAX_PLACEMENT_TRIES} tries with layout_spread_m="
            f"{spread_m}. Use a smaller spread (0.06 is known to work)."
        )

    def _sample_stock_layout(self, seed: int) -> Layout | None:
        from robosuite.utils.errors import RandomizationError

        problem = self._problem
        mujoco.mj_resetData(self.model, self.data)
        self.data.qpos[:] = self._start_layout.qpos
        self.model.body_pos[:], self.model.body_quat[:] = self._unplaced
        with preserved_global_rng(seed):
            try:
                for sampler in problem.object_property_initializers:
                    problem.object_states_dict[sampler.name].set_joint(sampler.sample())
                mujoco.mj_step1(self.model, self.data)
                placed = problem.placement_initializer.sample()
                placed = problem.conditional_placement_initializer.sample(problem.sim, placed)
                placed = problem.conditional_placement_on_objects_initializer.sample(placed)
            except RandomizationError:
                return None
        for position, quat, item in placed.values():
            if item.name in problem.fixtures_dict:
                body = problem.obj_body_id[item.name]
                self.model.body_pos[body], self.model.body_quat[body] = position, quat
            else:
                problem.sim.data.set_joint_qpos(item.joints[-1], np.concatenate((position, quat)))
        return self.layout()

    @property
    def init_states(self) -> Array:
        """LIBERO's stored states, float64 `[50, 1 + nq + nv]`: time, qpos, qvel."""
        return read_init_states(self._init_states_file, 1 + self.model.nq + self.model.nv)

    def stored_layout(self, init_state_id: int, fixture_seed: int = 0) -> Layout:
        """One of LIBERO's stored states, which hold no fixture poses: those are drawn anew.

        Args:
            init_state_id: Which of `init_states`.
            fixture_seed: Decides where the fixtures stand.
        """
        state = self.init_states[init_state_id]
        nq = self.model.nq
        fixtures = self.sample_layout(np.random.default_rng(fixture_seed))
        return Layout(
            state[1 : 1 + nq], state[1 + nq :], fixtures.fixture_pos, fixtures.fixture_quat
        )

    def _robot_index(self) -> RobotIndex:
        robot = self._problem.robots[0]
        qpos, dof = robot._ref_joint_pos_indexes, robot._ref_joint_vel_indexes
        actuators = robot._ref_joint_actuator_indexes
        low, high = robot.torque_limits
        return RobotIndex(
            arm_qpos=_as_slice(qpos),
            arm_dof=_as_slice(dof),
            arm_actuators=_as_slice(actuators),
            finger_qpos=tuple(robot._ref_gripper_joint_pos_indexes),
            finger_actuators=tuple(robot._ref_joint_gripper_actuator_indexes),
            grip_site=robot.eef_site_id,
            hand_body=self.model.body(robot.robot_model.eef_name).id,
            home_qpos=np.array(robot.init_qpos, np.float64),
            torque_low=np.array(low, np.float64),
            torque_high=np.array(high, np.float64),
        )

    def close(self) -> None:
        """Release LIBERO's environment."""
        self._problem.close()


def _as_slice(indices: list[int]) -> slice:
    if indices != list(range(indices[0], indices[-1] + 1)):
        raise AssetError(f"Expected the robot's joints side by side in the model, got {indices}.")
    return slice(indices[0], indices[-1] + 1)
