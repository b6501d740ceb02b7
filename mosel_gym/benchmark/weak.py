"""Weak policies: learned from simulator state in a minute, for failures that really happened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from mosel_gym.benchmark.specs import EnvSpec
from mosel_gym.data.libero_hdf5 import read_episode
from mosel_gym.data.windows import episode_files
from mosel_gym.envs.base import LongHorizonEnv
from mosel_gym.errors import SpecMismatch
from mosel_gym.models.checkpoint import load_module
from mosel_gym.models.state_policy import StatePolicy, state_features
from mosel_gym.training.state_policy import StateClip
from mosel_gym.types import Episode

_DONE_BELOW = 2.0
"""Predicted steps left at which a skill ends."""
_EXECUTE = 4
"""Actions of a chunk that are carried out before the state is looked at again."""
_BUDGET = {"panda": 250, "dual-panda-ee": 300, "dual-panda-joint": 300}
"""Steps of one skill, by robot, as for MOSEL."""


def state_clips(paths: Sequence[Path], progress: bool = True) -> list[StateClip]:
    """The skills of recorded episodes of one task, as a state policy sees them.

    Raises:
        SpecMismatch: An episode has no states, or is of another task than the first.
    """
    clips: list[StateClip] = []
    env: LongHorizonEnv | None = None
    for path in tqdm(episode_files(paths), desc="reading states", disable=not progress):
        episode = read_episode(path)
        if env is None:
            env = EnvSpec(episode.task_id, {"cameras": ()}).make().unwrapped  # type: ignore[assignment]
        assert env is not None
        if episode.states is None or episode.task_id != env.task.id:
            raise SpecMismatch(
                f"{path}: a state policy learns one task from recorded states; this episode is of "
                f"{episode.task_id} with states: {episode.states is not None}, the first one of "
                f"{env.task.id}. Give episodes that `mosel collect` wrote for one task."
            )
        features = _features(env, episode)
        for segment in episode.segments:
            rows = slice(segment.start, segment.stop)
            if segment.kind == "skill" and segment.stop > segment.start:
                actions = episode.actions[rows]
                clips.append(StateClip(segment.skill, features[rows], actions, env.robot.name))
    if env is not None:
        env.close()
    return clips


class WeakActor:
    """Carries out skills with a state policy; fits `envs.expert_episode` in the expert's place."""

    def __init__(self, path: str | Path) -> None:
        """Load a `state_policy.safetensors`, or the one in a folder."""
        file = Path(path)
        file = file / "state_policy.safetensors" if file.is_dir() else file
        self.policy = load_module(file, StatePolicy)

    def __call__(self, env: LongHorizonEnv, skill: str) -> Iterator[NDArray[np.float64]]:
        """PRIVILEGED: actions for a skill, float64 `[A]`; step with each before the next.

        Raises:
            UnknownId: The policy does not know the skill.
            SpecMismatch: The environment is of another robot, control or scene.
        """
        config = self.policy.config
        if (env.robot.name, env.robot.action_size) != (config.robot, config.actions):
            raise SpecMismatch(
                f"The state policy drives {config.robot!r}, the environment {env.robot.name!r}."
            )
        steps = 0
        while steps < _BUDGET[env.robot.name]:
            poses, joints = env.bodies_of(env.record_state(), env.fixture_poses())
            features = state_features(env.robot, env._proprio(), poses, joints)
            if len(features) != config.features:
                raise SpecMismatch(
                    f"The state policy was made for another scene than that of {env.task.id}: it "
                    f"sees {config.features} numbers, the scene has {len(features)}."
                )
            chunk = self.policy.act(features, skill)
            if chunk.steps_to_goal < _DONE_BELOW and steps > 0:
                return
            for action in chunk.actions[:_EXECUTE]:
                steps += 1
                yield action.astype(np.float64)


def _features(env: LongHorizonEnv, episode: Episode) -> NDArray[np.float32]:
    assert episode.states is not None
    rows = []
    for state, proprio in zip(episode.states, episode.observations["proprio"], strict=True):
        poses, joints = env.bodies_of(state, episode.fixtures)
        rows.append(state_features(env.robot, proprio, poses, joints))
    return np.stack(rows).astype(np.float32)
