"""Braking a jerk-limited setpoint stream to rest, exactly, in discrete time and in closed form.

Units inside this module are those of one period: v is the change of position in one step, a the change of v in one
step, and the action j the change of a in one step, so

    a' = a + j,  v' = v + a',  q' = q + v',  |j| <= J, |a| <= A, |v| <= V.

Ramping the acceleration m down to zero as fast as J allows changes the velocity by D(m) = (m-J) + (m-2J) + ...
(positive terms only). A step with acceleration m followed by that ramp changes it by G(m) = m + D(m): piecewise linear
and convex, so its inverse has a closed form. ``G^-1(V - v)`` is therefore the largest acceleration after which the
velocity can still be kept under V, and ``G^-1(v)`` the largest deceleration that does not overshoot rest. Taking the
latter at every step (``velocity_step`` with target 0) is the time-optimal way to rest, which it meets exactly.
"""

from __future__ import annotations

import numpy as np

from sim2real.compiled import one_robot

FEW = 24  # channels up to which code for one robot is faster than arrays
_THIRD = 715094163 << 32  # two thirds of the exponent's bias, and what brings the start nearest


def ramp_inverse(speed: np.ndarray, jerk: np.ndarray) -> np.ndarray:
    """G^-1: the acceleration that closes the speed difference ``speed`` >= 0 in one step and the ramp after it."""
    n = np.floor(np.sqrt(speed / (0.5 * jerk) + 0.25) - 0.5)
    return speed / (n + 1.0) + 0.5 * jerk * n  # for n = 0 exactly speed: braking ends at 0.0


def ramp_change(acceleration: np.ndarray, jerk: np.ndarray) -> np.ndarray:
    """D: change of velocity while ``acceleration`` >= 0 is ramped down to zero, this step's own not counted."""
    x = acceleration / jerk
    n = np.maximum(np.ceil(x) - 1.0, 0.0)
    return n * (x - 0.5 * (n + 1.0)) * jerk


def velocity_step(velocity: np.ndarray, acceleration: np.ndarray, target: np.ndarray, max_acceleration: np.ndarray,
                  jerk: np.ndarray) -> np.ndarray:
    """Next acceleration on the time-optimal way to the velocity ``target``.

    It keeps |v| <= V for ever if |target| <= V and the last one did: its size is at most G^-1(|target - v|) or one
    jerk step below the last.
    """
    difference = target - velocity
    wanted = np.copysign(np.minimum(ramp_inverse(np.abs(difference), jerk), max_acceleration), difference)
    return np.minimum(np.maximum(wanted, acceleration - jerk), acceleration + jerk)


