"""Our environments as a benchmark of vla-eval, by import string."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray
from vla_eval.benchmarks.base import StepBenchmark, StepResult
from vla_eval.render import apply_env, configure_mujoco_render
from vla_eval.specs import DimSpec

from mosel_gym.benchmark.env_arguments import given
from mosel_gym.benchmark.specs import EnvSpec
from mosel_gym.envs.base import LongHorizonEnv
from mosel_gym.envs.gl import PACKAGES, choose_backend
from mosel_gym.errors import InvalidAction, SimulationDiverged, SpecMismatch, UnknownId
from mosel_gym.integrations.layouts import layout
from mosel_gym.integrations.vla_eval_payload import payload
from mosel_gym.integrations.vla_eval_specs import action_spec, observation_spec
from mosel_gym.registry import TASKS, task_of
from mosel_gym.types import Frame, Task

Message = dict[str, Any]
SUITES = tuple(dict.fromkeys(task.suite for task in TASKS.values()))
"""What `suite` may name."""
_STORED_STATES = 50
"""LIBERO's stored start states of a task; episode 50 begins as episode 0 did."""


class MoselBenchmark(StepBenchmark):  # type: ignore[misc]  # vla-eval has no type information
    """LIBERO-Long, LIBERO-90 and RoboTwin of this package, with payloads as vla-eval's own.

    In a vla-eval config: `benchmark: mosel_gym.integrations.vla_eval:MoselBenchmark`, with the
    arguments below under `params`. The environments run in vla-eval's process: no Docker.

    LIBERO sends `images` {`agentview`, `wrist`} (uint8, turned by 180 degrees), `states` (float32
    `[8]`) and `task_description`, and takes `actions` float32 `[7]`, as vla-eval's LIBEROBenchmark
    does. RoboTwin sends `images` {`head_camera`, `left_camera`, `right_camera`} (upright),
    `joint_state` (float32 `[16]`) and `task_description`.

    Non-obvious behaviour:
        - Episode k of a task is `reset(seed=seed + k)`: a function of both numbers alone.
        - The gripper of a delta action is binary, as in vla-eval's LIBEROBenchmark: below 0 opens,
          0 and above closes. It never holds.
        - A diverged simulation raises, so that vla-eval reports an error beside the failures.
        - `controller_states` is not sent, and `absolute_action` not taken: both are for X-VLA.
        - Our LIBERO draws its own asset pack, see `info["assets"]`: do not pool its numbers with
          those of LIBERO's pack.
        - The task has `skills` (its skill set S), `env_id` and `first_seed`, which vla-eval hands
          to the model server in EPISODE_START.

    Args:
        suite: "libero-long", "libero-90", "robotwin", "robotwin-skills", or registered ids.
        seed: Of the first episode of every task.
        protocol: LIBERO's preset of warm-up, step limit and start states. None = "openpi": 10
            settle steps, 520 steps and stored start states, as in vla-eval's LIBEROBenchmark.
            RoboTwin has none.
        send_wrist_image: Send the cameras at the wrists too.
        send_state: Send LIBERO's state; RoboTwin's is always sent.
        quat_no_antipodal: Leave the state's axis-angle as robosuite gives it. False takes the
            shorter way round, as vla-eval's LIBEROBenchmark does.
        control: "ee_delta" or "joint"; RoboTwin only. None = "ee_delta".
        camera_size: Side of the pictures in pixels, or (height, width).
        max_steps: Overrides the step limit.
        env_kwargs: Further arguments of the environment, such as {"assets": "real"}.

    Raises:
        UnknownId: No such suite or id.
        SpecMismatch: The ids are of several robots.
        MoselError: The environment does not take an argument.
    """

    render_backends: ClassVar[frozenset[str]] = frozenset({"gpu", "cpu"})
    _ALL_RECORD_FIELDS = frozenset({"reward", "done", "success", "action", "state"})

    def __init__(
        self,
        suite: str | Sequence[str] = "libero-long",
        *,
        seed: int = 0,
        protocol: str | None = None,
        send_wrist_image: bool = False,
        send_state: bool = False,
        quat_no_antipodal: bool = False,
        control: str | None = None,
        camera_size: int | tuple[int, int] = 256,
        max_steps: int | None = None,
        env_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self._tasks = _tasks_of(suite)
        self.suite = suite
        self.seed = seed
        self.send_state, self.quat_no_antipodal = send_state, quat_no_antipodal
        first = self._tasks[0]
        libero = first.suite.startswith("libero")
        cameras: tuple[str, ...] = ("agentview", "wrist") if libero else ("head_camera",)
        if send_wrist_image and not libero:
            cameras += ("left_camera", "right_camera")
        self._sent = cameras if send_wrist_image or not libero else cameras[:1]
        wanted = {
            "protocol": protocol or ("openpi" if libero else None),
            "control": control,
            "cameras": cameras,
            "camera_size": tuple(camera_size) if isinstance(camera_size, list) else camera_size,
            "max_steps": max_steps,
            **(env_kwargs or {}),
        }
        self._kwargs = given(first.id, wanted)
        made = self._probe(first.id)
        self.robot = made.robot
        self._layout = layout("vla_eval", self.robot)
        self._stored = getattr(getattr(made, "protocol", None), "states", "") == "stored"
        self._env: gym.Env[Any, Any] | None = None
        self._env_id = ""
        self._info: dict[str, Any] = {}

    @classmethod
    def configure_render(cls, mode: str) -> dict[str, str]:
        """Choose OpenGL before a simulator is imported; the choice is recorded by vla-eval.

        "cpu" is OSMesa. "gpu" is what we choose by ourselves: EGL where there is a GPU, else
        OSMesa. Both variables are set, because importing vla-eval's LIBERO benchmark sets the
        second one to EGL whatever MuJoCo uses.
        """
        if mode == "cpu":
            return cast("dict[str, str]", configure_mujoco_render(mode))
        backend = choose_backend()
        chosen = {"MUJOCO_GL": backend, "PYOPENGL_PLATFORM": backend}
        return cast("dict[str, str]", apply_env(chosen if backend in PACKAGES else {}))

    # -- tasks -----------------------------------------------------------------------------------

    def get_tasks(self) -> list[Message]:
        """One entry a task; where a goal occurs twice, the name also has the id."""
        times = Counter(task.goal for task in self._tasks)
        return [
            {
                "name": task.goal if times[task.goal] == 1 else f"{task.goal} ({task.id})",
                "suite": task.suite,
                "env_id": task.id,
                "goal": task.goal,
                "skills": list(task.skill_texts),
                "first_seed": self.seed,
            }
            for task in self._tasks
        ]

    def get_metadata(self) -> Message:
        """`max_steps` is the longest of the tasks'; each environment ends by its own."""
        count = _STORED_STATES if self._stored else None
        return {
            "max_steps": max(self._probe(task.id).max_steps for task in self._tasks),
            "max_episodes_per_task": count,
            "suite": self.suite,
            "robot": self.robot.name,
        }

    def get_metric_keys(self) -> dict[str, str]:
        """Success, and the share of sub-goals that hold at the end."""
        return {"success": "mean", "subgoal_share": "mean"}

    # -- an episode ------------------------------------------------------------------------------

    def reset(self, task: Message) -> Message:
        """Begin episode `task["episode_idx"]`."""
        env = self._made(task["env_id"])
        seed = self.seed + int(task.get("episode_idx", 0))
        observation, self._info = env.reset(seed=seed)
        self._recorder.record_video(self._scene(observation))
        return cast(Message, observation)

    def step(self, action: Message) -> StepResult:
        """Take `action["actions"]`, float `[A]`.

        Raises:
            InvalidAction: Missing, of another shape, or not finite.
            SimulationDiverged: The episode counts neither way.
        """
        assert self._env is not None, "vla-eval calls reset first"
        command = self._command(action)
        observation, reward, terminated, truncated, info = self._env.step(command)
        self._info = info
        if info["status"] == "error":
            raise SimulationDiverged(info["error"])
        self._recorder.record_video(self._scene(observation))
        self._recorder.record_step(
            reward=float(reward),
            done=terminated or truncated,
            success=bool(info["success"]),
            action=command,
            state=observation["proprio"],
        )
        return StepResult(observation, float(reward), terminated or truncated, info)

    def make_obs(self, raw_obs: Message, task: Message) -> Message:
        """What the model server gets."""
        return payload(
            self._layout,
            self.robot,
            raw_obs,
            self._info["image_orientation"],
            task["goal"],
            cameras=self._sent,
            state=self.send_state,
            antipodal=not self.quat_no_antipodal,
        )

    def get_step_result(self, step_result: StepResult) -> Message:
        """Success and sub-goals of the last step."""
        subgoals = {text: bool(done) for text, done in self._info["subgoals"].items()}
        return {
            "success": bool(self._info["success"]),
            "success_once": bool(self._info["success_once"]),
            "subgoal_share": sum(subgoals.values()) / len(subgoals),
            "subgoals": subgoals,
            "clipped_actions": int(self._info["clipped_actions"]),
            **{key: self._info[key] for key in ("seed", "protocol", "renderer", "assets")},
        }

    def get_hold_action(self, last_action: Message | None) -> Message:
        """For real-time runs: stay where the arms are, with the grippers as they were told."""
        proprio = self._last_result.obs["proprio"] if self._last_result.obs else None
        still = self.robot.still(np.zeros(self.robot.proprio_size) if proprio is None else proprio)
        if last_action is None:
            return {"actions": still}
        last = _actions(last_action)
        if self.robot.control == "joint":
            return {"actions": last}
        grippers = list(self.robot.gripper_dims)
        still[grippers] = last[grippers]
        return {"actions": still}

    # -- conventions -----------------------------------------------------------------------------

    def get_action_spec(self) -> dict[str, DimSpec]:
        """Named as vla-eval's LIBERO and RoboTwin benchmarks name them."""
        return action_spec(self.robot)

    def get_observation_spec(self) -> dict[str, DimSpec]:
        """What is sent, with the orientation of the pictures."""
        state = self.send_state or self.robot.proprio == "joints"
        return observation_spec(self.robot, self._layout, self._sent, state=state)

    def cleanup(self) -> None:
        """Close the environment; calling it twice is fine."""
        if self._env is not None:
            self._env.close()
        self._env, self._env_id = None, ""

    # -- details ---------------------------------------------------------------------------------

    def _made(self, env_id: str) -> gym.Env[Any, Any]:
        """The environment of that id; one at a time, kept while the task stays the same."""
        if self._env is None or self._env_id != env_id:
            self.cleanup()
            self._env, self._env_id = EnvSpec(env_id, self._kwargs).make(), env_id
        return self._env

    def _probe(self, env_id: str) -> LongHorizonEnv:
        """A closed environment that can be asked for its constants; it never built a scene."""
        env = EnvSpec(env_id, self._kwargs).make()
        env.close()
        return cast(LongHorizonEnv, env.unwrapped)

    def _scene(self, observation: Message) -> Frame:
        return cast(Frame, observation[self._layout_camera])

    @property
    def _layout_camera(self) -> str:
        return next(iter(self._layout.pictures))

    def _command(self, action: Message) -> NDArray[np.float32]:
        command = _actions(action)
        if self.robot.control == "ee_delta" and command.shape == (self.robot.action_size,):
            grippers = list(self.robot.gripper_dims)
            told = command[grippers]
            # What is not finite stays, for the environment to refuse.
            command[grippers] = np.where(np.isfinite(told), np.where(told < 0, -1.0, 1.0), told)
        return command


def _actions(action: Message) -> NDArray[np.float32]:
    """The numbers of an action message, in memory of their own."""
    value = action.get("actions", action.get("action")) if isinstance(action, Mapping) else None
    try:
        numbers = np.array(value, np.float32)
    except (TypeError, ValueError):
        numbers = np.array(np.nan)
    if value is None or numbers.ndim != 1:
        keys = sorted(map(str, action)) if isinstance(action, Mapping) else type(action).__name__
        raise InvalidAction(
            f"The model server's reply must have 'actions', one float array [A] a step, not a "
            f"chunk; it has {keys}, of shape {np.shape(numbers)}. A server that predicts chunks "
            "sends them one by one when it is given `chunk_size`."
        )
    return numbers


def _tasks_of(suite: str | Sequence[str]) -> list[Task]:
    """The tasks of a suite, or of ids."""
    if isinstance(suite, str) and suite in SUITES:
        return [task for task in TASKS.values() if task.suite == suite]
    ids = [suite] if isinstance(suite, str) else list(suite)
    if not ids or (isinstance(suite, str) and suite not in TASKS):
        raise UnknownId(
            f"suite is {suite!r}; allowed: {list(SUITES)}, an id, or a list of ids, as `mosel "
            "list` shows them."
        )
    tasks = [task_of(name) for name in ids]
    if len({task.suite.startswith("libero") for task in tasks}) > 1:
        raise SpecMismatch(
            f"The ids {ids} are of several robots, whose payloads differ. Make one benchmark "
            "entry for LIBERO's and one for RoboTwin's."
        )
    return tasks
