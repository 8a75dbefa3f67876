"""The safety filter's step for one robot, in plain floats: numpy takes longer to be called than to compute so few.

Operation for operation what safety.py and braking.py say for batches, and so does compiled/arithmetic.h, which is used
where it could be built: all give the same bits (property tests compare them). Whoever changes one changes all.
"""

from __future__ import annotations

from math import copysign, floor, sqrt

import numpy as np

from sim2real.compiled import one_robot
from sim2real.deployment.braking import cube_root


def advance(constants: np.ndarray, wanted: np.ndarray, stands: np.ndarray | None, q: np.ndarray, v: np.ndarray,
            a: np.ndarray, last_wanted: np.ndarray, last_rate: np.ndarray) -> tuple[np.ndarray, bool]:
    """One step of n channels; all arrays but ``stands`` are double precision and contiguous.

    Args:
        constants: What ``safety._constants`` gives, (14, n).
        wanted: Desired values, finite, (n,).
        stands: Which channels brake to rest wherever that is, (n,) booleans; None: none.
        q, v, a: The stream's last value and differences, (n,).
        last_wanted, last_rate: Of the step before, (n,).

    Returns:
        Rows (6, n): the aimed velocity, a, v, q, the desired value inside its bounds, its rate; and whether any
        channel comes so near to its position bounds that its way to rest has to be looked at.
    """
    if one_robot is None:
        return _advance(constants, wanted, stands, q, v, a, last_wanted, last_rate)
    rows = np.empty((6, len(wanted)))
    return rows, one_robot.advance(constants, wanted, stands, q, v, a, last_wanted, last_rate, rows)


def _advance(constants: np.ndarray, wanted: np.ndarray, stands: np.ndarray | None, *last: np.ndarray
             ) -> tuple[np.ndarray, bool]:
    """The same in Python."""
    q, v, a, last_wanted, last_rate = (row.tolist() for row in last)
    rows = constants.T.tolist()
    ways, distances = [], []
    for (low, high, v_max, _, _, _, _, _, _, aim_per_j, *_), w, q0, v0, a0, w0, r0 in zip(
            rows, wanted.tolist(), q, v, a, last_wanted, last_rate, strict=True):
        w = low if w < low else high if w > high else w
        rate = w - w0
        least, most = (r0, 0.0) if r0 < 0.0 else (0.0, r0)
        drift = least if rate < least else most if rate > most else rate
        drift = -v_max if drift < -v_max else v_max if drift > v_max else drift
        error = w - q0 - drift
        rising = copysign(a0, a0 * error)
        x = rising * aim_per_j
        distance = abs(error)
        if x > 0.0:
            carried = x * (copysign(1.0, error) * (v0 - drift) + 0.5 * rising * x)
            if carried > 0.0:
                distance -= carried
                if distance < 0.0:
                    distance = 0.0
        ways.append((w, rate, drift, error))
        distances.append(distance)
    columns, tight = [], False
    for (low, high, v_max, a_max, j_max, aim_a, aim_j23, aim_half_j, aim_offset, _, half_per_j, half_per_a, stop_factor,
         per_j), root, (w, rate, drift, error), distance, q0, v0, a0, still in zip(
            rows, cube_root(np.array(distances)).tolist(), ways, distances, q, v, a,
            [False] * len(q) if stands is None else stands.tolist(), strict=True):
        planned = root * aim_j23
        planned = (aim_a if planned > aim_a else planned) + 1e-300
        b = planned * aim_half_j + aim_offset
        twice = 2.0 * distance
        speed = twice / (b + sqrt(b * b + twice / planned))
        target = drift + copysign(distance if speed > distance else speed, error)
        target = 0.0 if still else -v_max if target < -v_max else v_max if target > v_max else target
        # velocity_step
        difference = target - v0
        gap = abs(difference)
        n = floor(sqrt(gap / (0.5 * j_max) + 0.25) - 0.5)
        step = gap / (n + 1.0) + 0.5 * j_max * n
        step = copysign(a_max if step > a_max else step, difference)
        least, most = a0 - j_max, a0 + j_max
        a1 = least if step < least else most if step > most else step
        v1 = v0 + a1
        q1 = q0 + v1
        # stopping_bound
        size = abs(a1)
        fast = abs(v1) + size * size * half_per_j
        reach = fast * (fast * half_per_a + stop_factor + size * per_j)
        tight = tight or high - q1 < reach or q1 - low < reach
        columns.append((target, a1, v1, q1, w, rate))
    return np.array(columns).T.copy(), tight
