"""`mosel train vla`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from mosel_gym.benchmark.rl_given import Given
from mosel_gym.benchmark.vla import VlaConfig, train_vla
from mosel_gym.cli.options import training_line
from mosel_gym.data.cameras import Cameras


def main(
    data: tuple[Path, ...],
    out: Path,
    config: Annotated[VlaConfig, tyro.conf.arg(name="")],
    cameras: tuple[str, ...] = (),
) -> None:
    """Clone whole demonstrations into one language-conditioned network, the stand-in for a VLA.

    Args:
        data: Episode files, or folders of them; several tasks of one robot.
        out: Gets an agent that `mosel eval --agent` and `mosel train vla-rl --start` take. Run
            again after an interruption, it goes on from there.
        config: The recipe.
        cameras: The scene camera, then those of the hands; none named = all that the episodes have.
    """
    chosen = Cameras(cameras[0], cameras[1:]) if cameras else None
    agent, report = train_vla(data, config, out, cameras=chosen)
    given = Given.of(agent.card)
    print(training_line(given.demonstrations, report))
    print(f"{agent.name}: {agent.card['parameters'] / 1e6:.1f} million parameters, in {out}")
    print(f"Goals: {list(given.goals)}. Cameras: {list(agent.view.cameras.names)}.")  # type: ignore[attr-defined]


if __name__ == "__main__":
    tyro.cli(main)
