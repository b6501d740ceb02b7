"""Visual planner self-improving, section 3.2: fine-tune on skills that were judged successful."""

from __future__ import annotations

from collections.abc import Sequence

from mosel_gym.agents.base import VideoPlanner
from mosel_gym.agents.improvement.evidence import Evidence
from mosel_gym.agents.improvement.networks import restored_on_error
from mosel_gym.data.cameras import Cameras
from mosel_gym.data.windows import Clip
from mosel_gym.errors import SpecMismatch
from mosel_gym.models.video_base import VideoPlannerNetwork
from mosel_gym.training.finetune import FinetuneReport
from mosel_gym.training.finetune_video import VideoFinetuneConfig, finetune_video


def refine_video(
    planner: VideoPlanner,
    evidence: Evidence,
    demos: Sequence[Clip],
    config: VideoFinetuneConfig,
    min_accepted: int,
) -> FinetuneReport:
    """Fine-tune the video planner in place on D_success.

    Args:
        planner: A `VideoPlannerNetwork` of any kind.
        evidence: Reflected episodes.
        demos: Demonstrations for replay.
        config: The recipe.
        min_accepted: Segments judged successful that are needed.

    Raises:
        NotEnoughData: There are fewer.
        SpecMismatch: This planner has no weights that could be refined.
    """
    if not isinstance(planner, VideoPlannerNetwork):
        raise SpecMismatch(
            f"A {type(planner).__name__} cannot be refined; the video target needs a "
            "planner of `mosel train video`. Choose another target."
        )
    evidence.require(min_accepted, "Refining the video planner")
    scene = Cameras(planner.config.scene_camera, hands=())
    success = evidence.clips(planner.size, True, scene)
    with restored_on_error(planner):
        device = planner.device.type
        return finetune_video(planner, success, demos, config, device=device)
