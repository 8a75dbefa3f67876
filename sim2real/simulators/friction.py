"""Joint dynamics over one integration step, implicit in damping, with Coulomb friction that can stick.

For an engine that knows rigid bodies only: it gives the inertia matrix M and the bias force b (gravity, Coriolis), and
gets back the joint torques that make its bodies move as a drive with armature, servo and friction would.
"""

from __future__ import annotations

import numpy as np

_MOST_SWITCHES = 12  # of stick and slip in one step; each pass settles at least one joint in practice


def solve_velocity(inertia: np.ndarray, momentum: np.ndarray, limit: np.ndarray, mode: np.ndarray) -> np.ndarray:
    """Velocities v (n, J) after a step:  H v = g - p,  |p| <= limit,  and p opposes v wherever v is not zero.

    This is the complementarity problem of Coulomb friction at the end of the step, solved by switching joints between
    sticking (v = 0, p inside the limit) and slipping (p = limit * sign v) until all are consistent.

    Args:
        inertia: H, symmetric positive definite, shape (n, J, J).
        momentum: g, momentum without friction, shape (n, J).
        limit: Largest friction impulse, shape (n, J).
        mode: Guess of -1, 0 (sticks) or 1 for each joint, shape (n, J); holds the solution's on return.
    """
    smooth = limit <= 0.0
    np.copyto(mode, 1.0, where=smooth & (mode == 0.0))
    for _ in range(_MOST_SWITCHES):
        slips = mode != 0.0
        if slips.all():
            velocity = np.linalg.solve(inertia, (momentum - mode * limit)[..., None])[..., 0]
            wrong = (velocity * mode < 0.0) & ~smooth
            if not wrong.any():
                return velocity
            mode[wrong] = 0.0
            continue
        # rows and columns of sticking joints are those of the identity: v = 0
        pair = slips[:, :, None] & slips[:, None, :]
        reduced = np.where(pair, inertia, 0.0)
        diagonal = np.einsum("nii->ni", reduced)
        diagonal[~slips] = 1.0
        velocity = np.linalg.solve(reduced, np.where(slips, momentum - mode * limit, 0.0)[..., None])[..., 0]
        impulse = momentum - (inertia @ velocity[..., None])[..., 0]
        breaks = ~slips & (np.abs(impulse) > limit)
        wrong = slips & (velocity * mode < 0.0) & ~smooth
        if not (breaks.any() or wrong.any()):
            return velocity
        mode[wrong] = 0.0
        mode[breaks] = np.sign(impulse[breaks])
    return velocity
