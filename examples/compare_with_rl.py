"""MOSEL's rounds of improvement beside reinforcement learning, against interactions.

The two are not given the same: MOSEL judges its own episodes, VLA-RL is told the simulator's truth
as a reward. So what each was given is printed, and stands in the picture.

Run: python examples/compare_with_rl.py --task 6 --vla-rl runs/vla-rl --rows results/mosel.jsonl
"""

from __future__ import annotations

import json
from pathlib import Path

import tyro

from mosel_gym.benchmark.rl_curve import read_curve
from mosel_gym.benchmark.rl_given import Given
from mosel_gym.benchmark.rl_plot import Line, draw, line_of_curve, line_of_rows
from mosel_gym.benchmark.rows import read_rows
from mosel_gym.benchmark.specs import env_id


def main(
    rows: tuple[Path, ...],
    vla_rl: tuple[Path, ...],
    task: str = "6",
    agent: str | None = None,
    interactions: int = 100,
    out: Path = Path("runs/examples/compare_with_rl.png"),
) -> None:
    """Draw both.

    Args:
        rows: Files of rows that `mosel eval` wrote, or folders of them, with their `round`.
        vla_rl: Folders that `mosel train vla-rl` wrote.
        task: Environment id, or the number of a LIBERO-Long task.
        agent: Only rows of this label; None = all labels, a line each.
        interactions: Episodes that MOSEL collects for a round.
        out: The picture.
    """
    wanted = [row for row in read_rows(rows) if row.env_id == env_id(task)]
    labels = [agent] if agent else sorted({row.agent for row in wanted})
    lines: list[Line] = [
        line_of_rows(label, [row for row in wanted if row.agent == label], interactions)
        for label in labels
    ]
    for folder in vla_rl:
        card = json.loads((folder / "agent.json").read_text(encoding="utf-8"))["card"]
        given = Given.of(card)
        lines.append(line_of_curve("VLA-RL", given.line(), read_curve(folder / "curve.jsonl")))
        print(f"VLA-RL ({folder}) was given:\n{given.text()}")
    for line in lines:
        print(f"{line.name}: {line.information or 'not told what it was given'}")
        for made, success in zip(line.interactions, line.success, strict=True):
            print(f"  after {made:5.0f} episodes: success {success:.0%}")
    print(draw(lines, out, env_id(task)))


if __name__ == "__main__":
    tyro.cli(main)
