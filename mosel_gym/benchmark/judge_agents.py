"""PRIVILEGED: recipes of agents that reflect with simulator truth of a chosen precision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mosel_gym.benchmark.rollout import Agent
from mosel_gym.benchmark.specs import PretrainedAgent

if TYPE_CHECKING:
    from mosel_gym.agents.analysis.privileged import PrivilegedAnalyzer

EXPERT = "expert"


@dataclass(frozen=True)
class JudgedAgent:
    """An agent whose analyzer reads the truth, with wrong verdicts mixed in."""

    source: str
    """Checkpoint name or folder, or "expert": the offline planner with the scripted expert."""
    precision: float = 1.0
    recall: float = 1.0
    base_rate: float = 0.5
    """Share of skill segments that is expected to succeed."""
    seed: int = 0
    """Of the noise."""
    buffer: str | None = None
    """Folder of a `ReflectionBuffer` that every reflection goes into."""

    def analyzer(self) -> PrivilegedAnalyzer:
        """The judge.

        Raises:
            ValueError: No noise has this precision and recall at this base rate.
        """
        from mosel_gym.agents.analysis.privileged import PrivilegedAnalyzer

        return PrivilegedAnalyzer(self.precision, self.recall, self.seed, base_rate=self.base_rate)

    def build(self) -> Agent:
        """Load it."""
        from mosel_gym.agents import MoselAgent
        from mosel_gym.agents.planning.offline import OfflinePlanner
        from mosel_gym.benchmark.expert_agent import ExpertAgent

        if self.source == EXPERT:
            return ExpertAgent(OfflinePlanner(), self.analyzer(), buffer=self.buffer)
        return MoselAgent.from_pretrained(self.source, analyzer=self.analyzer(), buffer=self.buffer)

    def fingerprint(self) -> str:
        """A digest of the weights, and the judge."""
        agent = EXPERT if self.source == EXPERT else PretrainedAgent(self.source).fingerprint()
        judge = f"{self.precision},{self.recall},{self.base_rate},{self.seed}"
        return f"{agent} judged privileged:{judge}"
