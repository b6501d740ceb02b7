"""mosel-gym: long-horizon robot manipulation as Gymnasium environments, and the MOSEL agent.

Importing this package registers the environment ids with Gymnasium. It loads numpy and gymnasium
and nothing else: no simulator, no torch, no prompt.
"""

from mosel_gym.errors import MoselError
from mosel_gym.registry import register_envs, task_of
from mosel_gym.types import Episode, Reflection, Skill, Task, TaskPlan

__version__ = "0.1.0"
__all__ = [
    "Episode",
    "MoselError",
    "Reflection",
    "Skill",
    "Task",
    "TaskPlan",
    "__version__",
    "register_envs",
    "task_of",
]

register_envs()
