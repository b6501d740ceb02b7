"""What a model is shown of an episode: numbered frames or the whole clip. Pictures, and no more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mosel_gym.agents.analysis.failure import skill_segments
from mosel_gym.agents.pictures import camera_names
from mosel_gym.agents.prompts import Words, quoted
from mosel_gym.errors import SpecMismatch
from mosel_gym.llm.messages import Image, Part, Text, Video
from mosel_gym.types import Episode


@dataclass(frozen=True)
class RecordingConfig:
    """How an episode is shown."""

    frames: int = 20
    """Evenly spaced over the episode, the first and the last row included."""
    whole: bool = False
    """Send the whole clip as a video in place of frames."""
    wrist: bool = False
    """Show the hands' cameras as well as the scene's."""
    borders: bool = False
    """Show also where each attempt begins and ends."""
    fps: float = 20.0
    """Steps a second of the recording."""

    def __post_init__(self) -> None:
        """Refuse numbers that show nothing."""
        if self.frames < 2 or self.fps <= 0:
            raise ValueError(
                f"frames={self.frames} must be at least 2 and fps={self.fps} greater than 0"
            )


class Recording:
    """The pictures of one episode as parts of a message, and how to speak of a moment in it.

    Moments are frame numbers from 1, or whole seconds from 0 where the whole clip is shown.

    Raises:
        SpecMismatch: The episode has no pictures.
    """

    def __init__(self, episode: Episode, config: RecordingConfig) -> None:
        cameras = camera_names(episode.observations, stacked=True)
        if not cameras:
            raise SpecMismatch(
                "A video analyzer needs the pictures of a camera; the episode has only "
                f"{sorted(episode.observations)}. Record it with `cameras`."
            )
        self._episode, self._config = episode, config
        self._cameras = cameras if config.wrist else cameras[:1]
        self._borders = _borders(episode) if config.borders else []
        even = np.linspace(0, episode.num_steps, config.frames).round().astype(int).tolist()
        drawn = {_drawn_before(episode, row) for row in (*even, *self._borders)}
        self._rows = sorted(drawn)

    @property
    def scene(self) -> str:
        """Name of the scene camera."""
        return self._cameras[0]

    @property
    def moments(self) -> range:
        """The numbers that a moment may have."""
        if self._config.whole:
            return range(int(self._episode.num_steps / self._config.fps) + 1)
        return range(1, len(self._rows) + 1)

    @property
    def unit(self) -> str:
        """What a moment is counted in."""
        return "second" if self._config.whole else "frame"

    @property
    def words(self) -> Words:
        """What the pictures are, in a sentence."""
        seconds = f"{self._episode.num_steps / self._config.fps:.1f} s"
        if self._config.whole:
            return Words(f"It is a clip of {seconds}; moments are seconds from its beginning.")
        return Words(
            f"It is shown as {len(self._rows)} numbered frames that cover {seconds}, in order."
        )

    @property
    def evidence(self) -> Words:
        """What to answer where evidence is asked for."""
        allowed = f"{self.moments[0]} to {self.moments[-1]}"
        return Words(f"the numbers ({allowed}) of the {self.unit}s that show it best, one to four.")

    def span(self, start: int, stop: int) -> str:
        """When the steps `start <= t < stop` are seen: "frames 3 to 8"."""
        if self._config.whole:
            fps = self._config.fps
            return f"seconds {start / fps:.1f} to {stop / fps:.1f}"
        numbers = [n for n, row in enumerate(self._rows, 1) if start <= row <= stop]
        if not numbers:  # a short attempt between two frames
            after = int(np.searchsorted(self._rows, stop))
            numbers = [max(1, after), min(after + 1, len(self._rows))]
        return f"frames {numbers[0]} to {numbers[-1]}"

    def said(self, moments: Sequence[int]) -> str:
        """Moments in words: "frames 3, 4"; empty for none."""
        if not moments:
            return ""
        plural = "s" if len(moments) > 1 else ""
        return f"{self.unit}{plural} {', '.join(str(moment) for moment in sorted(set(moments)))}"

    def parts(self) -> list[Part]:
        """The pictures, each with a line that names it."""
        parts: list[Part] = []
        if self._config.whole:
            for camera in self._cameras:
                frames = self._episode.observations[camera]
                parts += [Text(f"Camera {quoted(camera)}:"), Video(frames, self._config.fps)]
            rows = sorted({_drawn_before(self._episode, row) for row in self._borders})
            names = ["Still"] * len(rows)
        else:
            rows, names = self._rows, [f"Frame {n}" for n in range(1, len(self._rows) + 1)]
        for name, row in zip(names, rows, strict=True):
            for camera in self._cameras:
                label = f"{name} at {row / self._config.fps:.1f} s, camera {quoted(camera)}:"
                parts += [Text(label), Image(self._episode.observations[camera][row])]
        return parts


def _borders(episode: Episode) -> list[int]:
    """Rows where an attempt begins, and where its result is seen first."""
    rows = []
    segments = [episode.segments[index] for index in skill_segments(episode)]
    for at, segment in enumerate(segments):
        following = segments[at + 1 :]
        limit = following[0].start if following else episode.num_steps
        rows += [segment.start, _drawn_after(episode, min(segment.stop, limit), limit)]
    return rows


def _drawn_before(episode: Episode, row: int) -> int:
    """Where the picture of `row` was drawn: with `render_every` it stands for a while."""
    if episode.fresh is None:
        return row
    drawn = np.flatnonzero(episode.fresh[: row + 1])
    return int(drawn[-1]) if len(drawn) else 0


def _drawn_after(episode: Episode, row: int, limit: int) -> int:
    """The first new picture from `row` on, up to `limit`; without one, `row`."""
    if episode.fresh is None:
        return row
    drawn = np.flatnonzero(episode.fresh[row : limit + 1])
    return row + int(drawn[0]) if len(drawn) else row
