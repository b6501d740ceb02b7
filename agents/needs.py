"""What an agent on disk needs of its environment, without loading its networks."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from mosel_gym.agents.checkpoint import checkpoint_folder
from mosel_gym.agents.kinds import split_source
from mosel_gym.data.cameras import LIBERO_CAMERAS, Cameras
from mosel_gym.errors import DamagedFile
from mosel_gym.models.checkpoint import read_metadata
from mosel_gym.specs import robot as find_robot


@dataclass(frozen=True)
class Needs:
    """Robot and pictures."""

    robot: str
    """Row of `specs.ROBOTS`."""
    cameras: tuple[str, ...]
    """Names of the pictures, the scene's first; () = none."""

    @property
    def control(self) -> str:
        """As in `specs.RobotSpec`: "ee_delta" or "joint"."""
        return find_robot(self.robot).control


def needs_of(name_or_dir: str | Path) -> Needs:
    """Read it from `agent.json`, or from the config that the policy's weights carry.

    Raises:
        UnknownId: No such agent.
        DamagedFile: A file of it is missing or damaged.
    """
    folder = checkpoint_folder(split_source(name_or_dir)[1])
    path = folder / "agent.json"
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
        # A reinforcement learning agent keeps it in its view, all others in the policy's config.
        stored, none = index.get("view"), Cameras("", hands=())
        if stored is None:
            stored = json.loads(read_metadata(folder / "policy.safetensors")["config"])
            none = LIBERO_CAMERAS  # configs from before cameras had names
        cameras = stored.get("cameras") or asdict(none)
        names = (cameras["scene"], *cameras["hands"])
        return Needs(stored.get("robot", "panda"), tuple(name for name in names if name))
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        if isinstance(error, DamagedFile):
            raise
        raise DamagedFile(f"{path} does not say what the agent needs: {error!r}.") from error
