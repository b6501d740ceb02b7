"""What the refinements of both networks share: the report, and the mixture of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mosel_gym.data.windows import Clip
from mosel_gym.errors import NotEnoughData


@dataclass(frozen=True)
class FinetuneReport:
    """What one refinement did. Losses are on the imitated samples, with the same draws twice.

    Self-made actions are noisier than demonstrations: a higher loss does not mean a worse policy.
    """

    loss_before: float
    loss_after: float
    steps: int
    seconds: float


def shares(
    success: Sequence[Clip], demos: Sequence[Clip], demo_fraction: float, batch_size: int
) -> list[tuple[Sequence[Clip], int]]:
    """How many of a batch come from where; all from one side where the other is empty."""
    if not success and not demos:
        raise NotEnoughData(
            "refining needs at least one clip judged successful, or demonstrations; got 0 of both."
        )
    from_demos = round(demo_fraction * batch_size)
    if not success:
        from_demos = batch_size
    elif not demos:
        from_demos = 0
    shares = [(success, batch_size - from_demos), (demos, from_demos)]
    return [(clips, count) for clips, count in shares if count > 0]
