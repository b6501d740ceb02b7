"""`mosel doctor`: one line for each thing that can be missing."""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
import time
from collections.abc import Callable

from mosel_gym.benchmark.provenance import hardware, versions
from mosel_gym.errors import MoselError


def main() -> int:
    """Check graphics, simulator, packages, agents and disk.

    Returns:
        0 if everything that the demo needs is there, else 1.
    """
    checks: list[tuple[str, Callable[[], str]]] = [
        ("machine", _machine),
        ("packages", _packages),
        ("graphics", _graphics),
        ("simulator", _simulator),
        ("agents", _agents),
        ("video files", _video),
        ("disk", _disk),
    ]
    bad = 0
    for name, check in checks:
        try:
            print(f"ok    {name:<12}{check()}", flush=True)
        except (MoselError, ImportError, OSError) as error:
            bad += 1
            print(f"BAD   {name:<12}{error}", flush=True)
    for name, module in (("RoboTwin", "sapien"), ("LVLMs", "openai"), ("RL", "stable_baselines3")):
        there = importlib.util.find_spec(module) is not None
        said = "is installed" if there else "is not installed"
        print(f"{'ok' if there else '-':<6}{name:<12}optional, {module} {said}")
    return 1 if bad else 0


def _machine() -> str:
    found = hardware()
    return f"{found['cpu']}, {found['cores']} cores, {found['memory_gib']} GiB, {found['system']}"


def _packages() -> str:
    found = versions()
    missing = [name for name, text in found.items() if text == "not installed"]
    missing = [name for name in missing if name != "mosel-gym"]  # a bare checkout is fine
    if missing:
        raise MoselError(f"not installed: {', '.join(missing)}. `make setup` installs them.")
    return ", ".join(f"{name} {text}" for name, text in found.items())


def _graphics() -> str:
    from mosel_gym.envs.gl import require_backend

    return f"MUJOCO_GL={require_backend()}"


def _simulator() -> str:
    from mosel_gym.benchmark.specs import EnvSpec
    from mosel_gym.registry import TASKS

    start_s = time.perf_counter()
    env = EnvSpec(next(iter(TASKS))).make()
    try:
        _, info = env.reset(seed=0)
        built_s = time.perf_counter() - start_s
        start_s = time.perf_counter()
        for _ in range(10):
            env.step(env.action_space.sample() * 0)
        rate = 10 / (time.perf_counter() - start_s)
    finally:
        env.close()
    return (
        f"{next(iter(TASKS))} with {info['assets']} assets, drawn by {info['renderer']}: built in "
        f"{built_s:.1f} s, {rate:.0f} steps/s with two cameras"
    )


def _agents() -> str:
    from mosel_gym.agents import MoselAgent, embedded_names

    names = embedded_names()
    if not names:
        raise MoselError("no checkpoint ships with this build; see `mosel train` and `mosel pack`.")
    return ", ".join(f"{name}: {MoselAgent.from_pretrained(name).name}" for name in names)


def _video() -> str:
    import imageio_ffmpeg

    return f"ffmpeg {imageio_ffmpeg.get_ffmpeg_version()}"


def _disk() -> str:
    free_gib = shutil.disk_usage(".").free / 2**30
    if free_gib < 2:
        raise MoselError(f"only {free_gib:.1f} GiB are free here; the demo needs up to 2.")
    with tempfile.TemporaryFile(dir="."):
        return f"{free_gib:.0f} GiB free, and the current folder can be written to"
