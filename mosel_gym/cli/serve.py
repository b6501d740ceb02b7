"""`mosel serve`."""

from __future__ import annotations

import difflib
import importlib
import sys
from typing import TYPE_CHECKING, Annotated

import tyro

from mosel_gym.errors import UnknownId
from mosel_gym.integrations.serving import ServeConfig, is_loopback

if TYPE_CHECKING:
    from mosel_gym.agents.pretrained import PolicyAgent

PROTOCOLS: dict[str, str] = {
    "openpi": "mosel_gym.integrations.openpi",
    "vla-eval": "mosel_gym.integrations.vla_eval",
}
"""Name -> module with `serve(make_agent, config, on_ready)`."""


def main(
    config: Annotated[ServeConfig, tyro.conf.arg(name="")],
    agent: str = "libero-long",
    protocol: str = "openpi",
    device: str = "cpu",
) -> int:
    """Let clients of another harness drive an agent over the network; Ctrl-C ends it.

    Args:
        config: Where to listen.
        agent: Checkpoint name or folder, of any kind of agent.
        protocol: Whose clients: "openpi" or "vla-eval".
        device: "cpu" or "cuda".
    """
    if protocol not in PROTOCOLS:
        near = difflib.get_close_matches(protocol, PROTOCOLS, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise UnknownId(f"Unknown protocol {protocol!r}. Allowed: {list(PROTOCOLS)}.{hint}")
    server = importlib.import_module(PROTOCOLS[protocol])
    if not is_loopback(config.host):
        print(
            f"Warning: {config.host} can be reached from other machines, and there is no password. "
            "Whoever reaches it can drive the agent.",
            file=sys.stderr,
        )

    def make_agent() -> PolicyAgent:
        from mosel_gym.agents.pretrained import load_any  # brings torch; the help does without

        return load_any(agent, device=device)

    def ready(host: str, port: int) -> None:
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        print(f"{agent} serves {protocol} clients at ws://{address} (Ctrl-C ends it)", flush=True)

    try:
        server.serve(make_agent, config, ready)
    except KeyboardInterrupt:
        print("Stopped.")
    return 0
