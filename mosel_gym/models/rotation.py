"""Rotation vectors relative to a home orientation, batched in torch.

A gripper that points down has an axis-angle of length pi, where the vector flips its sign from one
step to the next. Seen from the home orientation the same rotation is small and continuous.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def quat_from_rotvec(rotvec: Tensor) -> Tensor:
    """Axis-angle `[..., 3]` (rad) -> unit quaternion `[..., 4]`, wxyz."""
    half = rotvec.norm(dim=-1, keepdim=True) / 2
    # sin(h)/h, by torch's sinc, is smooth at zero
    return torch.cat([half.cos(), rotvec * torch.sinc(half / torch.pi) / 2], dim=-1)


def rotvec_from_quat(quat: Tensor) -> Tensor:
    """Unit quaternion `[..., 4]`, wxyz -> the shorter axis-angle `[..., 3]`, rad in 0..pi."""
    quat = torch.where(quat[..., :1] < 0, -quat, quat)
    sine = quat[..., 1:].norm(dim=-1, keepdim=True)
    angle = 2 * torch.atan2(sine, quat[..., :1])
    return quat[..., 1:] * torch.where(sine > 1e-8, angle / sine.clamp_min(1e-8), 2.0)


def relative_rotvec(rotvec: Tensor, home: Tensor) -> Tensor:
    """The rotation that leads from `home` to `rotvec`, in home's axes; all axis-angle, rad.

    Args:
        rotvec: `[..., 3]`.
        home: `[3]`.
    """
    w0, xyz0 = (q := quat_from_rotvec(home))[..., :1], -q[..., 1:]  # the inverse of home
    other = quat_from_rotvec(rotvec)
    w1, xyz1 = other[..., :1], other[..., 1:]
    w = w0 * w1 - (xyz0 * xyz1).sum(dim=-1, keepdim=True)
    xyz = w0 * xyz1 + w1 * xyz0 + torch.linalg.cross(xyz0.expand_as(xyz1), xyz1)
    return rotvec_from_quat(torch.cat([w, xyz], dim=-1))


def mean_rotvec(rotvecs: NDArray[np.float32]) -> NDArray[np.float32]:
    """The orientation nearest to all of `rotvecs` `[N, 3]`: top eigenvector of sum q q^T.

    Unlike an average of vectors it does not care which sign each quaternion has.
    """
    quats = quat_from_rotvec(torch.from_numpy(np.asarray(rotvecs, np.float64)))
    _, vectors = torch.linalg.eigh(quats.T @ quats)
    return np.asarray(rotvec_from_quat(vectors[:, -1]).numpy(), np.float32)
