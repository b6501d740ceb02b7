"""Evaluate an agent inside vla-eval's own runner, on one of our environments: no Docker.

Needs `pip install vla-eval`. Run: python examples/09_vla_eval.py --episodes 2
"""

from __future__ import annotations

import argparse
from pathlib import Path

import vla_eval

from mosel_gym.integrations.vla_eval import MoselModelServer


def main() -> None:
    """Serve the agent, run vla-eval against it, and print what it found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agent", default="libero-long", help="checkpoint name or folder")
    parser.add_argument("--task", default="MOSEL-LiberoLong-Task6", help="id, or a suite")
    parser.add_argument("--episodes", type=int, default=1, help="episodes of each task")
    parser.add_argument("--max-steps", type=int, default=None, help="default: the protocol's")
    parser.add_argument("--out", type=Path, default=Path("runs/example-09"))
    arguments = parser.parse_args()

    entry = {
        "benchmark": "mosel_gym.integrations.vla_eval:MoselBenchmark",
        "episodes_per_task": arguments.episodes,
        "max_steps": arguments.max_steps,
        "params": {"suite": arguments.task, "protocol": "mosel", "camera_size": 128, "seed": 0},
    }
    server = MoselModelServer(arguments.agent)
    config = {"benchmarks": [entry], "output_dir": str(arguments.out)}
    for task in vla_eval.evaluate(server, config, docker=False)[0]["tasks"]:
        for episode in task["episodes"]:
            print(episode["steps"], "steps:", episode["metrics"]["subgoals"])


if __name__ == "__main__":
    main()
