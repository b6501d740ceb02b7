"""Gymnasium wrappers that work on every environment of this package, and on others."""

from mosel_gym.wrappers.disturbance import VisualDisturbance
from mosel_gym.wrappers.freeze_finished import FreezeFinished
from mosel_gym.wrappers.judged_reward import VideoJudgeReward
from mosel_gym.wrappers.observation_format import ObservationFormat
from mosel_gym.wrappers.recording import RecordEpisode
from mosel_gym.wrappers.skill_transition import SkillTransition
from mosel_gym.wrappers.subgoal_reward import SubgoalReward

__all__ = [
    "FreezeFinished",
    "ObservationFormat",
    "RecordEpisode",
    "SkillTransition",
    "SubgoalReward",
    "VideoJudgeReward",
    "VisualDisturbance",
]
