"""Mesh files with fewer triangles, made once and kept in the cache."""

from __future__ import annotations

import hashlib
import struct
from functools import cache
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import NDArray

from mosel_gym.envs.libero.assets.cache import cache_dir, write_file
from mosel_gym.envs.libero.assets.part import Mesh
from mosel_gym.envs.libero.assets.shapes import rotation
from mosel_gym.errors import AssetError

KEPT = 0.05
"""Fraction of the triangles that stays, unless a caller wants another."""
FEWEST, MOST = 24, 800
"""Limits of a light mesh, in triangles."""
WELD = 1e-3
"""Vertices closer than about this fraction of a mesh's diagonal become one."""
PASSES = 3
"""Runs of the simplifier at most; one run alone stops early at a mesh with many open edges."""
VERSION = b"4"
"""Part of every cached name: change it when the method changes."""

_HEADER = 84
_RECORD = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("extra", "<u2")])


def _load(path: Path) -> Mesh:
    """A mesh file of any kind that MuJoCo reads, in its own coordinates."""
    import mujoco

    model = mujoco.MjModel.from_xml_string(
        f'<mujoco><asset><mesh name="m" inertia="shell" file={quoteattr(str(path))}/></asset>'
        '<worldbody><geom type="mesh" mesh="m" contype="0" conaffinity="0"/></worldbody></mujoco>'
    )
    # MuJoCo moves a mesh to its centre of mass and turns it to its axes; undo that.
    matrix = rotation(tuple(model.mesh_quat[0]))
    vertices = model.mesh_vert.astype(np.float64) @ matrix.T + model.mesh_pos[0]
    return Mesh(vertices, model.mesh_face.astype(np.int64))


def welded(mesh: Mesh) -> Mesh:
    """The mesh with vertices that are almost equal made one; triangles that shrink are dropped.

    Many files give every triangle corners of its own. A simplifier would pull such triangles apart.
    """
    grid = WELD * np.linalg.norm(np.ptp(mesh.vertices, axis=0))
    _, first, inverse = np.unique(
        np.round(mesh.vertices / grid).astype(np.int64),
        axis=0,
        return_index=True,
        return_inverse=True,
    )
    faces = inverse.reshape(-1)[mesh.faces]
    a, b, c = faces.T
    return Mesh(mesh.vertices[first], faces[(a != b) & (b != c) & (c != a)])


def simplified(mesh: Mesh, kept: float = KEPT) -> Mesh:
    """The mesh with the given fraction of its triangles, by quadric error.

    Args:
        mesh: Any triangle mesh.
        kept: Fraction of the triangles that stays, 0..1, within `FEWEST` and `MOST`. Open edges can
            keep more.
    """
    import fast_simplification

    target = min(max(FEWEST, round(kept * len(mesh.faces))), MOST)
    mesh = welded(mesh)
    for _ in range(PASSES):
        if len(mesh.faces) <= target:
            break
        points, faces = fast_simplification.simplify(
            mesh.vertices.astype(np.float32), mesh.faces.astype(np.int32), target_count=target
        )
        mesh = Mesh(points.astype(np.float64), faces.astype(np.int64))
    return mesh


def stl(mesh: Mesh) -> bytes:
    """A binary STL file."""
    corners = mesh.vertices[mesh.faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    rows: NDArray[np.void] = np.zeros(len(corners), _RECORD)
    rows["normal"] = normals / np.maximum(length, 1e-20)
    rows["corners"] = corners
    return bytes(80) + struct.pack("<I", len(rows)) + rows.tobytes()


def _is_whole(path: Path) -> bool:
    try:
        head = path.read_bytes()[80:_HEADER]
        count = struct.unpack("<I", head)[0]
        return bool(path.stat().st_size == _HEADER + count * _RECORD.itemsize)
    except (OSError, struct.error):
        return False


@cache
def light_mesh(source: Path, kept: float = KEPT) -> Path:
    """The light copy of a mesh file, made on first use; several processes may ask at once.

    Args:
        source: A mesh file that MuJoCo can read.
        kept: Fraction of its triangles that stays.

    Returns:
        Path of a binary STL file in the cache.

    Raises:
        AssetError: The source cannot be read, or the cache cannot be written.
    """
    try:
        digest = hashlib.sha256(VERSION + str(kept).encode() + source.read_bytes()).hexdigest()[:12]
        target = cache_dir() / "robot" / f"{source.stem}-{digest}.stl"
        if _is_whole(target):
            return target
        write_file(target, stl(simplified(_load(source), kept)))
    except (OSError, ValueError) as error:
        raise AssetError(
            f"no light copy of the mesh {source}: {error}. Reinstall robosuite if the file is "
            "damaged, or set MOSEL_CACHE to a folder that you may write to"
        ) from error
    return target
