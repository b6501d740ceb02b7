"""What a policy is given in training, and what it answers: a batch, and the losses of its samples.

Every kind of policy is trained and refined through these two, so that training knows no kind.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class PolicyBatch:
    """One batch, ready for the network; B samples."""

    scene: Tensor
    """`[B, 3, S, S]` in -1..1; so is `goal`."""
    hands: Tensor
    """`[B, 3 K, S, S]` in -1..1, of K hand cameras."""
    proprio: Tensor
    """`[B, P]`, relative to home and standardised."""
    goal: Tensor
    has_goal: Tensor
    """bool `[B]`."""
    skill: Tensor | None
    """int64 `[B]`, for a policy with skill id."""
    actions: Tensor
    """Normalised, flattened, `[B, chunk * A]`."""
    progress: Tensor
    """Steps to the goal frame / goal horizon, `[B]` in 0..1; without a goal, to the clip's end."""
    has_progress: Tensor
    """bool `[B]`: where the progress head is trained, see the config's `skill_progress`."""


@dataclass(frozen=True)
class SampleLosses:
    """Losses of a batch of B samples with D draws each, nothing averaged over samples."""

    action: Tensor
    """l of Appendix I: how far the policy is from the actions of a sample, `[B, D]`, at least 0."""
    times: Tensor
    """Where on a flow's path each was taken, `[B, D]` in 0..1; 0 where there is no path."""
    progress: Tensor
    """Squared error of the progress head, `[B]`; 0 where it has nothing to tell."""
