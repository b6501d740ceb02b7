"""One improvement round by hand: reflect on episodes, refine the policy, save the better agent.

`mosel demo` does the same with rollouts of the agent itself, a control and an evaluation; at the
size of this example nothing is to be gained.

Run: python examples/04_improve.py --steps 10
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import tyro

from mosel_gym.agents import MoselAgent
from mosel_gym.benchmark.collect import CollectConfig, collect
from mosel_gym.data.libero_hdf5 import read_episode
from mosel_gym.types import Target


def main(
    agent: str = "libero-long",
    episodes: int = 2,
    steps: int = 10,
    target: Target = "policy",
    out: Path = Path("runs/examples/improve"),
) -> None:
    """Refine one module from a few judged episodes.

    Args:
        agent: Name of an embedded checkpoint, or a folder.
        episodes: Episodes to reflect on.
        steps: Gradient steps; the agent's own default is 400.
        target: "policy", "video", "language", or "auto" for whatever the reflections blame.
        out: Recordings and the refined agent.
    """
    recorded = collect(
        CollectConfig(episodes=episodes, video=False, render_every=4), out / "episodes", workers=1
    )
    mosel = MoselAgent.from_pretrained(agent)
    config = mosel.config
    mosel.config = replace(
        config,
        min_accepted=1,  # the default asks for 5 segments judged successful
        policy=replace(config.policy, loop=replace(config.policy.loop, steps=steps)),
        video=replace(config.video, loop=replace(config.video.loop, steps=steps)),
    )
    for entry in recorded:
        reflection = mosel.reflect(read_episode(out / "episodes" / f"seed-{entry.seed:06d}.hdf5"))
        print(f"seed {entry.seed}: {reflection.rationale}")
    report = mosel.improve(target=target)
    print(
        f"improved the {report.target}: {report.accepted} segments judged reached, "
        f"{report.rejected} not, {report.steps} steps, loss {report.loss_before:.3f} -> "
        f"{report.loss_after:.3f}"
    )
    print(f"saved: {mosel.save(out / 'agent')}")


if __name__ == "__main__":
    tyro.cli(main)
