"""What a stable-baselines3 model sees of our observation, and what its numbers mean as actions.

A view is used twice, in training (`rl_env.ViewEnv`) and in the agent (`rl.RLAgent`), so that the
two cannot differ. It holds no state: what it needs of an episode is handed to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from mosel_gym.data.cameras import LIBERO_CAMERAS, Cameras
from mosel_gym.envs.base import LongHorizonEnv
from mosel_gym.errors import SpecMismatch
from mosel_gym.models.actions import snapped
from mosel_gym.models.hashed_text import hashed_text
from mosel_gym.models.images import checked
from mosel_gym.models.state_policy import state_features
from mosel_gym.rotations import axis_angle_to_matrix
from mosel_gym.specs import RobotSpec
from mosel_gym.specs import robot as find_robot
from mosel_gym.types import Observation

ModelObservation = Any
"""What the model's observation space holds: an array, or a dict of arrays."""
TIME_UNIT_STEPS = 600
"""Steps that count as 1 in "how much time has passed"."""
_LATEST = 1.5


class View(Protocol):
    """From our observation to the model's, and from the model's action to ours."""

    @property
    def name(self) -> str:
        """Short; part of the agent's name."""
        ...

    @property
    def robot(self) -> str:
        """Row of `specs.ROBOTS`."""
        ...

    @property
    def privileged(self) -> bool:
        """True if `see` reads simulator state; it then needs the environment."""
        ...

    @property
    def observation_space(self) -> gym.spaces.Space[Any]:
        """The model's."""
        ...

    @property
    def action_space(self) -> gym.spaces.Box:
        """The model's: -1..1, one number for every dimension of every action of a chunk."""
        ...

    def see(
        self, observation: Observation, goal: str, step: int, env: LongHorizonEnv | None = None
    ) -> ModelObservation:
        """What the model sees at `step` of an episode with this goal text."""
        ...

    def actions(self, output: NDArray[np.floating]) -> NDArray[np.float32]:
        """The model's action as actions of the environment, float32 `[chunk, A]`."""
        ...

    def plain(self) -> dict[str, Any]:
        """JSON that `view_from` turns back into the view."""
        ...


@dataclass(frozen=True)
class ActionScale:
    """Chunks of actions as one vector in -1..1."""

    center: tuple[float, ...]
    """`[A]`, environment's units."""
    scale: tuple[float, ...]
    chunk: int = 1
    """Actions that are carried out before the model is asked again."""

    @property
    def space(self) -> gym.spaces.Box:
        """float32 `[chunk * A]`."""
        return gym.spaces.Box(-1.0, 1.0, (self.chunk * len(self.center),), np.float32)

    def encode(self, actions: NDArray[np.floating]) -> NDArray[np.float32]:
        """`[..., chunk, A]` -> `[..., chunk * A]`."""
        scaled = (np.asarray(actions, np.float64) - self.center) / np.array(self.scale)
        return np.asarray(scaled.reshape(*actions.shape[:-2], -1), np.float32)

    def decode(self, output: NDArray[np.floating], robot: RobotSpec) -> NDArray[np.float32]:
        """`[chunk * A]` -> `[chunk, A]`, each gripper at one of its commands."""
        rows = np.asarray(output, np.float64).reshape(self.chunk, len(self.center))
        actions = rows * np.array(self.scale) + np.array(self.center)
        if robot.control == "ee_delta":
            actions = np.clip(actions, -1.0, 1.0)  # the environment would, and count it
        return snapped(actions.astype(np.float32), robot)


def plain_scale(robot: RobotSpec, chunk: int = 1) -> ActionScale:
    """The environment's own -1..1, for a model that has no demonstrations to take a scale from.

    Raises:
        SpecMismatch: Its actions are no numbers in -1..1.
    """
    if robot.control != "ee_delta":
        raise SpecMismatch(
            f"The robot {robot.name!r} takes absolute joint angles, which have no common scale. "
            'Learn from scratch with control="ee_delta".'
        )
    size = robot.action_size
    return ActionScale((0.0,) * size, (1.0,) * size, chunk)


