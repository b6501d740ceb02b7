"""`mosel train weak`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from mosel_gym.benchmark.weak import state_clips
from mosel_gym.cli.options import training_line
from mosel_gym.training.state_policy import StateTrainConfig, train_state_policy


def main(
    data: tuple[Path, ...],
    out: Path,
    config: Annotated[StateTrainConfig, tyro.conf.arg(name="")],
) -> None:
    """Train a state policy of one task: no result, but a source of honest failures for a judge.

    Args:
        data: Episode files of one task with states, or folders of them; pictures are not needed.
        out: Gets state_policy.safetensors; `mosel collect --weak` rolls it out.
        config: The recipe; fewer steps make a clumsier policy.
    """
    clips = state_clips(data)
    _, report = train_state_policy(clips, config, out)
    print(training_line(len(clips), report))
