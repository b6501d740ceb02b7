"""HiP, the paper's "MOSEL (Baseline)": task planner, video planner and policy, no reflection.

Differences from HiP's own paper (Ajay et al. 2023):

- Its iterative refinement is left out, as the MOSEL paper says: there a classifier, trained for
  each task, weighs the sub-goals that a language model proposes, and a model of feasible actions
  guides the sampling of the video.
- Its inverse dynamics regresses each frame's state from pre-trained features, and actions are
  differences of states. Here it is MOSEL's policy: chunks of actions towards the next frame, which
  sees new pictures while it acts.
- Its video model works on its own latents at 64 px with a thousand steps; here it is the video
  planner of this package.
- After a skill the arm goes home (Appendix J), as for every agent here.

Differences from MOSEL: no analyzer, so nobody is asked while a skill is carried out and no skill
is tried twice; nothing improves.
"""

from __future__ import annotations

from typing import ClassVar

from mosel_gym.agents.baselines.composed import Baseline


class HipAgent(Baseline):
    """MOSEL without self-reflection.

    Example:
        agent = HipAgent.from_pretrained("libero-long")  # the shipped networks, without reflection

    Non-obvious behaviour:
        - `from_pretrained` also reads a folder of MOSEL's. Networks come as they lie there, refined
          or not; plans that were refined there are left behind.
    """

    kind: ClassVar[str] = "hip"