def hand_numbers(robot: RobotSpec, proprio: NDArray[np.floating]) -> NDArray[np.float32]:
    """Proprioception without jumps, float32 `[N]`.

    An axis-angle changes its sign where a hand points straight down, which is where hands mostly
    point. So each hand is given as a position (m, world) and two columns of its rotation, beside
    the fingers (m), or the joints (rad) and openings where `proprio` has those.
    """
    own = np.asarray(proprio, np.float64)
    parts = [own[6:] if robot.proprio == "pose" else own]
    for position, turn in robot.end_effectors(proprio):
        parts += [position, axis_angle_to_matrix(turn)[:, :2].ravel()]
    return np.concatenate(parts).astype(np.float32)


@dataclass(frozen=True)
class PictureView:
    """Pictures, proprioception, time and the goal text: what any policy may see.

    The model's observation is a Dict: `scene` uint8 `[3, S, S]`, `hands` uint8 `[3 K, S, S]` (left
    out for K = 0 hand cameras) and `state` float32: hand numbers, standardised; steps so far / 600;
    the goal text, hashed. Channels come first, so that stable-baselines3 transposes nothing.
    """

    robot: str
    scaling: ActionScale
    state_center: tuple[float, ...]
    """Mean of `hand_numbers` in the demonstrations, and below their deviation."""
    state_scale: tuple[float, ...]
    cameras: Cameras = LIBERO_CAMERAS
    size: int = 64
    """Pixels per side; a multiple of 8."""
    text_size: int = 64
    text_scale: float = 4.0
    """A hashed text has length 1, each of its numbers about 1/8; the network reads it better so."""

    name = "pictures"
    privileged = False

    @property
    def observation_space(self) -> gym.spaces.Dict:
        """See the class."""
        size, hands = self.size, len(self.cameras.hands)
        space: dict[str, gym.spaces.Space[Any]] = {
            "scene": gym.spaces.Box(0, 255, (3, size, size), np.uint8)
        }
        if hands:
            space["hands"] = gym.spaces.Box(0, 255, (3 * hands, size, size), np.uint8)
        numbers = len(self.state_center) + 1 + self.text_size
        space["state"] = gym.spaces.Box(-np.inf, np.inf, (numbers,), np.float32)
        return gym.spaces.Dict(space)

    @property
    def action_space(self) -> gym.spaces.Box:
        """Of a chunk."""
        return self.scaling.space

    def see(
        self, observation: Observation, goal: str, step: int, env: LongHorizonEnv | None = None
    ) -> dict[str, NDArray[Any]]:
        """What the model sees.

        Raises:
            SpecMismatch: A camera is missing, or it is another robot's proprioception.
        """
        self.cameras.require(observation, "the model")
        views = {"scene": observation[self.cameras.scene]}
        seen = {"scene": _channels_first(checked(views["scene"], self.size))}
        if self.cameras.hands:
            hands = [checked(observation[name], self.size) for name in self.cameras.hands]
            seen["hands"] = _channels_first(np.concatenate(hands, axis=-1))
        numbers = hand_numbers(find_robot(self.robot), observation["proprio"])
        return {**seen, "state": self.state(numbers, step, goal)}

    def state(self, numbers: NDArray[np.float32], step: float, goal: str) -> NDArray[np.float32]:
        """The part that is no picture, float32 `[N + 1 + text_size]`."""
        scaled = (numbers - np.array(self.state_center)) / np.array(self.state_scale)
        time = [min(step / TIME_UNIT_STEPS, _LATEST)]
        text = hashed_text(goal, self.text_size) * self.text_scale
        return np.concatenate([scaled, time, text]).astype(np.float32)

    def actions(self, output: NDArray[np.floating]) -> NDArray[np.float32]:
        """The chunk, float32 `[chunk, A]`."""
        return self.scaling.decode(output, find_robot(self.robot))

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return {"kind": "pictures", **asdict(self)}


