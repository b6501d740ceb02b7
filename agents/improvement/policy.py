"""Inverse dynamics self-improving, section 3.3, Appendix I: imitate successes, avoid failures."""

from __future__ import annotations

from collections.abc import Sequence

from mosel_gym.agents.base import InverseDynamics
from mosel_gym.agents.improvement.evidence import Evidence
from mosel_gym.agents.improvement.networks import restored_on_error
from mosel_gym.data.windows import Clip
from mosel_gym.errors import SpecMismatch
from mosel_gym.models.goal_conditioned import GoalConditionedPolicy
from mosel_gym.training.finetune import FinetuneReport
from mosel_gym.training.finetune_policy import PolicyFinetuneConfig, finetune_policy


def refine_policy(
    policy: InverseDynamics,
    evidence: Evidence,
    demos: Sequence[Clip],
    config: PolicyFinetuneConfig,
    min_accepted: int,
) -> FinetuneReport:
    """Fine-tune the policy in place on D_success and D_fail.

    Args:
        policy: A `GoalPolicy` or a `TokenPolicy`.
        evidence: Reflected episodes.
        demos: Demonstrations that are mixed in, as `config.demo_fraction` says.
        config: The recipe, margin and weight of the failures included.
        min_accepted: Segments judged successful that are needed.

    Raises:
        NotEnoughData: There are fewer.
        SpecMismatch: This policy has no weights that could be refined.
    """
    if not isinstance(policy, GoalConditionedPolicy):
        raise SpecMismatch(
            f"A {type(policy).__name__} cannot be refined; the policy target needs a GoalPolicy or "
            "a TokenPolicy. Choose another target, or compose the agent with one of these."
        )
    evidence.require(min_accepted, "Refining the policy")
    size, cameras = policy.config.size, policy.config.cameras
    success = evidence.clips(size, True, cameras)
    failed = evidence.clips(size, False, cameras) if config.alpha > 0 else []
    with restored_on_error(policy):
        device = next(policy.parameters()).device.type
        return finetune_policy(policy, success, failed, demos, config, device=device)
