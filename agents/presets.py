"""Named settings of a suite: robot, cameras, budgets, and what its networks are trained on.

"libero" is what every default says. A preset sets what the suite demands and leaves the rest, and
what was set otherwise by hand, as it is.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from typing import TypeVar

from mosel_gym.agents.config import MoselConfig
from mosel_gym.agents.executor import ExecutorConfig
from mosel_gym.data.cameras import LIBERO_CAMERAS, Cameras
from mosel_gym.errors import SpecMismatch, UnknownId
from mosel_gym.models.goal_conditioned import GoalConditionedPolicy
from mosel_gym.models.inverse_dynamics import GoalPolicyConfig
from mosel_gym.models.judge import SubgoalJudgeConfig
from mosel_gym.models.video_planner import VideoPlannerConfig
from mosel_gym.training.finetune_policy import PolicyFinetuneConfig
from mosel_gym.training.judge import JudgeTrainConfig
from mosel_gym.training.policy import PolicyTrainConfig
from mosel_gym.training.policy_data import Augmentation
from mosel_gym.training.video import VideoTrainConfig
from mosel_gym.transition import TransitionConfig

ValueT = TypeVar("ValueT")


@dataclass(frozen=True)
class Preset:
    """One suite; the defaults are LIBERO's."""

    name: str
    robot: str = GoalPolicyConfig.robot
    """Row of `specs.ROBOTS`."""
    cameras: Cameras = LIBERO_CAMERAS
    skill_budget: int = ExecutorConfig.skill_budget
    """Steps of one skill, retries included."""
    keep_grip: bool = TransitionConfig.keep_grip
    """Whether the hands keep what they hold on their way home."""
    released: bool = JudgeTrainConfig.released
    """Whether a sub-goal counts for the judge only once the grippers are told to open."""
    shift_px: int = Augmentation.shift_px
    """Random shift of scene and goal in the training of a policy."""
    hand_shift_px: int = Augmentation.hand_shift_px
    """The same of the hands' views, on their own."""
    nearer_hand: bool = False
    """Whether the offline planner looks on which side a thing lies, to choose the hand."""

    def for_video(self, config: VideoTrainConfig) -> VideoTrainConfig:
        """Training of the video planner."""
        scene = _filled(
            config.model.scene_camera, VideoPlannerConfig.scene_camera, self.cameras.scene
        )
        return replace(config, model=replace(config.model, scene_camera=scene))

    def for_policy(self, config: PolicyTrainConfig) -> PolicyTrainConfig:
        """Training of the inverse dynamics."""
        robot = _filled(config.model.robot, GoalPolicyConfig.robot, self.robot)
        cameras = self._cameras(config.model.cameras)
        return replace(
            config,
            model=replace(config.model, robot=robot, cameras=cameras),
            augmentation=self._augmentation(config.augmentation),
        )

    def for_judge(self, config: JudgeTrainConfig) -> JudgeTrainConfig:
        """Training of the pixel analyzer's network."""
        model: SubgoalJudgeConfig = config.model
        return replace(
            config,
            model=replace(model, cameras=self._cameras(model.cameras)),
            released=_filled(config.released, JudgeTrainConfig.released, self.released),
        )

    def for_agent(
        self, policy: GoalConditionedPolicy, augmentation: Augmentation | None = None
    ) -> MoselConfig:
        """Config of an agent with that policy.

        Args:
            policy: Of any kind.
            augmentation: With which it is refined; None = that of the preset.

        Raises:
            SpecMismatch: The policy was made for another robot or scene camera than the preset's.
        """
        made_for = (policy.config.robot, policy.config.cameras.scene)
        if made_for != (self.robot, self.cameras.scene):
            fitting = [
                preset.name
                for preset in PRESETS.values()
                if made_for == (preset.robot, preset.cameras.scene)
            ]
            raise SpecMismatch(
                f"The policy was made for the robot {made_for[0]!r} and the camera "
                f"{made_for[1]!r}, the preset {self.name!r} is for {self.robot!r} and "
                f"{self.cameras.scene!r}. Presets that fit: {fitting or 'none'}."
            )
        return MoselConfig(
            executor=ExecutorConfig(
                skill_budget=self.skill_budget,
                scene_camera=self.cameras.scene,
            ),
            transition=TransitionConfig(keep_grip=self.keep_grip),
            robot=self.robot,
            policy=PolicyFinetuneConfig(
                augmentation=augmentation or self._augmentation(Augmentation())
            ),
        )

    def _augmentation(self, given: Augmentation) -> Augmentation:
        shift_px = _filled(given.shift_px, Augmentation.shift_px, self.shift_px)
        hand_px = _filled(given.hand_shift_px, Augmentation.hand_shift_px, self.hand_shift_px)
        return replace(given, shift_px=shift_px, hand_shift_px=hand_px)

    def _cameras(self, given: Cameras) -> Cameras:
        return Cameras(
            _filled(given.scene, LIBERO_CAMERAS.scene, self.cameras.scene),
            _filled(given.hands, LIBERO_CAMERAS.hands, self.cameras.hands),
        )


_ROBOTWIN = Preset(
    "robotwin",
    robot="dual-panda-ee",
    cameras=Cameras("head_camera", hands=()),
    # The paper allows a skill 200 steps; handing over, pushing and sweeping have 300.
    skill_budget=300,
    keep_grip=True,  # a tool stays in the hand between the skills that use it
    released=False,  # "the hand holds the brush" is a sub-goal
    nearer_hand=True,
    shift_px=1,  # 4 of the head camera's 64 px would be 7 cm of the table
    hand_shift_px=1,
)

PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset("libero"),
        _ROBOTWIN,
        replace(_ROBOTWIN, name="robotwin-joint", robot="dual-panda-joint"),
    )
}


def preset(name: str) -> Preset:
    """The preset of that name.

    Raises:
        UnknownId: With the names there are.
    """
    if name in PRESETS:
        return PRESETS[name]
    near = difflib.get_close_matches(name, PRESETS, n=1)
    raise UnknownId(f"Unknown preset {name!r}. Allowed: {list(PRESETS)}. Nearest: {near}.")


def _filled(given: ValueT, default: ValueT, wanted: ValueT) -> ValueT:
    """The preset's value, unless the user gave one that is not the default."""
    return wanted if given == default else given
