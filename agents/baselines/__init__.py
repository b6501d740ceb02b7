"""The agents that MOSEL is compared with, each a composition of the same modules (section 4.1)."""

from __future__ import annotations

from mosel_gym.agents.baselines.hip import HipAgent
from mosel_gym.agents.baselines.palm_e import PalmEAgent
from mosel_gym.agents.baselines.unipi import UniPiAgent

__all__ = ["HipAgent", "PalmEAgent", "UniPiAgent"]
