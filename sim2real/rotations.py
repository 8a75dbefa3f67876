"""Quaternions (w, x, y, z) and frames; every function is batched over leading dimensions.

World is ENU (x east, y north, z up) and body FLU (x forward, y left, z up) everywhere inside the package. PX4's NED
world and FRD body are converted at the edge (REP 103, PX4 manual "ROS 2 frame conventions").
"""

from __future__ import annotations

import numpy as np

_SQRT_HALF = np.sqrt(0.5)
# ned_from_enu: rotation by pi about (1, 1, 0) / sqrt(2); its own inverse up to sign
_NED_ENU = np.array([0.0, _SQRT_HALF, _SQRT_HALF, 0.0])
# frd_from_flu: rotation by pi about x; its own inverse up to sign
_FRD_FLU = np.array([0.0, 1.0, 0.0, 0.0])


def multiply(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Hamilton product ``a * b``: rotate by ``b`` first, then by ``a``; shapes (..., 4)."""
    aw, ax, ay, az = np.moveaxis(np.asarray(a, float), -1, 0)
    bw, bx, by, bz = np.moveaxis(np.asarray(b, float), -1, 0)
    return np.stack([
        aw * bw - ax * bx - ay * by - az * bz,
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by - ax * bz + ay * bw + az * bx,
        aw * bz + ax * by - ay * bx + az * bw,
    ], axis=-1)


def conjugate(q: np.ndarray) -> np.ndarray:
    """The inverse of a unit quaternion, shape (..., 4)."""
    return np.asarray(q, float) * np.array([1.0, -1.0, -1.0, -1.0])


def normalize(q: np.ndarray) -> np.ndarray:
    """Unit quaternions, shape (..., 4); a zero quaternion stays zero divided by one (caught by callers' checks)."""
    norm = np.linalg.norm(q, axis=-1, keepdims=True)
    return np.asarray(q, float) / np.where(norm > 0.0, norm, 1.0)


def matrix(q: np.ndarray) -> np.ndarray:
    """Rotation matrices ``world_from_body`` of unit quaternions: (..., 4) -> (..., 3, 3)."""
    w, x, y, z = np.moveaxis(np.asarray(q, float), -1, 0)
    out = np.empty(w.shape + (3, 3))
    out[..., 0, 0] = 1 - 2 * (y * y + z * z)
    out[..., 0, 1] = 2 * (x * y - w * z)
    out[..., 0, 2] = 2 * (x * z + w * y)
    out[..., 1, 0] = 2 * (x * y + w * z)
    out[..., 1, 1] = 1 - 2 * (x * x + z * z)
    out[..., 1, 2] = 2 * (y * z - w * x)
    out[..., 2, 0] = 2 * (x * z - w * y)
    out[..., 2, 1] = 2 * (y * z + w * x)
    out[..., 2, 2] = 1 - 2 * (x * x + y * y)
    return out


def from_matrix(rotation: np.ndarray) -> np.ndarray:
    """Unit quaternions with w >= 0 of rotation matrices: (..., 3, 3) -> (..., 4). Shepperd's method."""
    r = np.asarray(rotation, float)
    xx, yy, zz = r[..., 0, 0], r[..., 1, 1], r[..., 2, 2]
    # squared components times four; the largest one is the safe divisor
    squares = np.stack([1 + xx + yy + zz, 1 + xx - yy - zz, 1 - xx + yy - zz, 1 - xx - yy + zz], axis=-1)
    wx, wy, wz = r[..., 2, 1] - r[..., 1, 2], r[..., 0, 2] - r[..., 2, 0], r[..., 1, 0] - r[..., 0, 1]
    xy, xz, yz = r[..., 1, 0] + r[..., 0, 1], r[..., 0, 2] + r[..., 2, 0], r[..., 2, 1] + r[..., 1, 2]
    rows = np.stack([
        np.stack([squares[..., 0], wx, wy, wz], axis=-1),
        np.stack([wx, squares[..., 1], xy, xz], axis=-1),
        np.stack([wy, xy, squares[..., 2], yz], axis=-1),
        np.stack([wz, xz, yz, squares[..., 3]], axis=-1),
    ], axis=-2)
    best = np.argmax(squares, axis=-1)
    q = normalize(np.take_along_axis(rows, best[..., None, None], axis=-2)[..., 0, :])
    return np.where(q[..., :1] < 0.0, -q, q)


def rotate(q: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Vectors in the world of body vectors ``v``: (..., 4), (..., 3) -> (..., 3)."""
    q, v = np.asarray(q, float), np.asarray(v, float)
    w, u = q[..., :1], q[..., 1:]
    t = 2.0 * np.cross(u, v)
    return v + w * t + np.cross(u, t)


def rotate_inverse(q: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Vectors in the body of world vectors ``v``: (..., 4), (..., 3) -> (..., 3)."""
    return rotate(conjugate(q), v)


def from_axis_angle(vector: np.ndarray) -> np.ndarray:
    """Quaternions of rotation vectors in [rad]: (..., 3) -> (..., 4)."""
    vector = np.asarray(vector, float)
    angle = np.linalg.norm(vector, axis=-1, keepdims=True)
    # sin(a/2)/a -> 1/2 - a^2/48 near zero
    factor = np.where(angle > 1e-6, np.sin(angle / 2) / np.where(angle > 1e-6, angle, 1.0), 0.5 - angle**2 / 48)
    return np.concatenate([np.cos(angle / 2), factor * vector], axis=-1)


def to_axis_angle(q: np.ndarray) -> np.ndarray:
    """Rotation vectors in [rad], at most pi long: (..., 4) -> (..., 3)."""
    q = np.asarray(q, float)
    q = np.where(q[..., :1] < 0.0, -q, q)
    sine = np.linalg.norm(q[..., 1:], axis=-1, keepdims=True)
    angle = 2 * np.arctan2(sine, q[..., :1])
    return q[..., 1:] * np.where(sine > 1e-9, angle / np.where(sine > 1e-9, sine, 1.0), 2.0)


def from_rpy(rpy: np.ndarray) -> np.ndarray:
    """Quaternions of fixed-axis roll, pitch, yaw in [rad] (URDF's convention): (..., 3) -> (..., 4)."""
    half = np.asarray(rpy, float) / 2
    (cr, cp, cy), (sr, sp, sy) = np.moveaxis(np.cos(half), -1, 0), np.moveaxis(np.sin(half), -1, 0)
    return np.stack([
        cr * cp * cy + sr * sp * sy,
        sr * cp * cy - cr * sp * sy,
        cr * sp * cy + sr * cp * sy,
        cr * cp * sy - sr * sp * cy,
    ], axis=-1)


def to_rpy(q: np.ndarray) -> np.ndarray:
    """Fixed-axis roll, pitch, yaw in [rad]: (..., 4) -> (..., 3)."""
    w, x, y, z = np.moveaxis(np.asarray(q, float), -1, 0)
    roll = np.arctan2(2 * (w * x + y * z), 1 - 2 * (x * x + y * y))
    pitch = np.arcsin(np.clip(2 * (w * y - z * x), -1.0, 1.0))
    yaw = np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))
    return np.stack([roll, pitch, yaw], axis=-1)


def integrate(q: np.ndarray, angular_velocity: np.ndarray, dt: float) -> np.ndarray:
    """``q`` turned for ``dt`` [s] by a body angular velocity [rad/s]: (..., 4), (..., 3) -> (..., 4)."""
    return normalize(multiply(q, from_axis_angle(np.asarray(angular_velocity) * dt)))


def ned_from_enu(v: np.ndarray) -> np.ndarray:
    """World vectors ENU -> NED (and back: the map is its own inverse), shape (..., 3)."""
    v = np.asarray(v, float)
    return np.stack([v[..., 1], v[..., 0], -v[..., 2]], axis=-1)


def frd_from_flu(v: np.ndarray) -> np.ndarray:
    """Body vectors FLU -> FRD (and back), shape (..., 3)."""
    return np.asarray(v, float) * np.array([1.0, -1.0, -1.0])


def quaternion_ned_frd(q_enu_flu: np.ndarray) -> np.ndarray:
    """``enu_from_flu`` -> ``ned_from_frd`` (and back, up to the sign, fixed to w >= 0), shape (..., 4)."""
    q = multiply(multiply(_NED_ENU, q_enu_flu), _FRD_FLU)
    return np.where(q[..., :1] < 0.0, -q, q)


def continuous(quaternions: np.ndarray) -> np.ndarray:
    """The same attitudes (n, 4) with signs that go on from row to row: q and -q are one attitude."""
    turns = np.where((quaternions[1:] * quaternions[:-1]).sum(axis=1) < 0.0, -1.0, 1.0)
    return quaternions * np.concatenate([[1.0], np.cumprod(turns)])[:, None]
