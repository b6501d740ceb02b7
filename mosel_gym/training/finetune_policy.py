"""Refinement of the inverse dynamics from judged rollouts, Appendix I."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from torch import Tensor

from mosel_gym.data.windows import Clip
from mosel_gym.errors import SpecMismatch
from mosel_gym.models.goal_conditioned import GoalConditionedPolicy
from mosel_gym.training.finetune import FinetuneReport, shares
from mosel_gym.training.loop import Draws, LoopConfig, draws_at, fit
from mosel_gym.training.margin import Margin
from mosel_gym.training.policy_data import NO_AUGMENTATION, Augmentation, PolicyWindows


@dataclass(frozen=True)
class PolicyFinetuneConfig:
    """Defaults are those of a round that gained 19 points over its control."""

    loop: LoopConfig = field(default_factory=lambda: LoopConfig(steps=400, batch_size=64, lr=4e-4))
    alpha: float = 0.1
    """Weight of the failures; 0 = filtered behaviour cloning. The paper gives no value."""
    margin: float | None = None
    """m of Appendix I; None = 95th percentile of the success loss before the update."""
    demo_fraction: float = 0.25
    """Share of demonstrations among the imitated samples, as a guard against forgetting."""
    failed_fraction: float = 0.25
    """Failed samples beside each batch, in units of the batch size; at most 0.5."""
    failed_goal: Literal["future", "followed", "none"] = "future"
    """Goal of a failed sample: its own future frame as in the paper, or an imagined one, as often
    as of other samples; the imagined frame that it followed and did not reach; or no goal at all.
    Towards its own future a failed action is not wrong, but the hinge does not know that."""
    balance: Literal["frames", "clips"] = "frames"
    """Whether a long clip weighs more than a short one."""
    augmentation: Augmentation = field(default_factory=Augmentation)
    draws: int = 4
    """(Noise, time) draws a sample, see `GoalConditionedPolicy.losses`."""
    progress_weight: float = 0.5
    past_end: int = 6
    old_share: float = 0.0
    """Share of the old weights in the refined ones, which lie so far on the straight line back to
    them (as WiSE-FT does, Wortsman et al. 2022): fine-tuning on few skills can cost others some of
    what they could."""

    def __post_init__(self) -> None:
        """Refuse what is no share.

        Raises:
            SpecMismatch: With the option's name.
        """
        if not 0 <= self.old_share < 1:
            raise SpecMismatch(
                f"old_share is {self.old_share}; give 0 (off) or more, and less than 1, which "
                "would leave nothing of what was learned."
            )


def finetune_policy(
    policy: GoalConditionedPolicy,
    success: Sequence[Clip],
    failed: Sequence[Clip],
    demos: Sequence[Clip],
    config: PolicyFinetuneConfig,
    *,
    progress: bool = True,
    device: str = "cpu",
) -> FinetuneReport:
    """Refine `policy` in place by the contrastive objective of Appendix I.

    L = mean l(a^, a) over imitated samples + alpha * mean max(0, m - l(a^, a)) over failed ones,
    where l is the policy's own loss of a sample: the flow-matching error of one draw, averaged over
    its elements, or the cross-entropy of the tokens, averaged over tokens. Normalisers and tokens
    stay those of the base; optimiser and average start fresh.

    Args:
        policy: The base, of either kind, with its averaged weights.
        success: Clips judged successful.
        failed: Clips judged failed; unused with alpha = 0.
        demos: Demonstrations. With `success` empty they are all there is: the control arm.
        config: The recipe.
        progress: Show a progress bar.
        device: "cpu" or "cuda".

    Raises:
        NotEnoughData: Neither successes nor demonstrations.
    """
    start_s = time.monotonic()
    policy.to(device)
    batch_size = config.loop.batch_size
    pools = shares(success, demos, config.demo_fraction, batch_size)
    imitated = [
        (PolicyWindows(clips, policy, past_end=config.past_end, balance=config.balance), count)
        for clips, count in pools
    ]
    failed_augmentation = config.augmentation
    if config.failed_goal == "followed":
        failed_augmentation = replace(failed_augmentation, goal_imagined=1.0)
    contrasted, failed_count = None, round(min(config.failed_fraction, 0.5) * batch_size)
    long_enough = [clip for clip in failed if len(clip.actions) >= policy.config.chunk]
    if config.alpha > 0 and long_enough and failed_count:
        contrasted = PolicyWindows(long_enough, policy, whole_chunks=True, balance=config.balance)
    before, times = _policy_errors(policy, imitated, config.loop.seed, config.draws)
    old = {name: weight.detach().clone() for name, weight in policy.named_parameters()}
    margin = Margin.from_losses(before, times, config.margin).to(device)

    def losses(draw: Draws) -> dict[str, Tensor]:
        parts = []
        for windows, count in imitated:
            batch = windows.sample(draw.numpy, max(1, draw.share(count)), config.augmentation)
            parts.append(policy.losses(batch, draw.torch, config.draws))
        action = torch.cat([part.action for part in parts]).mean()
        error = torch.cat([part.progress for part in parts]).mean()
        loss = action + config.progress_weight * error
        named = {policy.loss_name: action, "progress": error}
        if contrasted is not None:
            count = max(1, draw.share(failed_count))
            batch = contrasted.sample(draw.numpy, count, failed_augmentation)
            if config.failed_goal == "none":
                batch.has_goal.fill_(False)
            part = policy.losses(batch, draw.torch, config.draws)
            hinge = margin.hinge(part.action, part.times).mean()
            loss = loss + config.alpha * hinge
            named |= {"hinge": hinge, f"failed_{policy.loss_name}": part.action.mean()}
        return {"loss": loss, **named}

    report = fit(
        policy, losses, config.loop, None, label="refining policy", progress=progress, device=device
    )
    with torch.no_grad():
        for name, weight in policy.named_parameters():
            weight.lerp_(old[name], config.old_share)
    after, _ = _policy_errors(policy, imitated, config.loop.seed, config.draws)
    seconds = time.monotonic() - start_s
    return FinetuneReport(float(before.mean()), float(after.mean()), report.steps, seconds)


@torch.no_grad()
def _policy_errors(
    policy: GoalConditionedPolicy, pools: Sequence[tuple[PolicyWindows, int]], seed: int, draws: int
) -> tuple[Tensor, Tensor]:
    """Losses l and their times, `[N]` each, of eight fixed batches without augmentation."""
    policy.eval()
    errors, times = [], []
    for step in range(8):
        draw = draws_at(seed + 1, step)
        for windows, count in pools:
            batch = windows.sample(draw.numpy, count, NO_AUGMENTATION)
            part = policy.losses(batch, draw.torch, draws)
            errors.append(part.action.flatten())
            times.append(part.times.flatten())
    return torch.cat(errors), torch.cat(times)
