"""Let an agent judge recorded episodes, and keep them with their verdicts in a reflection buffer.

Run: python examples/03_record_and_reflect.py --episodes 2
"""

from __future__ import annotations

from pathlib import Path

import tyro

from mosel_gym.agents import MoselAgent
from mosel_gym.benchmark.collect import CollectConfig, collect
from mosel_gym.data.buffer import ReflectionBuffer
from mosel_gym.data.libero_hdf5 import read_episode


def main(
    agent: str = "libero-long",
    episodes: int = 2,
    out: Path = Path("runs/examples/reflect"),
) -> None:
    """Record disturbed expert episodes, some of which fail, and let the agent judge them.

    Args:
        agent: Name of an embedded checkpoint, or a folder.
        episodes: How many.
        out: Recordings and buffer.
    """
    config = CollectConfig(episodes=episodes, perturb=True, video=False, render_every=4)
    recorded = collect(config, out / "episodes", workers=1)

    buffer = ReflectionBuffer(out / "buffer")
    mosel = MoselAgent.from_pretrained(agent, buffer=buffer)
    for entry in recorded:
        # Any recorded episode can be judged: the agent's own, an expert's, or a downloaded one.
        episode = read_episode(out / "episodes" / f"seed-{entry.seed:06d}.hdf5")
        reflection = mosel.reflect(episode)
        print(f"seed {entry.seed}, judged by {reflection.analyzer}:")
        for verdict in reflection.verdicts:
            truth = entry.skills_done[verdict.skill]
            print(f"  {verdict.skill}: judged {verdict.success}, in truth {truth}")
    print(buffer.counts())
    for segment in buffer.segments(success=True):
        print(f"  to learn from: {segment.skill}, steps {segment.start} to {segment.stop}")


if __name__ == "__main__":
    tyro.cli(main)
