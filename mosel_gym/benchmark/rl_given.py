"""What an agent of reinforcement learning was given: it stands beside every result of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

KEY = "given"
"""In the card of an agent, as numbers; "information" says the same in one line."""


@dataclass(frozen=True)
class Given:
    """Counts, not claims."""

    demonstrations: int = 0
    """Whole tasks, carried out by the scripted expert."""
    goals: tuple[str, ...] = ()
    """Of the demonstrations."""
    reward: str = "none"
    """"none", "success" or "subgoals"; a reward is the simulator's own truth."""
    task: str = ""
    """Where it was rewarded."""
    episodes: int = 0
    """Training episodes, measurements left out."""
    env_steps: int = 0
    privileged: bool = False
    """Whether it sees the simulator's state when it acts."""

    def line(self) -> str:
        """In one line, as tables have it."""
        parts = []
        if self.demonstrations:
            parts.append(f"{self.demonstrations} demonstrations of whole tasks")
        if self.reward != "none":
            parts.append(
                f"{self.episodes} own interactions with the simulator's reward "
                f"({self.reward}; PRIVILEGED in training)"
            )
        if self.privileged:
            parts.append("acts on simulator state (PRIVILEGED)")
        return "; ".join(parts) or "nothing"

    def text(self) -> str:
        """Line by line."""
        rows = {
            "demonstrations": self.demonstrations,
            "ground-truth reward": self.reward,
            "episodes in the environment": self.episodes,
            "steps in the environment": self.env_steps,
            "verdicts of an analyzer": "none",
            "skills and plans": "none",
            "sees simulator state": "yes" if self.privileged else "no",
        }
        return "\n".join(f"  {name:<28}{value}" for name, value in rows.items())

    def card(self) -> dict[str, Any]:
        """Both forms, for an agent's card."""
        return {KEY: asdict(self), "information": self.line()}

    @classmethod
    def of(cls, card: Mapping[str, Any]) -> Self:
        """As a card tells it; an agent that does not say was given nothing that is known."""
        known = {field.name for field in fields(cls)}
        values = {k: v for k, v in dict(card.get(KEY) or {}).items() if k in known}
        values["goals"] = tuple(values.get("goals", ()))
        return cls(**values)
