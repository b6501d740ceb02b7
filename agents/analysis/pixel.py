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
        of the recording.

        Raises:
            SpecMismatch: The episode lacks one of the judge's cameras.
        """
        self.judge.cameras.require(episode.observations, "the pixel analyzer")
        rows = skill_segments(episode)
        ends = [judged_row(episode, segment) for segment in rows]
        outcomes = []
        for at, segment in enumerate(rows):
            probability = self._probability(episode, segment, ends[at])
            reached = probability > self.threshold
            confidence = probability if reached else 1.0 - probability
            undone = self._undone_in(episode, segment, rows[at + 1 :], ends[at + 1 :])
            outcomes.append(
                SubgoalOutcome(segment, reached, confidence, undone if reached else None)
            )
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
