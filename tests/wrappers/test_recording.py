"""RecordEpisode around a tiny real environment."""

from __future__ import annotations

import multiprocessing
import pickle
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from numpy.typing import NDArray

from mosel_gym.data import read_episode
from mosel_gym.wrappers import RecordEpisode

Observation = dict[str, NDArray[Any]]


class Painter(gym.Env[Any, Any]):
    """Paints step and seed into its pictures; ends after `limit` steps."""

    metadata = {"render_modes": [], "render_fps": 20}

    def __init__(self, limit: int = 4, rich: bool = True) -> None:
        self.limit, self.rich, self.time, self.seed = limit, rich, 0, 0
        picture = gym.spaces.Box(0, 255, (16, 16, 3), np.uint8)
        self.observation_space = gym.spaces.Dict(
            {
                "agentview": picture,
                "wrist": picture,
                "proprio": gym.spaces.Box(-np.inf, np.inf, (8,), np.float32),
            }
        )
        self.action_space = gym.spaces.Box(-1, 1, (7,), np.float32)
        self._picture = np.zeros((16, 16, 3), np.uint8)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        super().reset(seed=seed)
        self.time, self.seed = 0, 5 if seed is None else seed
        return self._observe(), self._info()

    def step(
        self, action: NDArray[np.float32]
    ) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        if not np.isfinite(action).all():
            raise ValueError("not finite")
        self.time += 1
        done = self.time >= self.limit
        return self._observe(), float(done), done, False, self._info()

    def _observe(self) -> Observation:
        self._picture[:] = self.time * 10  # one array for ever: a recorder has to copy
        proprio = np.full(8, self.time, np.float32)
        return {"agentview": self._picture, "wrist": self._picture, "proprio": proprio}

    def _info(self) -> dict[str, Any]:
        if not self.rich:
            return {}
        return {
            "task": "paint it",
            "task_id": "Painter",
            "seed": self.seed,
            "success": self.time >= self.limit,
            "image_age": self.time % 2,
            "skill_done": {"paint": self.time > 2},
            "renderer": "numpy",
        }


def make_painter(**kwargs: Any) -> Painter:
    return Painter(**kwargs)


gym.register("test/Painter", make_painter)
IDLE = np.zeros(7, np.float32)


def files(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def play(env: gym.Env[Any, Any], steps: int = 4, seed: int | None = 1) -> None:
    env.reset(seed=seed)
    for _ in range(steps):
        env.step(IDLE)


def test_a_whole_episode(tmp_path: Path) -> None:
    env = RecordEpisode(Painter(), tmp_path)
    play(env)
    assert files(tmp_path) == ["Painter-seed1-0000.hdf5", "Painter-seed1-0000.mp4"]
    episode = read_episode(env.paths[0])
    assert episode.num_steps == 4
    assert episode.observations["agentview"][:, 0, 0, 0].tolist() == [0, 10, 20, 30, 40]
    assert (episode.goal, episode.seed, episode.success) == ("paint it", 1, True)
    assert episode.fresh is not None
    assert episode.fresh.tolist() == [True, False, True, False, True]
    assert episode.skill_done is not None
    assert episode.skill_done["paint"].tolist() == [False, False, False, True, True]
    assert episode.provenance["status"] == "terminated"
    assert episode.provenance["renderer"] == "numpy"
    env.close()
    env.close()
    assert len(files(tmp_path)) == 2


def test_cut_short_by_reset_or_close(tmp_path: Path) -> None:
    env = RecordEpisode(Painter(), tmp_path, video=False)
    play(env, 2)
    with pytest.raises(ValueError, match="not finite"):
        env.step(np.full(7, np.nan, np.float32))
    play(env, 1)
    env.reset()  # no step follows, so there is nothing to write
    env.close()
    cut = [read_episode(path) for path in env.paths]
    assert [episode.num_steps for episode in cut] == [2, 1]
    assert [episode.provenance["status"] for episode in cut] == ["truncated by reset"] * 2
    env = RecordEpisode(Painter(), tmp_path, video=False)
    play(env, 3)
    env.close()
    assert read_episode(env.paths[0]).provenance["status"] == "truncated by close"
    assert len(files(tmp_path)) == 3


def test_an_environment_that_tells_nothing(tmp_path: Path) -> None:
    env = RecordEpisode(
        gym.make("test/Painter", rich=False, disable_env_checker=True), tmp_path, video=False
    )
    play(env, seed=None)
    assert files(tmp_path) == ["test-Painter-seednone-0000.hdf5"]
    episode = read_episode(env.paths[0])
    assert (episode.seed, episode.success, episode.fresh, episode.goal) == (None, None, None, "")


def test_plain_arrays_and_discrete_actions(tmp_path: Path) -> None:
    env = RecordEpisode(gym.make("CartPole-v1"), tmp_path)
    env.reset(seed=0)
    done = False
    while not done:
        _, _, terminated, truncated, _ = env.step(env.action_space.sample())
        done = terminated or truncated
    episode = read_episode(env.paths[0])
    assert episode.observations["observation"].shape == (episode.num_steps + 1, 4)
    assert episode.actions.shape == (episode.num_steps, 1)
    env.close()


def test_every_and_names(tmp_path: Path) -> None:
    env = RecordEpisode(Painter(), tmp_path, video=False, every=2, name="{index}-of-{seed}")
    for seed in range(5):
        play(env, seed=seed)
    assert files(tmp_path) == ["0-of-0.hdf5", "1-of-2.hdf5", "2-of-4.hdf5"]
    bad: dict[str, Any]
    for bad in ({"every": 0}, {"stride": 0}, {"name": "same"}, {"name": "{index}{goal}"}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            RecordEpisode(Painter(), tmp_path, **bad)


def _record(folder: Path) -> None:
    env = RecordEpisode(Painter(), folder, video=False, name="{index}")
    for _ in range(3):
        play(env)


def test_processes_share_a_folder(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=_record, args=(tmp_path,)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert files(tmp_path) == sorted(f"{index}.hdf5" for index in range(6))


def test_gymnasium_conventions(tmp_path: Path) -> None:
    env = RecordEpisode(gym.make("test/Painter", disable_env_checker=True), tmp_path, video=False)
    assert env.spec is not None
    again = gym.make(env.spec)
    assert isinstance(again, RecordEpisode)
    assert again.directory == tmp_path
    play(again)
    assert isinstance(pickle.loads(pickle.dumps(env)), RecordEpisode)
    again.close()
