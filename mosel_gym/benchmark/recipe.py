"""What one refinement does otherwise than the agent's own config says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from mosel_gym.data.balance import Balance

if TYPE_CHECKING:
    from mosel_gym.agents.config import MoselConfig

FailedGoal = Literal["future", "followed", "none"]


@dataclass(frozen=True)
class Recipe:
    """Everywhere, None leaves what the agent's config says."""

    alpha: float | None = None
    """Weight of D_fail in the policy's loss; 0 = successes alone."""
    margin: float | None = None
    """m of Appendix I, for the policy."""
    replay: float | None = None
    """Share of demonstrations in a batch, for either network; 0 = collected data alone."""
    min_accepted: int | None = None
    """Segments judged successful without which no network is refined."""
    balance: Balance = "none"
    """What each skill weighs in what was collected, see `data.balance`."""
    min_confidence: float = 0.0
    """Confidence of the analyzer below which a success is not learned from."""
    at_least: float = 0.0
    """Share of each skill's tries that count as successes in any case, the likeliest first."""
    old_share: float | None = None
    """Share of the old weights in the refined policy."""
    quickest: float = 1.0
    """Share of each skill's successes that is learned from, shortest first."""
    failed_goal: FailedGoal | None = None
    """Towards which goal a failed action is called wrong, see `PolicyFinetuneConfig`."""

    def __post_init__(self) -> None:
        """Refuse what no refinement can do."""
        if self.alpha is not None and self.alpha < 0:
            raise ValueError(f"alpha is {self.alpha}; it must be at least 0.")
        if self.margin is not None and self.margin <= 0:
            raise ValueError(
                f"margin is {self.margin}; it must be above 0. To leave failures out, set alpha=0."
            )
        if self.replay is not None and not 0 <= self.replay < 1:
            raise ValueError(
                f"replay is {self.replay}; it must lie in 0..1, and below 1: a round of "
                "demonstrations alone is the control, which is trained anyway."
            )
        if not 0 <= self.min_confidence <= 1:
            raise ValueError(f"min_confidence is {self.min_confidence}; it must lie in 0..1.")
        if not 0 <= self.at_least <= 1:
            raise ValueError(f"at_least is {self.at_least}; it must lie in 0 (off) to 1.")
        if not 0 < self.quickest <= 1:
            raise ValueError(f"quickest is {self.quickest}; it must lie above 0, up to 1 (all).")
        if self.old_share is not None and not 0 <= self.old_share < 1:
            raise ValueError(f"old_share is {self.old_share}; it must lie in 0..1, and below 1.")
        if self.min_accepted is not None and self.min_accepted < 1:
            raise ValueError(f"min_accepted is {self.min_accepted}; it must be at least 1.")

    def applied(self, config: MoselConfig, loop: dict[str, int] | None = None) -> MoselConfig:
        """The config with these numbers in it.

        Args:
            config: Of the agent.
            loop: Numbers of both training loops that are changed, such as `steps` and `seed`.
        """
        policy, video = config.policy, config.video
        if loop:
            policy = replace(policy, loop=replace(policy.loop, **loop))  # type: ignore[arg-type]
            video = replace(video, loop=replace(video.loop, **loop))  # type: ignore[arg-type]
        for_policy = _given(
            alpha=self.alpha,
            margin=self.margin,
            demo_fraction=self.replay,
            failed_goal=self.failed_goal,
            old_share=self.old_share,
        )
        return replace(
            config,
            policy=replace(policy, **for_policy),
            video=replace(video, **_given(demo_fraction=self.replay)),
            **_given(min_accepted=self.min_accepted),
        )


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
