"""What is drawn: coloured parts, each a triangle mesh or a MuJoCo primitive."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Colour = tuple[float, float, float]
"""Red, green, blue in 0..1."""
Vector = tuple[float, float, float]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Mesh:
    """A closed triangle mesh in the frame of its body."""

    vertices: Floats
    """float64 `[V, 3]`, m."""
    faces: NDArray[np.int64]
    """int64 `[F, 3]`, counter-clockwise seen from outside."""

    def moved(self, offset: Vector) -> Mesh:
        """The mesh shifted by `offset` (m)."""
        return Mesh(self.vertices + np.asarray(offset), self.faces)

    def turned(self, matrix: Floats) -> Mesh:
        """The mesh with every vertex multiplied by a 3 x 3 rotation matrix."""
        return Mesh(self.vertices @ matrix.T, self.faces)

    def __add__(self, other: Mesh) -> Mesh:
        """Both meshes as one, to be drawn in one colour."""
        return Mesh(
            np.concatenate([self.vertices, other.vertices]),
            np.concatenate([self.faces, other.faces + len(self.vertices)]),
        )


@dataclass(frozen=True)
class Part:
    """One visual geom. It has no mass and touches nothing."""

    mesh: Mesh
    colour: Colour
    body: str = "main"
    """The body that it moves with, by the name in the facts."""
