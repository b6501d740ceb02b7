"""Steps and resets per second, against LIBERO's own environment on the same assets."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from tqdm import tqdm

from mosel_gym.benchmark.provenance import provenance, write_json
from mosel_gym.benchmark.specs import EnvSpec, env_id
from mosel_gym.benchmark.tables import table
from mosel_gym.errors import UnknownId

Pictures = Literal["every step", "every 8th step", "none"]
_RENDER_EVERY: dict[Pictures, int] = {"every step": 1, "every 8th step": 8, "none": 1}


@dataclass(frozen=True)
class SpeedConfig:
    """How long to measure."""

    task: str = "MOSEL-LiberoLong-Task6"
    """Environment id, or the number of a LIBERO-Long task."""
    repeats: int = 5
    """Rounds; in each, both environments are measured one after the other."""
    steps: int = 80
    """Steps of ours per round; a multiple of 8."""
    stock_steps: int = 24
    """Steps of LIBERO's own environment per round."""
    resets: int = 3
    stock_resets: int = 1
    camera_size: int = 128
    seed: int = 0


@dataclass(frozen=True)
class SpeedRow:
    """One quantity. Stock LIBERO draws on every step, so it stands beside all kinds of pictures."""

    what: str
    ours_per_s: float
    """Median over rounds."""
    stock_per_s: float
    ratio: float
    """Of the medians."""


def bench_env(
    config: SpeedConfig, out: str | Path | None = None, *, progress: bool = True
) -> dict[str, Any]:
    """Measure, and write a JSON file with the hardware beside the numbers.

    The environments take turns, so that a machine that gets busy slows both. Actions are random,
    the same for both, and small enough to keep the arm above the table. A stock reset rebuilds the
    model and takes no idle steps; those are the caller's there. So both are told: the reset alone,
    and the reset with the idle steps that an episode begins with.

    Args:
        config: Sizes.
        out: JSON file; None writes nothing.
        progress: Show a bar.

    Returns:
        `rows`, `samples` (every round's rates) and provenance.

    Raises:
        UnknownId: Not a LIBERO task.
        MissingLibrary: There is no OpenGL library.
    """
    from mosel_gym.envs.libero.scene import make_stock_env
    from mosel_gym.envs.libero.tasks import LIBERO_TASKS

    tasks = {row.task.id: row for row in LIBERO_TASKS}
    task_id = env_id(config.task)
    if task_id not in tasks:
        raise UnknownId(f"Only LIBERO tasks can be compared with LIBERO; known: {sorted(tasks)}.")
    kwargs: dict[str, Any] = {"camera_size": config.camera_size, "max_steps": 10**9}
    ours: dict[str, Any] = {
        pictures: EnvSpec(
            task_id,
            kwargs | {"render_every": every} | ({"cameras": ()} if pictures == "none" else {}),
        ).make()
        for pictures, every in _RENDER_EVERY.items()
    }
    stock = make_stock_env(tasks[task_id], camera_size=config.camera_size)
    actions = np.random.default_rng(config.seed).uniform(-0.3, 0.3, (max(config.steps, 32), 7))
    samples: dict[str, list[float]] = {}

    def measure(name: str, count: int, call: Callable[[int], Any]) -> None:
        start_s = time.perf_counter()
        for at in range(count):
            call(at)
        samples.setdefault(name, []).append(count / (time.perf_counter() - start_s))

    stock.reset()
    for env in ours.values():
        env.reset(seed=config.seed)  # the first one compiles the scene
    scene = ours["none"].unwrapped.scene
    warm_up = ours["none"].unwrapped.protocol.warm_up_steps
    idle = np.array([0, 0, 0, 0, 0, 0, -1.0])
    rng = np.random.default_rng(config.seed)

    def stock_episode(_: int) -> None:
        stock.reset()
        for _ in range(warm_up):
            stock.step(idle)

    for number in tqdm(range(config.repeats), desc="rounds", disable=not progress):
        first = config.seed + 1 + number * config.resets
        measure("stock resets", config.stock_resets, lambda _: stock.reset())
        measure("stock starts", config.stock_resets, stock_episode)
        # Right after a reset: robosuite makes its GL context current only there, and would draw
        # nothing at all, very fast, once an environment of ours has drawn.
        measure("stock steps", config.stock_steps, lambda at: stock.step(actions[at % 32]))
        measure("our resets", config.resets, lambda _: scene.apply(scene.sample_layout(rng)))
        measure(
            "our starts",
            config.resets,
            lambda at, first=first: ours["every step"].reset(seed=first + at),  # type: ignore[misc]
        )
        for pictures, env in ours.items():
            env.reset(seed=first)
            measure(
                f"our steps, {pictures}",
                config.steps,
                lambda at, env=env: env.step(actions[at].astype(np.float32)),  # type: ignore[misc]
            )
    for env in ours.values():
        env.close()
    stock.close()
    pairs = [(f"steps, pictures {name}", f"our steps, {name}", "stock steps") for name in ours]
    pairs.append(("resets to a new layout", "our resets", "stock resets"))
    pairs.append((f"resets with {warm_up} idle steps", "our starts", "stock starts"))
    median = {name: statistics.median(rates) for name, rates in samples.items()}
    rows = [
        SpeedRow(what, median[mine], median[theirs], median[mine] / median[theirs])
        for what, mine, theirs in pairs
    ]
    found = {"rows": rows, "samples": samples, **provenance(config, config.seed)}
    if out is not None:
        write_json(out, found)
    return found


def speed_table(found: dict[str, Any]) -> str:
    """What `bench_env` found, for the terminal."""
    rows = [
        [row.what, f"{row.ours_per_s:.1f}", f"{row.stock_per_s:.2f}", f"{row.ratio:.1f}"]
        for row in found["rows"]
    ]
    hardware = found["hardware"]
    return (
        table(["per second, median of rounds", "mosel-gym", "stock LIBERO", "ratio"], rows)
        + f"\n{hardware['cpu']}, {hardware['cores']} cores"
    )
