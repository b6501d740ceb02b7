"""The default video analyzer: a small trained network that sees recorded pictures and no state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mosel_gym.agents.analysis.failure import SubgoalOutcome, identify_failure, skill_segments
from mosel_gym.data.cameras import Cameras
from mosel_gym.data.windows import judged_row
from mosel_gym.types import Episode, Frame, Frames, Observation, Reflection


class SubgoalNetwork(Protocol):
    """What the analyzer asks of its network; `models.judge.SubgoalJudge` is one."""

    @property
    def cameras(self) -> Cameras:
        """Names of the pictures it was made for."""
        ...

    def end_rows(self, row: int, fresh: NDArray[np.bool_] | None = None) -> NDArray[np.int64]:
        """Rows of the pictures it wants for a judgement at `row`, oldest first."""
        ...

    def probability(
        self, start_frame: Frame, end_scene: Frames, end_hands: Frames, skill: str
    ) -> float:
        """Probability in 0..1 that the sub-goal of `skill` is reached."""
        ...


@dataclass(frozen=True)
class PixelAnalyzerConfig:
    """When a probability counts."""

    threshold: float = 0.5
    """Above it a sub-goal counts as reached."""
    undone_below: float = 0.3
    """A sub-goal that was reached counts as undone only if it falls below this: a claim against the
    plan should not rest on a probability that hovers around the threshold."""
    seen_for: int | None = None
    """A sub-goal that its attempt's end does not show counts as reached all the same where so many
    pictures in a row showed it. LIBERO's own success asks for no more than one moment, and a book
    that went into its compartment may lie outside it later. None = the end alone counts."""

    def __post_init__(self) -> None:
        """Refuse a number of pictures that would let every attempt pass, or none."""
        if self.seen_for is not None and self.seen_for < 1:
            raise ValueError(f"seen_for is {self.seen_for}; it must be None or at least 1.")


class PixelAnalyzer:
    """Sub-goal evaluation from pictures, then failure identification (section 3.4)."""

    def __init__(self, judge: SubgoalNetwork, config: PixelAnalyzerConfig | None = None) -> None:
        """Wrap a trained judge network."""
        self.judge = judge
        self.config = config or PixelAnalyzerConfig()
        self.threshold = self.config.threshold

    @property
    def name(self) -> str:
        """Named in every result."""
        return "pixel"

    def analyze(self, episode: Episode) -> Reflection:
        """Judge each skill where the attempt at it ends, and again where later ones end.

        Where that is, `data.windows.attempt_end` says: for one arm, after the last skill, the end
        of the recording. With `seen_for`, also at every picture on the way.

        Raises:
            SpecMismatch: The episode lacks one of the judge's cameras.
        """
        self.judge.cameras.require(episode.observations, "the pixel analyzer")
        rows = skill_segments(episode)
        ends = [judged_row(episode, segment) for segment in rows]
        outcomes = []
        for at, segment in enumerate(rows):
            probability = self._probability(episode, segment, ends[at])
            undone = None
            if probability > self.threshold:
                undone = self._undone_in(episode, segment, rows[at + 1 :], ends[at + 1 :])
            elif self.config.seen_for is not None:  # what did not last was undone by no later skill
                probability = max(probability, self._at_best(episode, segment, ends[at]))
            reached = probability > self.threshold
            confidence = probability if reached else 1.0 - probability
            outcomes.append(SubgoalOutcome(segment, reached, confidence, undone))
        return identify_failure(episode, outcomes, self.name)

    def reached(
        self,
        observation: Observation,
        skill: str,
        start_frame: Frame,
        earlier: Sequence[Observation] = (),
    ) -> float:
        """Probability in 0..1 that the sub-goal is reached, asked during execution."""
        cameras = self.judge.cameras
        cameras.require(observation, "the pixel analyzer")
        seen = (*earlier, observation)
        scene = np.stack([row[cameras.scene] for row in seen])
        hands = np.stack([cameras.hands_of(row) for row in seen])
        return self.judge.probability(start_frame, scene, hands, skill)

    def imagined_reached(self, episode: Episode, segment: int) -> float | None:
        """Probability that the imagined clip of a segment ends with its sub-goal reached.

        What the hands see is not imagined: recorded pictures of it stand beside the imagined scene,
        so that only the scene differs from the judgement of what really happened.

        Returns:
            None if nothing was imagined for the segment.
        """
        imagined = episode.segments[segment].imagined
        if imagined is None or len(imagined) == 0:
            return None
        row = min(episode.segments[segment].stop, episode.num_steps)
        ends = self.judge.end_rows(row, episode.fresh)
        return self.judge.probability(
            self._start_frame(episode, segment),
            imagined[-len(ends) :],
            self.judge.cameras.hands_of(episode.observations, ends),
            episode.segments[segment].skill,
        )

    def _at_best(self, episode: Episode, segment: int, end: int) -> float:
        """The probability that `seen_for` pictures in a row of an attempt have at least."""
        count = self.config.seen_for or 1
        rows = np.arange(episode.segments[segment].start + 1, end + 1)
        if episode.fresh is not None:
            rows = rows[episode.fresh[rows]]
        if len(rows) < count:
            return 0.0
        seen = np.array([self._probability(episode, segment, int(row)) for row in rows])
        return float(np.lib.stride_tricks.sliding_window_view(seen, count).min(axis=1).max())

    def _undone_in(
        self, episode: Episode, segment: int, later: Sequence[int], ends: Sequence[int]
    ) -> int | None:
        """The first of the later skills after which the sub-goal is gone and stays gone."""
        undone: int | None = None
        for index, row in zip(reversed(later), reversed(ends), strict=True):
            if self._probability(episode, segment, row) >= self.config.undone_below:
                return undone
            undone = index
        return undone

    def _probability(self, episode: Episode, segment: int, row: int) -> float:
        ends = self.judge.end_rows(row, episode.fresh)
        return self.judge.probability(
            self._start_frame(episode, segment),
            episode.observations[self.judge.cameras.scene][ends],
            self.judge.cameras.hands_of(episode.observations, ends),
            episode.segments[segment].skill,
        )

    def _start_frame(self, episode: Episode, segment: int) -> Frame:
        scene = episode.observations[self.judge.cameras.scene]
        frame: Frame = scene[episode.segments[segment].start]
        return frame
