"""Which OpenGL implementation draws, chosen before any simulator is imported.

MuJoCo and robosuite both read `MUJOCO_GL` once, at import. Left unset, they want a window or a GPU
and fail late, on a headless machine, with an unrelated message. So the choice is made here, once.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import glob
import importlib.util
import os
import sys
from functools import cache
from pathlib import Path

from mosel_gym.errors import MissingLibrary

PACKAGES = {"osmesa": "libosmesa6", "egl": "libegl1 libegl-mesa0"}
"""Headless backends, and the Debian packages that bring them."""
OFF = "disabled"


def choose_backend() -> str:
    """Set `MUJOCO_GL` if the user has not, and return it.

    A user's own value is obeyed. Otherwise: EGL where a GPU device is present, else OSMesa
    (software), else software EGL, else "disabled": physics works without pictures.
    """
    _keep_triton_apart()
    egl, osmesa = ctypes.util.find_library("EGL"), ctypes.util.find_library("OSMesa")
    backend = os.environ.get("MUJOCO_GL", "").strip().lower()
    if backend:
        # mujoco itself would fail at import, with an AttributeError that names nothing.
        if (backend == "osmesa" and not osmesa) or (backend == "egl" and not egl):
            raise MissingLibrary(
                f"MUJOCO_GL is {backend!r}, but that library is not installed. Install it with "
                f"`sudo apt-get install -y {PACKAGES[backend]}`, or unset MUJOCO_GL."
            )
        return backend
    has_gpu = bool(glob.glob("/dev/dri/renderD*") or glob.glob("/dev/nvidia[0-9]*"))
    if egl and (has_gpu or not osmesa):
        backend = "egl"
    elif osmesa:
        backend = "osmesa"
    else:
        backend = OFF
    os.environ["MUJOCO_GL"] = backend
    if backend == "osmesa":
        # llvmpipe starts a thread per core for pictures far too small to share; several
        # environments side by side then fight for the cores.
        os.environ.setdefault("LP_NUM_THREADS", "1")
    return backend


def require_backend() -> str:
    """Return the backend that can draw, or say what to install.

    Raises:
        MissingLibrary: There is no OpenGL library, or `MUJOCO_GL` names something else.
    """
    backend = choose_backend()
    if backend in PACKAGES:
        return backend
    raise MissingLibrary(
        f"Pictures need a headless OpenGL library, and MUJOCO_GL is {backend!r}. "
        f"Allowed: {list(PACKAGES)}. "
        f"Install one with `sudo apt-get install -y {PACKAGES['osmesa']}` (software) or "
        f"`sudo apt-get install -y {PACKAGES['egl']}` (EGL), and leave MUJOCO_GL unset; or make "
        "the environment with `cameras=()` to run without pictures."
    )


@cache
def _keep_triton_apart() -> None:
    """Load Triton's library, where installed, before an OpenGL library.

    Mesa's software drivers and Triton each carry an LLVM. PyOpenGL loads Mesa into the global
    symbol scope, and a Triton loaded later (by `import diffusers`, through torch) binds to the
    wrong LLVM and crashes the process. Loaded first, it has bound to its own.
    """
    if any(name in sys.modules for name in ("OpenGL.osmesa", "OpenGL.EGL")):
        return  # too late: loading it now is what would crash
    spec = importlib.util.find_spec("triton")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for library in Path(folder, "_C").glob("libtriton*.so"):
            ctypes.CDLL(str(library), mode=os.RTLD_NOW | os.RTLD_LOCAL)
