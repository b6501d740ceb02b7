"""An openpi client steers a task; the agent sits behind openpi's protocol, in another process.

Run: mosel serve --port 8000
     python examples/10_openpi.py --port 8000 --seed 3
"""

from __future__ import annotations

import gymnasium as gym
import tyro
from websockets.sync.client import connect

from mosel_gym.integrations.openpi_wire import pack, unpack
from mosel_gym.wrappers import ObservationFormat


def main(
    task: str = "MOSEL-LiberoLong-Task6", seed: int = 0, port: int = 8000, max_steps: int = 600
) -> None:
    """Run one episode; openpi's own `WebsocketClientPolicy` would send the same bytes."""
    env = ObservationFormat(gym.make(task, success_hold=40, max_steps=max_steps), "openpi")
    observation, info = env.reset(seed=seed)
    terminated = truncated = False
    with connect(f"ws://127.0.0.1:{port}", compression=None, max_size=None) as server:
        print(unpack(server.recv()))  # what the server expects, and gives
        while not (terminated or truncated):
            server.send(pack(observation))
            action = unpack(server.recv())["actions"][0]
            observation, _, terminated, truncated, info = env.step(action)
    env.close()
    print(f"success: {info['success']}")


if __name__ == "__main__":
    tyro.cli(main)
