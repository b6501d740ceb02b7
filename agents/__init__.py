"""MOSEL agents and their four modules. Importing this loads torch, but no simulator."""

from mosel_gym.agents.analysis.pixel import PixelAnalyzer
from mosel_gym.agents.analysis.privileged import PrivilegedAnalyzer
from mosel_gym.agents.checkpoint import embedded_names
from mosel_gym.agents.config import MoselConfig
from mosel_gym.agents.mosel import MoselAgent
from mosel_gym.agents.planning.offline import OfflinePlanner

__all__ = [
    "MoselAgent",
    "MoselConfig",
    "OfflinePlanner",
    "PixelAnalyzer",
    "PrivilegedAnalyzer",
    "embedded_names",
]
