"""Named conversions between rotation formats, on numpy-quaternion.

Quaternions are unit and hold no order by themselves; where four plain numbers cross a border, the
order is in the name: `_xyzw` (robosuite) or `_wxyz` (MuJoCo, numpy-quaternion). An axis-angle is a
float64 `[3]` vector along the axis (world frame) whose length is the angle in rad.
"""

from __future__ import annotations

import numpy as np
import quaternion
from numpy.typing import ArrayLike, NDArray

_SMALL = 1e-12
"""Below this sine of the half angle a rotation has no axis; it counts as none."""


def axis_angle_to_quat(axis_angle: ArrayLike) -> quaternion.quaternion:
    """Unit quaternion of an axis-angle [3] in rad; above pi its real part is negative.

    Raises:
        ValueError: `axis_angle` is not three finite numbers.
    """
    return quaternion.from_rotation_vector(_vector(axis_angle, 3, "axis_angle"))


def quat_to_axis_angle(rotation: quaternion.quaternion) -> NDArray[np.float64]:
    """Axis-angle [3] in rad of a quaternion, angle in 0..2 pi: q and -q give different vectors.

    For the shortest rotation, which is the same for q and -q, see `shortest_axis_angle`.
    """
    w, x, y, z = (float(part) for part in quaternion.as_float_array(rotation.normalized()))
    sine = float(np.sqrt(x * x + y * y + z * z))
    if sine < _SMALL:
        return np.zeros(3)
    angle = 2.0 * float(np.arctan2(sine, w))
    return np.array([x, y, z]) * (angle / sine)


def shortest_axis_angle(rotation: quaternion.quaternion) -> NDArray[np.float64]:
    """Axis-angle [3] in rad of the shorter way round, angle in 0..pi: q and -q give the same."""
    return quat_to_axis_angle(rotation if rotation.w >= 0 else -rotation)


def quat_xyzw_to_axis_angle(xyzw: ArrayLike) -> NDArray[np.float64]:
    """Axis-angle [3] in rad of an xyzw quaternion in robosuite's convention.

    There is no antipodal flip: w < 0 gives an angle above pi, as in LIBERO's `ee_states` and in the
    demonstrations that policies are trained on. A hand that points down sits near pi, so the
    numbers may jump from one side to the other between two steps; compare rotations with
    `relative_axis_angle`, never by subtracting.
    """
    x, y, z, w = _vector(xyzw, 4, "xyzw")
    return quat_to_axis_angle(quaternion.quaternion(w, x, y, z))


def relative_axis_angle(target: ArrayLike, current: ArrayLike) -> NDArray[np.float64]:
    """The shortest rotation, in the world frame, that turns `current` into `target` (Appendix J).

    q_rel = q_target * q_current^-1; either side may be given with either sign of its quaternion.

    Args:
        target: Axis-angle [3] in rad.
        current: Axis-angle [3] in rad.

    Returns:
        Axis-angle float64 [3] in rad, its length in 0..pi.
    """
    return shortest_axis_angle(axis_angle_to_quat(target) * axis_angle_to_quat(current).inverse())


def matrix_to_axis_angle(matrix: ArrayLike) -> NDArray[np.float64]:
    """Axis-angle [3] in rad, its length in 0..pi, of a rotation matrix [3, 3]."""
    rotation = np.asarray(matrix, np.float64)
    # The general way solves an eigenvalue problem, for matrices that are no rotations.
    return shortest_axis_angle(quaternion.from_rotation_matrix(rotation, nonorthogonal=False))


def axis_angle_to_matrix(axis_angle: ArrayLike) -> NDArray[np.float64]:
    """Rotation matrix [3, 3] of an axis-angle [3] in rad."""
    return np.asarray(quaternion.as_rotation_matrix(axis_angle_to_quat(axis_angle)))


def quat_wxyz_to_matrix(wxyz: ArrayLike) -> NDArray[np.float64]:
    """Rotations from wxyz order `[..., 4]` to matrices `[..., 3, 3]`; normalised on the way."""
    rotations = quaternion.from_float_array(np.asarray(wxyz, float))
    return np.asarray(quaternion.as_rotation_matrix(rotations), np.float64)


def _vector(values: ArrayLike, size: int, name: str) -> NDArray[np.float64]:
    vector = np.asarray(values, dtype=np.float64)
    if vector.shape != (size,) or not np.isfinite(vector).all():
        raise ValueError(f"{name} must be {size} finite numbers, got {values!r}")
    return vector
