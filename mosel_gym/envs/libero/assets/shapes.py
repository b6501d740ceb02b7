"""Closed triangle meshes with few faces: boxes, turned profiles, extrusions, bent bars.

Every face that should look flat has vertices of its own, because MuJoCo shades a shared vertex with
the mean normal of its faces. Units are metres; z is up unless a function says otherwise.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import reduce
from operator import add

import numpy as np

from mosel_gym.envs.libero.assets.facts import Geom, Numbers
from mosel_gym.envs.libero.assets.part import Floats, Mesh, Vector

Y_UP: Floats = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
"""Turns a shape whose axis is z so that its axis is y: groceries lie that way in their files."""
CREASE_RAD = 0.7
"""Turns of a profile sharper than this get an edge; others are shaded smooth."""


def joined(meshes: Sequence[Mesh]) -> Mesh:
    """All meshes as one."""
    return reduce(add, meshes)


def rotation(quat: Numbers) -> Floats:
    """Rotation matrix float64 `[3, 3]` of a quaternion wxyz, which need not have length 1."""
    w, x, y, z = np.asarray(quat) / np.linalg.norm(quat)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def extrusion(outline: Sequence[tuple[float, float]], low: float, high: float) -> Mesh:
    """A prism: a convex outline in x, y, counter-clockwise, from z = `low` to z = `high`."""
    corners = np.asarray(outline, dtype=np.float64)
    count = len(corners)
    vertices: list[tuple[float, float, float]] = []
    faces: list[tuple[int, int, int]] = []
    for z, order in ((low, range(count - 1, -1, -1)), (high, range(count))):
        start = len(vertices)
        vertices += [(*corners[index], z) for index in order]
        faces += [(start, start + index, start + index + 1) for index in range(1, count - 1)]
    for index in range(count):
        here, there = corners[index], corners[(index + 1) % count]
        start = len(vertices)
        vertices += [(*here, low), (*there, low), (*there, high), (*here, high)]
        faces += [(start, start + 1, start + 2), (start, start + 2, start + 3)]
    return Mesh(np.array(vertices), np.array(faces, dtype=np.int64))


def box(low: Vector, high: Vector) -> Mesh:
    """An upright box between two corners: 12 faces."""
    (x0, y0, z0), (x1, y1, z1) = low, high
    return extrusion([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], z0, z1)


def solid(geom: Geom) -> Mesh:
    """A collision box as a mesh in its body's frame; a capsule as a bar of the same reach."""
    size = geom.size
    if geom.type == "capsule":
        size = (0.8 * size[0], 0.8 * size[0], size[0] + size[1])
    half = (size[0], size[1], size[2])
    mesh = box((-half[0], -half[1], -half[2]), half).turned(rotation(geom.quat))
    return mesh.moved((geom.pos[0], geom.pos[1], geom.pos[2]))


def solids(geoms: Sequence[Geom]) -> Mesh:
    """Collision geoms as one mesh, each drawn once even where the facts repeat it."""
    unique = {(geom.pos, geom.quat, geom.size): geom for geom in geoms}
    return joined([solid(geom) for geom in unique.values()])


def lathe(
    profile: Sequence[tuple[float, float]], sides: int = 16, width: Vector = (1, 1, 1)
) -> Mesh:
    """A profile turned about the z axis.

    Args:
        profile: Points (radius, z), from the axis at the bottom along the outside and, for a hollow
            thing, back along the inside to the axis. A first or last point off the axis gets a flat
            lid.
        sides: Number of segments.
        width: Scale along x, y, z: 0.5 in y makes a flat bottle.

    Returns:
        A closed mesh with about 2 * sides faces for each segment of the profile.
    """
    points = [(float(r), float(z)) for r, z in profile]
    if points[0][0] > 0:
        points.insert(0, (0.0, points[0][1]))
    if points[-1][0] > 0:
        points.append((0.0, points[-1][1]))
    angles = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)

    def ring(r: float, z: float) -> Floats:
        if r == 0:
            return np.array([[0.0, 0.0, z]])
        return np.concatenate([circle * r, np.full((sides, 1), z)], axis=1)

    rings: list[Floats] = []
    starts = [0]
    faces: list[tuple[int, int, int]] = []
    heading = np.nan  # no turn at the first point
    for (r0, z0), (r1, z1) in itertools.pairwise(points):
        last_heading, heading = heading, float(np.arctan2(z1 - z0, r1 - r0))
        turn = (heading - last_heading + np.pi) % (2 * np.pi) - np.pi
        if not abs(turn) < CREASE_RAD:  # an edge, or the start
            rings.append(ring(r0, z0))
            starts.append(starts[-1] + len(rings[-1]))
        rings.append(ring(r1, z1))
        starts.append(starts[-1] + len(rings[-1]))
        lower, upper = starts[-3], starts[-2]
        for here in range(sides):
            there = (here + 1) % sides
            a, b = lower + here * (r0 > 0), lower + there * (r0 > 0)
            c, d = upper + there * (r1 > 0), upper + here * (r1 > 0)
            if r0 > 0:
                faces.append((a, b, c))
            if r1 > 0:
                faces.append((a, c, d))
    return Mesh(np.concatenate(rings) * np.asarray(width), np.array(faces, dtype=np.int64))


def bar(path: Sequence[tuple[float, float]], width: float, thickness: float) -> Mesh:
    """A flat bar bent along a path in the x, z plane, such as a cup's handle.

    Args:
        path: Points (x, z) on its middle line.
        width: Its size along y, m.
        thickness: Its size within the plane, m.
    """
    line = np.asarray(path, dtype=np.float64)
    steps = np.diff(line, axis=0)
    steps /= np.linalg.norm(steps, axis=1, keepdims=True)
    along = np.concatenate([steps[:1], steps[:-1] + steps[1:], steps[-1:]])
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1) * thickness / 2
    # Four edges around the cross-section, each float64 [len(path), 3].
    edges = [
        np.stack([edge[:, 0], np.full(len(edge), y), edge[:, 1]], axis=1)
        for edge, y in (
            (line - across, -width / 2),
            (line - across, width / 2),
            (line + across, width / 2),
            (line + across, -width / 2),
        )
    ]
    count = len(line)
    vertices, faces = [], []
    for side in range(4):
        start = 2 * count * side
        vertices += [edges[side], edges[(side + 1) % 4]]
        for i in range(start, start + count - 1):
            faces += [(i, i + count, i + count + 1), (i, i + count + 1, i + 1)]
    for end, order in ((0, (3, 2, 1, 0)), (count - 1, (0, 1, 2, 3))):
        start = sum(len(block) for block in vertices)
        vertices.append(np.stack([edges[corner][end] for corner in order]))
        faces += [(start, start + 1, start + 2), (start, start + 2, start + 3)]
    return Mesh(np.concatenate(vertices), np.array(faces, dtype=np.int64))


def volume(mesh: Mesh) -> float:
    """Signed volume, m^3: positive where all faces look outwards."""
    a, b, c = (mesh.vertices[mesh.faces[:, k]] for k in range(3))
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)
