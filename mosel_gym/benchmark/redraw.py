"""Pictures of recorded episodes, drawn again from their simulator states."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from mosel_gym.benchmark.specs import EnvSpec
from mosel_gym.data.libero_hdf5 import read_episode, write_episode
from mosel_gym.data.recorder import write_video
from mosel_gym.data.windows import episode_files
from mosel_gym.errors import DamagedFile
from mosel_gym.types import Episode


@dataclass(frozen=True)
class RedrawConfig:
    """Which pictures."""

    cameras: tuple[str, ...] = ("agentview", "wrist")
    camera_size: int = 128
    video: bool = False
    """Also write an mp4 beside each file."""
    again: bool = False
    """Draw those too that have these pictures already."""


def redraw(
    paths: Sequence[str | Path], config: RedrawConfig | None = None, *, progress: bool = True
) -> list[Path]:
    """Add pictures to episode files, bit for bit those that a recording would have had.

    Each file is replaced as a whole when its pictures are complete, so that a killed run leaves old
    or new files and nothing between.

    Args:
        paths: Episode files, or folders with such files.
        config: Which pictures.
        progress: Show a bar.

    Returns:
        The files that were changed.

    Raises:
        DamagedFile: A file has no states, or states of another task.
    """
    config = config or RedrawConfig()
    files = [file for path in paths for file in episode_files(path)]
    changed, env, made_for = [], None, ""
    try:
        for file in tqdm(files, desc="drawing", unit="ep", disable=not progress):
            episode = read_episode(file)
            if not config.again and _has(episode, config):
                continue
            if env is None or episode.task_id != made_for:
                if env is not None:
                    env.close()
                env, made_for = _environment(episode, config), episode.task_id
            drawn = _drawn(env.unwrapped, episode, config, file)
            write_episode(file, drawn)
            if config.video:
                write_video(file.with_suffix(".mp4"), drawn, stride=2)
            changed.append(file)
    finally:
        if env is not None:
            env.close()
    return changed


def _has(episode: Episode, config: RedrawConfig) -> bool:
    size = (config.camera_size, config.camera_size, 3)
    return all(
        name in episode.observations and episode.observations[name].shape[1:] == size
        for name in config.cameras
    )


def _environment(episode: Episode, config: RedrawConfig) -> Any:
    kwargs: dict[str, Any] = {"cameras": config.cameras, "camera_size": config.camera_size}
    if "protocol" in episode.provenance:  # it decides which way up the pictures are
        kwargs["protocol"] = episode.provenance["protocol"]
    env = EnvSpec(episode.task_id, kwargs).make()
    env.reset(seed=0)
    return env


def _drawn(env: Any, episode: Episode, config: RedrawConfig, file: Path) -> Episode:
    if episode.states is None:
        raise DamagedFile(f"{file} holds no simulator states; its pictures cannot be drawn again.")
    try:
        rows = [env.draw_state(state, episode.fixtures) for state in episode.states]
    except ValueError as error:
        raise DamagedFile(f"{file}: {error} Was it recorded on {episode.task_id}?") from error
    pictures = {name: np.stack([row[name] for row in rows]) for name in config.cameras}
    others = {k: v for k, v in episode.observations.items() if k not in config.cameras}
    info = env._constant_info()
    return replace(
        episode,
        observations={**pictures, **others},
        fresh=np.ones(len(rows), bool),
        provenance={**episode.provenance, "renderer": info["renderer"], "redrawn": "true"},
    )
