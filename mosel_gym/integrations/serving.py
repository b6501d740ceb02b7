"""What every server of this package shares: its settings, and how it gets its agents."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mosel_gym.errors import MissingLibrary, SpecMismatch
from mosel_gym.registry import TASKS, find_task

if TYPE_CHECKING:  # the command's help needs no networks
    from mosel_gym.agents.pretrained import PolicyAgent

AgentFactory = Callable[[], "PolicyAgent"]
"""Builds a new agent that shares nothing with those before it; called in any thread."""
OnReady = Callable[[str, int], None]
"""Called with host and port once clients can connect."""

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class ServeConfig:
    """Where a server listens, and how much it takes from its clients."""

    host: str = LOOPBACK
    """Address to listen on. Anything but loopback lets others drive the agent: there is no
    password."""
    port: int = 8000
    """0 takes a free one; the line that is printed names it."""
    task: str = ""
    """Goal, or environment id, of clients that send none."""
    sessions: int = 4
    """Clients at once; each has an agent of its own. One more is turned away."""
    max_message_mb: int = 16
    """A client that sends a larger message (MiB) is cut off."""
    max_episode_mb: int = 1024
    """Pictures that one episode may hold in memory (MiB), since an agent keeps what it saw: at 224
    x 224 pixels and two cameras, 1024 are 3500 steps."""

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            SpecMismatch: One is out of range.
            UnknownId: No table knows the task.
        """
        if not 0 <= self.port <= 65535:
            raise SpecMismatch(f"The port must be 0..65535, not {self.port}.")
        for name in ("sessions", "max_message_mb", "max_episode_mb"):
            if getattr(self, name) < 1:
                raise SpecMismatch(f"{name} must be at least 1, not {getattr(self, name)}.")
        if self.task:
            self.goal()

    def goal(self) -> str | None:
        """The goal text behind `task`, None where there is none.

        Raises:
            UnknownId: No table knows it.
        """
        if not self.task:
            return None
        return TASKS[self.task].goal if self.task in TASKS else find_task(self.task).goal


def is_loopback(host: str) -> bool:
    """Whether only programs on this machine can reach the address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def missing(error: ModuleNotFoundError) -> MissingLibrary:
    """The error to raise in place of a failed import."""
    package = (error.name or str(error)).partition(".")[0]
    return MissingLibrary(
        f"Serving an agent needs {package}, which is not installed. "
        "`pip install mosel-gym[serve]` brings it."
    )
