"""How far a policy's actions are from demonstrated ones, on clips that it was not trained on.

It says how two policies compare on the same windows, and nothing of success: a different action can
do as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mosel_gym.data.windows import Clip
from mosel_gym.models.actions import snapped
from mosel_gym.models.goal_conditioned import GoalConditionedPolicy
from mosel_gym.training.policy_data import NO_AUGMENTATION, PolicyWindows

_BATCH = 128


@dataclass(frozen=True)
class ActionErrors:
    """Mean absolute errors of arm actions, in units of half the range that training saw."""

    clips: int
    windows: int
    seed: int
    by_length: dict[int, float]
    """Number of next actions -> error over them: what is carried out of a chunk, and all of it."""
    grippers: float
    """Share of the gripper commands, over the least of these numbers, that are the demonstrated."""

    def __str__(self) -> str:
        """One line."""
        errors = ", ".join(f"{value:.4f} over {n}" for n, value in self.by_length.items())
        return (
            f"{self.clips} held-out clips, {self.windows} windows, seed {self.seed}: "
            f"mean |error| of the next actions {errors}; grippers right {self.grippers:.1%}"
        )


@torch.no_grad()
def action_errors(
    policy: GoalConditionedPolicy,
    clips: Sequence[Clip],
    *,
    windows: int = 1024,
    lengths: tuple[int, ...] = (8, 16),
    seed: int = 0,
) -> ActionErrors:
    """Compare sampled chunks with demonstrated ones.

    Args:
        policy: Of either kind. Windows, goals and their distances depend on `clips` and `seed`
            only, so that policies with chunks of different lengths answer the same questions.
        clips: Demonstrations.
        windows: How many are drawn, each with a goal frame and unvaried pictures.
        lengths: Over how many of the next actions; those beyond the chunk are left out, and the
            whole chunk is added.
        seed: Of the windows and of the policy's sampling noise.

    Raises:
        NotEnoughData, SpecMismatch: As for `PolicyWindows`.
    """
    policy.eval()
    questions = PolicyWindows(clips, policy)
    rng, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    shape = (-1, policy.config.chunk, policy.robot.action_size)
    told, wanted = [], []
    for start in range(0, windows, _BATCH):
        batch = questions.sample(rng, min(_BATCH, windows - start), NO_AUGMENTATION)
        told.append(policy.sample(policy.encode_batch(batch), generator))
        wanted.append(policy.action_scaling.decode(batch.actions.view(shape)))
    answered, demonstrated = torch.cat(told), torch.cat(wanted)
    arms = [at for at in range(shape[2]) if at not in policy.robot.gripper_dims]
    errors = (answered - demonstrated).abs()[..., arms] / policy.action_scaling.scale[arms]
    chunk = policy.config.chunk
    kept = sorted({length for length in lengths if length < chunk} | {chunk})
    return ActionErrors(
        clips=len(clips),
        windows=windows,
        seed=seed,
        by_length={length: float(errors[:, :length].mean()) for length in kept},
        grippers=_grippers_right(policy, answered, demonstrated, kept[0]),
    )


def _grippers_right(
    policy: GoalConditionedPolicy, answered: Tensor, demonstrated: Tensor, length: int
) -> float:
    hands = list(policy.robot.gripper_dims)
    both = [
        snapped(actions[:, :length].cpu().numpy(), policy.robot)[..., hands]
        for actions in (answered, demonstrated)
    ]
    return float((both[0] == both[1]).mean())
