"""`mosel data redraw`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import tyro

from mosel_gym.benchmark.redraw import RedrawConfig, redraw


def main(
    paths: Annotated[tuple[Path, ...], tyro.conf.Positional],
    config: Annotated[RedrawConfig, tyro.conf.arg(name="")],
) -> int:
    """Draw the pictures of recorded episodes again, bit for bit, from their simulator states.

    Args:
        paths: Episode files, or folders with such files; each is replaced as a whole.
        config: Which pictures.
    """
    changed = redraw(paths, config)
    print(f"{len(changed)} episodes drawn")
    return 0
