"""A video analyzer that reads the simulator's own predicates, with a noise model on top.

It is for tests, for upper bounds and for Table 8. Its reflections say `privileged=True`, and no
number that rests on them may claim to be autonomous.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mosel_gym.agents.analysis.failure import SubgoalOutcome, identify_failure, skill_segments
from mosel_gym.agents.analysis.noise import VerdictNoise
from mosel_gym.data.windows import attempt_end
from mosel_gym.errors import SpecMismatch
from mosel_gym.types import Episode, Reflection


class PrivilegedAnalyzer:
    """Simulator truth at the end of each attempt at a skill, with wrong verdicts if asked for."""

    def __init__(
        self,
        precision: float = 1.0,
        recall: float = 1.0,
        seed: int = 0,
        *,
        base_rate: float = 0.5,
        hold_steps: int = 10,
        noise: VerdictNoise | None = None,
    ) -> None:
        """Set the knobs.

        Args:
            precision: Of the verdict "success", at `base_rate`; see `VerdictNoise`.
            recall: Of true successes.
            seed: Of the noise; verdicts depend on it, on the episode and on the segment alone.
            base_rate: Share of segments that truly succeed, as observed or expected.
            hold_steps: A sub-goal counts as reached if it holds in this many rows up to
                `attempt_end`, as far as they come after the segment: LIBERO's predicates also fire
                while an object is still held.
            noise: The rates themselves, in place of precision and recall.

        Raises:
            ValueError: No noise gives this precision and recall at this base rate.
        """
        self.noise = noise or VerdictNoise.from_precision_recall(precision, recall, base_rate, seed)
        self.hold_steps = hold_steps
        self._noisy = self.noise.true_positive_rate < 1.0 or self.noise.false_positive_rate > 0.0

    @property
    def name(self) -> str:
        """Named in every result; says the rates if there is noise."""
        if not self._noisy:
            return "privileged"
        rates = self.noise
        return f"privileged(tpr={rates.true_positive_rate:.2f},fpr={rates.false_positive_rate:.2f})"

    def analyze(self, episode: Episode) -> Reflection:
        """Judge each skill segment by the simulator's predicates.

        Raises:
            SpecMismatch: The episode carries no predicate of one of its skills.
        """
        rows = skill_segments(episode)
        outcomes = []
        for at, segment in enumerate(rows):
            truth = self._reached(episode, segment)
            said = self.noise.call(truth, episode, segment)
            # A wrong verdict comes with a story that fits it: what is held to be reached is not
            # also said to be undone.
            undone = self._undone_in(episode, segment, rows[at + 1 :]) if said and truth else None
            outcomes.append(SubgoalOutcome(segment, said, undone_in=undone))
        return identify_failure(episode, outcomes, self.name, privileged=True)

    def _reached(self, episode: Episode, segment: int) -> bool:
        # What was lost on the way home, before the next skill began, is no fault of the order.
        end = attempt_end(episode, segment)
        start = max(episode.segments[segment].stop, end + 1 - self.hold_steps)  # two arms: one row
        return bool(_predicate(episode, segment)[min(start, end) : end + 1].all())

    def _undone_in(self, episode: Episode, segment: int, later: list[int]) -> int | None:
        """The later skill after which the predicate has become false for good."""
        holds = _predicate(episode, segment)
        if holds[-1]:
            return None
        last_true = int(np.flatnonzero(holds)[-1])
        guilty = [index for index in later if episode.segments[index].start <= last_true + 1]
        return guilty[-1] if guilty else (later[0] if later else None)


def _predicate(episode: Episode, segment: int) -> NDArray[np.bool_]:
    skill = episode.segments[segment].skill
    if episode.skill_done is None or skill not in episode.skill_done:
        known = sorted(episode.skill_done or ())
        raise SpecMismatch(
            f"The privileged analyzer needs the simulator's word on {skill!r}; the episode has it "
            f"for {known or 'no skill'}. Pass `info` on every call: `agent.act(observation, info)` "
            "and `agent.finish(observation, info)`, or use an analyzer that sees pictures."
        )
    return episode.skill_done[skill]
