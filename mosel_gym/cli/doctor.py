"""`mosel doctor`: one line for each thing that can be missing, and how to mend it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from mosel_gym.benchmark.provenance import hardware, versions
from mosel_gym.cli import doctor_robotwin
from mosel_gym.cli.options import Optional, installed
from mosel_gym.errors import MoselError

_GREEN, _RED, _DIM, _PLAIN = "\033[32m", "\033[31m", "\033[2m", "\033[0m"
_KEYS = {"OpenAI": ("OPENAI_API_KEY",), "Google": ("GEMINI_API_KEY", "GOOGLE_API_KEY")}
# Where the bowl of MOSEL-LiberoLong-Task3 comes to rest from LIBERO's stored state 0, in metres.
# mujoco 3.4 settles contacts differently.
_SETTLED_M = (0.04654116, -0.05986620, 0.89840415)
_SETTLED_TOLERANCE_M = 1e-4


def main() -> int:
    """Check graphics, simulator, packs, packages, agents, keys and disk; one line each.

    Returns:
        0 if everything that the demo needs is there, else 1.
    """
    checks: list[tuple[str, Callable[[], str]]] = [
        ("machine", _machine),
        ("packages", _packages),
        ("graphics", _graphics),
        ("EGL", lambda: _gl("egl")),
        ("OSMesa", lambda: _gl("osmesa")),
        ("Vulkan", _vulkan),
        ("assets", _assets),
        ("real assets", _real_assets),
        ("simulator", _simulator),
        ("mujoco", _mujoco),
        ("agents", _agents),
        ("video files", _video),
        *((f"{name} key", lambda n=names: _key(n)) for name, names in _KEYS.items()),
        ("RoboTwin", doctor_robotwin.physics),
        ("SAPIEN draws", doctor_robotwin.pictures),
        ("RL", lambda: installed("stable_baselines3", "rl")),
        ("LVLMs", lambda: installed("openai", "llm")),
        ("disk", _disk),
    ]
    bad = 0
    for name, check in checks:
        try:
            line = ("ok", _GREEN, check())
        except Optional as reason:
            line = ("-", _DIM, f"optional: {reason}")
        except Exception as error:  # a doctor tells of every ailment
            bad += 1
            line = ("BAD", _RED, f"{error}" or type(error).__name__)
        word, colour, said = line
        if sys.stdout.isatty():
            word = f"{colour}{word:<6}{_PLAIN}"
        print(f"{word:<6}{name:<13}{said}", flush=True)
    return 1 if bad else 0


def _machine() -> str:
    found = hardware()
    return f"{found['cpu']}, {found['cores']} cores, {found['memory_gib']} GiB, {found['system']}"


def _packages() -> str:
    found = versions()
    missing = [name for name, text in found.items() if text == "not installed"]
    # A bare checkout is fine, and RoboTwin has a line of its own.
    missing = [name for name in missing if name not in ("mosel-gym", "sapien")]
    if missing:
        raise MoselError(f"not installed: {', '.join(missing)}. `make setup` installs them.")
    return ", ".join(f"{name} {text}" for name, text in found.items())


def _graphics() -> str:
    from mosel_gym.envs.gl import require_backend

    return f"MUJOCO_GL={require_backend()} will be used"


def _gl(backend: str) -> str:
    """Draw something in a process of its own: a broken driver may take its process with it."""
    from mosel_gym.envs.gl import PACKAGES

    code = (
        f"from mujoco.{backend} import GLContext; c = GLContext(64, 64); c.make_current(); c.free()"
    )
    environment = {**os.environ, "MUJOCO_GL": backend, "PYOPENGL_PLATFORM": backend}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    # EGL may complain at the very end, when all was well.
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise Optional(f"does not work here ({last[0]}); `apt-get install {PACKAGES[backend]}`")
    return "works"


def _vulkan() -> str:
    import ctypes.util

    if ctypes.util.find_library("vulkan") is None:
        raise Optional("no Vulkan loader (SAPIEN's renderer): `apt-get install libvulkan1`")
    folders = ("/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d")
    drivers = [file.stem for folder in folders for file in sorted(Path(folder).glob("*.json"))]
    if not drivers:
        raise Optional(
            "no Vulkan driver; `apt-get install mesa-vulkan-drivers` (24.3 or later draws SAPIEN "
            "in software)"
        )
    return f"loader and {len(drivers)} drivers ({', '.join(drivers[:4])})"


def _assets() -> str:
    from mosel_gym.envs.libero.assets import resolve_pack

    folder, name = resolve_pack("procedural")
    return f"{name} in {folder}"


def _real_assets() -> str:
    from mosel_gym.envs.libero.assets import resolve_pack
    from mosel_gym.envs.libero.assets.choose import PATH_VARIABLE

    try:
        folder, name = resolve_pack("real")
    except MoselError as error:
        if "not on this machine" not in str(error):
            raise
        raise Optional(f"LIBERO's own are not here; ${PATH_VARIABLE} may name them") from error
    return f"{name} in {folder}"


def _simulator() -> str:
    from mosel_gym.benchmark.specs import EnvSpec

    start_s = time.perf_counter()
    env = EnvSpec("MOSEL-LiberoLong-Task6").make()
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
        f"built with {info['renderer']} in {built_s:.1f} s, {rate:.0f} steps/s with two cameras; "
        "LIBERO, robosuite and the generated assets work"
    )


def _mujoco() -> str:
    """Let a known scene settle: releases of mujoco differ in how objects come to rest."""
    import mujoco
    import numpy as np

    from mosel_gym.benchmark.specs import EnvSpec

    env = EnvSpec("MOSEL-LiberoLong-Task3", {"cameras": ()}).make()
    try:
        env.reset(options={"init_state_id": 0})
        place = env.unwrapped.scene.body_pose("akita_black_bowl_1")[0]  # type: ignore[attr-defined]
    finally:
        env.close()
    off_m = float(np.abs(place - _SETTLED_M).max())
    if off_m > _SETTLED_TOLERANCE_M:
        raise MoselError(
            f"mujoco {mujoco.__version__} settles LIBERO's objects {1e3 * off_m:.2f} mm from where "
            "the tested one does; results will not compare. Install mujoco>=3.3,<3.4."
        )
    return f"{mujoco.__version__} settles LIBERO's objects as expected (to {1e6 * off_m:.1f} um)"


def _agents() -> str:
    from mosel_gym.agents import MoselAgent, embedded_names

    names = embedded_names()
    if not names:
        raise MoselError("no checkpoint ships with this build; see `mosel train` and `mosel pack`.")
    return ", ".join(f"{name}: {MoselAgent.from_pretrained(name).name}" for name in names)


def _video() -> str:
    import imageio_ffmpeg
    import moviepy

    return f"moviepy {moviepy.__version__}, ffmpeg {imageio_ffmpeg.get_ffmpeg_version()}"


def _key(names: tuple[str, ...]) -> str:
    """Whether a key is set; never what it is."""
    found = [name for name in names if os.environ.get(name)]
    if not found:
        raise Optional(f"{' or '.join(names)} is not set; only models of that service need it")
    return f"{found[0]} is set"


def _disk() -> str:
    free_gib = shutil.disk_usage(".").free / 2**30
    if free_gib < 2:
        raise MoselError(f"only {free_gib:.1f} GiB are free here; the demo needs up to 2.")
    with tempfile.TemporaryFile(dir="."):
        return f"{free_gib:.0f} GiB free, and the current folder can be written to"