def stopping_extent(velocity: np.ndarray, acceleration: np.ndarray, max_acceleration: np.ndarray,
                    jerk: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Largest displacement up (>= 0) and down (<= 0) on the way to rest under ``velocity_step`` with target 0.

    The way has three phases: n1 steps of full jerk, n2 steps at full deceleration, then the final ramp.
    """
    if one_robot is not None and velocity.ndim == 1 and len(velocity) <= FEW:
        out = np.empty((2, len(velocity)))
        one_robot.stopping_extent(velocity, acceleration, max_acceleration, jerk, out)
        return out[0], out[1]
    return _stopping_extent(velocity, acceleration, max_acceleration, jerk)


def _stopping_extent(velocity: np.ndarray, acceleration: np.ndarray, max_acceleration: np.ndarray,
                     jerk: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same in Python."""
    v_end = velocity + np.copysign(ramp_change(np.abs(acceleration), jerk), acceleration)
    side = np.where(v_end < 0.0, -1.0, 1.0)  # by symmetry, let the velocity at the end of the ramp be positive
    v, alpha = side * velocity / jerk, side * acceleration / jerk  # in units of the jerk step
    level = max_acceleration / jerk

    # full jerk while it neither overshoots rest nor passes -A: the velocity left after ramping down from step i is
    # v + alpha (alpha - 1)/2 - theta (1 - theta)/2 - (i - alpha)^2, theta the fractional part of -alpha
    theta = -alpha - np.floor(-alpha)
    x = np.sqrt(np.maximum(v + 0.5 * (alpha * (alpha - 1.0) - theta * (1.0 - theta)), 0.0))
    n1 = np.maximum(np.floor(np.minimum(x, level) + alpha), 0.0)
    way = n1 * (v + (n1 + 1.0) * (alpha / 2.0 - (n1 + 2.0) / 6.0))
    v1 = v + n1 * (alpha - 0.5 * (n1 + 1.0))

    whole = np.maximum(np.ceil(level) - 1.0, 0.0)
    v_plateau = level + whole * (level - 0.5 * (whole + 1.0))  # G(A): from here on the final ramp
    n2 = np.maximum(np.floor((v1 - v_plateau) / level) + 1.0, 0.0)
    way += n2 * (v1 - 0.5 * level * (n2 + 1.0))
    v2 = np.maximum(v1 - n2 * level, 0.0)

    n3 = np.floor(np.sqrt(8.0 * v2 + 1.0) * 0.5 - 0.5)
    way += n3 * (n3 + 1.0) * ((v2 / (n3 + 1.0) + 0.5 * n3) / 2.0 - (2.0 * n3 + 1.0) / 6.0)

    # where the velocity has the other sign first, the path dips before it ends on the positive side
    half = alpha - 0.5
    k = np.maximum(np.ceil(half - np.sqrt(np.maximum(half * half + 2.0 * v, 0.0))) - 1.0, 0.0)
    dip = np.where(v < 0.0, k * (v + (k + 1.0) * (alpha / 2.0 - (k + 2.0) / 6.0)), 0.0)
    first, last = side * jerk * np.minimum(dip, 0.0), side * jerk * way
    return np.maximum(np.maximum(first, last), 0.0), np.minimum(np.minimum(first, last), 0.0)


def cube_root(x: np.ndarray) -> np.ndarray:
    """Cube roots of numbers that are not negative, to 1e-12 of themselves (0: 1e-100), by sums, products and quotients.

    numpy's own differ in the last bits from one processor to the next, and a log is to be replayed on any. A third of
    the exponent (W. Kahan, "Computing a Real Cube Root", 1991) is 4 % off, and Halley's iteration cubes that twice.
    """
    x = x + 1e-300
    root = (x.view(np.int64) // 3 + _THIRD).view(np.float64)
    for _ in range(2):
        cube = root * root * root
        root = root * ((cube + 2.0 * x) / (2.0 * cube + x))
    return root


def bound_factors(max_acceleration: np.ndarray, jerk: np.ndarray) -> tuple[np.ndarray, ...]:
    """What ``stopping_bound`` needs of the bounds."""
    return 0.5 / jerk, 0.5 / max_acceleration, 1.0 + 0.5 * max_acceleration / jerk, 1.0 / jerk


def stopping_bound(velocity: np.ndarray, acceleration: np.ndarray, factors: tuple[np.ndarray, ...]) -> np.ndarray:
    """At least the larger one of the sizes of ``stopping_extent``, in a fraction of its time.

    The acceleration is ramped away first, as if it went on in the velocity's direction; then v is braked over
    v^2 / (2 A) and what ramps and whole steps add.
    """
    half_per_j, half_per_a, stop_factor, per_j = factors
    size = np.abs(acceleration)
    speed = np.abs(velocity) + size * size * half_per_j
    return speed * (speed * half_per_a + stop_factor + size * per_j)


def simulate(velocity: np.ndarray, acceleration: np.ndarray, max_acceleration: np.ndarray, jerk: np.ndarray,
             steps: int) -> np.ndarray:
    """Displacements on the way to rest, step by step, shape (steps, ...): what ``stopping_extent`` sums up."""
    v, a, q = velocity.copy(), acceleration.copy(), np.zeros_like(velocity)
    path = np.empty((steps, *q.shape))
    for row in path:
        a = velocity_step(v, a, np.zeros_like(v), max_acceleration, jerk)
        v = v + a
        q = q + v
        row[:] = q
    return path
