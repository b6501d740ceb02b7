"""Inverse dynamics self-improving, section 3.3, Appendix I: imitate successes, avoid failures."""

from __future__ import annotations

from collections.abc import Sequence

from mosel_gym.agents.base import InverseDynamics, VideoPlanner
from mosel_gym.agents.improvement.evidence import Evidence
from mosel_gym.agents.improvement.networks import restored_on_error
from mosel_gym.data.windows import Clip
from mosel_gym.errors import SpecMismatch
from mosel_gym.models.goal_conditioned import GoalConditionedPolicy
from mosel_gym.models.video_base import VideoPlannerNetwork
from mosel_gym.training.finetune import FinetuneReport
from mosel_gym.training.finetune_policy import PolicyFinetuneConfig, finetune_policy
from mosel_gym.training.video import imagined_clips


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
        demos: Demonstrations that are mixed in, as `config.demo_fraction` says; see
            `with_imagined`.
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


def with_imagined(demos: Sequence[Clip], video_planner: VideoPlanner) -> list[Clip]:
    """Demonstrations with what the agent's own planner imagines from their first pictures.

    The policy acts on imagined frames, and reads from them how far they are. Demonstrations that
    only show true frames would let it forget that, and rollouts do not tell the distance.

    Args:
        demos: Those with imagined frames keep them, and so do those of skills that the planner does
            not know.
        video_planner: One that is no network imagines nothing here.
    """
    if not isinstance(video_planner, VideoPlannerNetwork):
        return list(demos)
    wanted = [clip.imagined is None and clip.skill in video_planner.skills for clip in demos]
    plain = [clip for clip, asked in zip(demos, wanted, strict=True) if asked]
    imagined = iter(imagined_clips(plain, video_planner))
    return [next(imagined) if asked else clip for clip, asked in zip(demos, wanted, strict=True)]
