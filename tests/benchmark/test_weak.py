"""A policy from simulator state, from demonstrations to rollouts, in both simulators."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

from mosel_gym.benchmark.collect import CollectConfig, collect
from mosel_gym.benchmark.weak import WeakActor, state_clips
from mosel_gym.data.libero_hdf5 import read_episode
from mosel_gym.envs.base import LongHorizonEnv
from mosel_gym.envs.expert_episode import expert_episode
from mosel_gym.errors import SpecMismatch
from mosel_gym.models.state_policy import StatePolicyConfig
from mosel_gym.training.loop import LoopConfig
from mosel_gym.training.state_policy import StateTrainConfig, train_state_policy

TINY = StateTrainConfig(
    StatePolicyConfig(hidden=64), LoopConfig(steps=60, batch_size=64, lr=3e-3, bf16=False)
)
TASKS = ("MOSEL-LiberoLong-Task4", "MOSEL-RoboTwin-BeatBlock")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder for each task, with demonstrations and a barely trained policy."""
    folders = {}
    for task in TASKS:
        folder = tmp_path_factory.mktemp(task)
        config = CollectConfig(task, episodes=2, seed=50, pictures=False, video=False)
        collect(replace(config, order="forward"), folder / "demos", workers=1, progress=False)
        clips = state_clips([folder / "demos"], progress=False)
        first = read_episode(sorted((folder / "demos").glob("*.hdf5"))[0])
        assert {segment.skill for segment in first.segments} <= {clip.skill for clip in clips}
        _, report = train_state_policy(clips, TINY, folder / "policy", progress=False)
        assert np.isfinite(report.loss)
        folders[task] = folder
    return folders


@pytest.mark.parametrize("task", TASKS)
def test_it_acts_with_pictures_and_ends_with_the_environment(
    task: str, trained: dict[str, Path], tmp_path: Path
) -> None:
    config = CollectConfig(
        task,
        episodes=1,
        seed=900,
        order="forward",
        camera_size=32,
        render_every=8,
        video=False,
        noise=False,
        weak=trained[task] / "policy",
        hold=5,
    )
    (row,) = collect(config, tmp_path, workers=1, progress=False)
    assert not row.error
    episode = read_episode(tmp_path / "seed-000900.hdf5")
    assert episode.provenance["agent"] == "state policy policy (privileged)", "no path of a machine"
    assert row.success is bool(episode.success)
    assert row.success is False, "60 steps make no policy"
    limit = {TASKS[0]: 600, TASKS[1]: 400}[task]
    assert 0 < episode.num_steps <= limit
    assert episode.fresh is not None
    assert episode.fresh[-1] or episode.num_steps < limit


def test_it_learns_the_expert_s_actions(trained: dict[str, Path]) -> None:
    clips = state_clips([trained[TASKS[1]] / "demos"], progress=False)
    actor = WeakActor(trained[TASKS[1]] / "policy")
    errors, size = [], []
    for clip in clips:
        for at in range(0, len(clip.actions), 5):
            chunk = actor.policy.act(clip.features[at].astype(np.float64), clip.skill)
            assert chunk.steps_to_goal >= 0
            errors.append(np.abs(chunk.actions[0] - clip.actions[at]).mean())
            size.append(np.abs(clip.actions.mean(axis=0) - clip.actions[at]).mean())
    assert np.mean(errors) < 0.8 * np.mean(size)


def test_another_robot_or_scene_is_refused(trained: dict[str, Path]) -> None:
    actor = WeakActor(trained[TASKS[0]] / "policy" / "state_policy.safetensors")
    for task, said in ((TASKS[1], "drives 'panda'"), ("MOSEL-LiberoLong-Task1", "another scene")):
        env = gym.make(task, cameras=(), disable_env_checker=True).unwrapped
        assert isinstance(env, LongHorizonEnv)
        skill = actor.policy.config.skills[0]
        with pytest.raises(SpecMismatch, match=said):
            expert_episode(env, [skill], 0, actor=actor)
        env.close()
    both = [trained[task] / "demos" for task in TASKS]
    with pytest.raises(SpecMismatch, match="one task"):
        state_clips(both, progress=False)
