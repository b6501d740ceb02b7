"""Pictures of recorded episodes, drawn again from their simulator states."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from mosel_gym.benchmark.env_arguments import defaults, given
from mosel_gym.benchmark.specs import EnvSpec
from mosel_gym.data.libero_hdf5 import read_episode, write_episode
from mosel_gym.data.provenance_check import renderer_kind
from mosel_gym.data.recorder import write_video
from mosel_gym.data.windows import episode_files
from mosel_gym.errors import DamagedFile, SpecMismatch
from mosel_gym.types import Episode


@dataclass(frozen=True)
class RedrawConfig:
    """Which pictures."""

    cameras: tuple[str, ...] | None = None
    """Names; None = what the environment draws by default."""
    camera_size: int | tuple[int, int] = 128
    """Side in pixels, or height and width."""
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
        MoselError: The environment has no such camera.
        SpecMismatch: A file would come to hold pictures of two renderers.
    """
    config = config or RedrawConfig()
    files = [file for path in paths for file in episode_files(path)]
    changed, artist = [], None
    try:
        for file in tqdm(files, desc="drawing", unit="ep", disable=not progress):
            episode = read_episode(file)
            if artist is None or episode.task_id != artist.task_id:
                if artist is not None:
                    artist.close()
                artist = _Artist(episode, config)
            if not config.again and artist.has_drawn(episode):
                continue
            drawn = artist.draw(episode, file)
            write_episode(file, drawn)
            if config.video:
                write_video(file.with_suffix(".mp4"), drawn, stride=2)
            changed.append(file)
    finally:
        if artist is not None:
            artist.close()
    return changed


class _Artist:
    """An environment that draws the states of one task."""

    def __init__(self, episode: Episode, config: RedrawConfig) -> None:
        self.task_id = episode.task_id
        kwargs: dict[str, Any] = {"camera_size": config.camera_size}
        if config.cameras is not None:
            kwargs["cameras"] = config.cameras
        if "protocol" in episode.provenance and "protocol" in defaults(episode.task_id):
            # It decides which way up the pictures are.
            kwargs["protocol"] = episode.provenance["protocol"]
        self._made = EnvSpec(episode.task_id, given(episode.task_id, kwargs)).make()
        self._env: Any = self._made.unwrapped
        self._started = False

    def has_drawn(self, episode: Episode) -> bool:
        """Whether the episode has all the pictures already, in this size."""
        rows = episode.observations
        size = (*self._env.picture_shape, 3)
        return all(n in rows and rows[n].shape[1:] == size for n in self._env.cameras)

    def draw(self, episode: Episode, file: Path) -> Episode:
        """The episode with its pictures."""
        if episode.states is None:
            raise DamagedFile(
                f"{file} holds no simulator states; its pictures cannot be drawn again."
            )
        if not self._started:
            self._env.reset(seed=0)
            self._started = True
        try:
            rows = [self._env.draw_state(state, episode.fixtures) for state in episode.states]
        except ValueError as error:
            raise DamagedFile(f"{file}: {error} Was it recorded on {episode.task_id}?") from error
        pictures = {name: np.stack([row[name] for row in rows]) for name in self._env.cameras}
        others = {k: v for k, v in episode.observations.items() if k not in pictures}
        drawn_with = self._env._constant_info()
        renderer = drawn_with["renderer"]
        _refuse_mixture(episode, [k for k, v in others.items() if v.ndim == 4], renderer, file)
        return replace(
            episode,
            observations={**pictures, **others},
            fresh=np.ones(len(rows), bool),
            provenance={
                **episode.provenance,
                "renderer": renderer,
                "assets": drawn_with["assets"],
                "redrawn": "true",
            },
        )

    def close(self) -> None:
        """Free the GL context."""
        self._made.close()


def _refuse_mixture(episode: Episode, kept: list[str], renderer: str, file: Path) -> None:
    """Pictures that stay in a file must have come from the renderer that draws the new ones."""
    recorded = episode.provenance.get("renderer", renderer)
    if kept and renderer_kind(recorded) != renderer_kind(renderer):
        raise SpecMismatch(
            f"{file} has {kept} by the renderer {recorded!r}; pictures by {renderer!r} must not "
            f"stand beside them. Draw all with --cameras {' '.join(kept)} ..., or none."
        )