@dataclass(frozen=True)
class StateView:
    """PRIVILEGED: the state of the simulator as a vector, for learning from scratch on a CPU.

    Float32 `[F + 1]` in -8..8: `models.state_policy.state_features` of the scene's bodies,
    standardised, and steps so far / 600. One scene, one task; the goal text is not told.
    """

    robot: str
    scaling: ActionScale
    center: tuple[float, ...]
    """`[F]`; see `benchmark.rl_scratch`, which measures it."""
    scale: tuple[float, ...]

    name = "state"
    privileged = True

    @property
    def observation_space(self) -> gym.spaces.Box:
        """See the class."""
        return gym.spaces.Box(-8.0, 8.0, (len(self.center) + 1,), np.float32)

    @property
    def action_space(self) -> gym.spaces.Box:
        """Of a chunk."""
        return self.scaling.space

    def see(
        self, observation: Observation, goal: str, step: int, env: LongHorizonEnv | None = None
    ) -> NDArray[np.float32]:
        """What the model sees.

        Raises:
            SpecMismatch: No environment was given, or it is another scene.
        """
        if env is None:
            raise SpecMismatch(
                "This policy sees the simulator's state: call `agent.bind(env)` before `reset`."
            )
        features = features_of(env, observation)
        if len(features) != len(self.center):
            raise SpecMismatch(
                f"The policy was made for a scene of {len(self.center)} numbers; {env.task.id} has "
                f"{len(features)}. Use it in the environment that it was trained in."
            )
        scaled = (features - np.array(self.center)) / np.array(self.scale)
        time = [min(step / TIME_UNIT_STEPS, _LATEST)]
        return np.asarray(np.clip(np.concatenate([scaled, time]), -8.0, 8.0), np.float32)

    def actions(self, output: NDArray[np.floating]) -> NDArray[np.float32]:
        """The chunk, float32 `[chunk, A]`."""
        return self.scaling.decode(output, find_robot(self.robot))

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return {"kind": "state", **asdict(self)}


def features_of(env: LongHorizonEnv, observation: Observation) -> NDArray[np.float64]:
    """PRIVILEGED: the state of an environment as a vector, float64 `[F]`."""
    poses, joints = env.bodies_of(env.record_state(), env.fixture_poses())
    return state_features(env.robot, observation["proprio"], poses, joints)


def view_from(plain: Mapping[str, Any]) -> View:
    """The view that `plain()` described.

    Raises:
        ValueError: Of an unknown kind; KeyError, TypeError: a field is missing, or has no meaning.
    """
    values = dict(plain)
    kind = values.pop("kind")
    scaling = values.pop("scaling")
    values["scaling"] = ActionScale(
        tuple(scaling["center"]), tuple(scaling["scale"]), int(scaling["chunk"])
    )
    for name, value in values.items():
        values[name] = tuple(value) if isinstance(value, list) else value
    if kind == "state":
        return StateView(**values)
    if kind == "pictures":
        cameras = values.pop("cameras")
        values.setdefault("text_scale", 1.0)  # as the first agents were trained
        return PictureView(
            **values, cameras=Cameras(str(cameras["scene"]), tuple(cameras["hands"]))
        )
    raise ValueError(f"unknown view {kind!r}")


def inner_env(env: gym.Env[Any, Any]) -> LongHorizonEnv:
    """The environment below all wrappers.

    Raises:
        SpecMismatch: It is not one of this package.
    """
    inner = env.unwrapped
    if not isinstance(inner, LongHorizonEnv):
        raise SpecMismatch(
            f"A view of the simulator's state needs an environment of this package; {inner} is "
            "none. `mosel list` names them."
        )
    return inner


def _channels_first(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(np.moveaxis(picture, -1, 0))
