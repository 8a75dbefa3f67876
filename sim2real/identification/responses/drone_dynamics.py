"""What moves a drone, over its mass: thrust by what its motors are given, drag; and how long it goes on turning.

    v' = R (e_z (thrust_gain sum s_i^2 + thrust_offset) - D v_body + missed) - g      s_i: battery voltage x PWM share

The attitude is the state's, turned on by rates w that fade: q(t + h) = q(t) exp(w turn_time (1 - exp(-h / turn_time))).
Motor commands logged at 100 Hz under a controller of 500 Hz tell only two fifths of the variance of roll and pitch
accelerations on the flights of NanoBench; integrated for half a second they are worse than an attitude that is held.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sim2real import rotations
from sim2real.identification.responses.flight_state import GRAVITY, STEP, Flight, lagged, observe

LAGS = (0.01, 0.02, 0.03, 0.04, 0.06, 0.08, 0.12)  # [s] of the motors that are tried
TURN_TIMES = (0.02, 0.04, 0.06, 0.08, 0.11, 0.15, 0.2, 0.3)  # [s]
_WINDOW = 10  # rows of the triangle that accelerations are averaged over
NAMES = ("thrust_gain", "thrust_offset", "drag_xy", "drag_z", "motor_lag", "turn_time")


@dataclass(frozen=True)
class Dynamics:
    """Values: thrust_gain [m/s2/V2], thrust_offset [m/s2], drag_xy and drag_z [1/s], motor_lag and turn_time [s]."""

    thrust_gain: float
    thrust_offset: float
    drag_xy: float
    drag_z: float
    motor_lag: float
    turn_time: float

    @property
    def drag(self) -> np.ndarray:
        """Along the body's axes, (3,) [1/s]."""
        return np.array([self.drag_xy, self.drag_xy, self.drag_z])

    def force(self, flight: Flight) -> np.ndarray:
        """Thrust over mass (n,) in [m/s2] at each row."""
        return self.thrust_gain * (lagged(flight.drive, self.motor_lag) ** 2).sum(axis=1) + self.thrust_offset


@dataclass(frozen=True)
class Ahead:
    """A state some steps after each of ``rows`` (m,): place, velocity (m, 3), quaternion (m, 4), world frame."""

    rows: np.ndarray
    place: np.ndarray
    velocity: np.ndarray
    quaternion: np.ndarray


def roll_out(dynamics: Dynamics, flight: Flight, horizons: Sequence[int]) -> tuple[dict[int, Ahead], np.ndarray,
                                                                                    np.ndarray]:
    """States ``horizons`` steps ahead of all rows at once; and the velocities and missed accelerations (n, 3).

    What is known at a row: the log up to it, and the motors' commands and the battery's voltage until the horizon.
    """
    force = dynamics.force(flight)
    velocities, missed = observe(flight, force, dynamics.drag)
    rows = np.arange(flight.rows.start, flight.rows.stop - max(horizons))
    place, velocity = flight.place[rows], velocities[rows]
    found = {}
    for k in range(max(horizons)):
        attitude = turned(flight, rows, k + 0.5, dynamics.turn_time)
        specific = missed[rows] - dynamics.drag * rotations.rotate_inverse(attitude, velocity)
        specific[:, 2] += force[rows + k]
        acceleration = rotations.rotate(attitude, specific) - GRAVITY
        place = place + STEP * velocity + 0.5 * STEP**2 * acceleration
        velocity = velocity + STEP * acceleration
        if k + 1 in horizons:
            found[k + 1] = Ahead(rows, place, velocity, turned(flight, rows, k + 1, dynamics.turn_time))
    return found, velocities, missed


def turned(flight: Flight, rows: np.ndarray, steps: float, turn_time: float) -> np.ndarray:
    """Attitudes (m, 4) some steps after ``rows``."""
    angle = turn_time * (1.0 - np.exp(-steps * STEP / turn_time))
    return rotations.multiply(flight.quaternion[rows], rotations.from_axis_angle(flight.rates[rows] * angle))


class DynamicsFit:
    """Least squares for subsets of flights; each flight's sums are worked out once.

    Accelerations are averaged over a triangle of 0.2 s, both sides alike (second differences are just that), which
    fitting may do and predicting may not. Each flight has a constant acceleration of its own in the body: how the
    markers sit on the drone, and what the battery's age does to the thrust.
    """

    def __init__(self, flights: Sequence[Flight]):
        self._sums = [[_normal_equations(flight, lag) for lag in LAGS] for flight in flights]
        self._turning = np.array([[_turning_error(flight, t) for t in TURN_TIMES] for flight in flights])

    def solve(self, members: Sequence[int]) -> Dynamics:
        """The dynamics that fit the flights ``members`` best."""
        best = (np.inf, np.zeros(3), 0.0)
        for lag, sums in zip(LAGS, zip(*(self._sums[k] for k in members), strict=True), strict=True):
            normal, right, square, _ = (sum(part) for part in zip(*sums, strict=True))
            values = np.linalg.solve(normal, right)
            left = square - values @ right
            if left < best[0]:
                best = (left, values, lag)
        _, (gain, across, along), lag = best
        # each flight's own constant along z is taken out of the fit; the offset is their mean
        rest = np.mean([self._sums[k][LAGS.index(lag)][3] @ np.array([1.0, -gain, across, along]) for k in members])
        turn = TURN_TIMES[int(self._turning[list(members)].mean(axis=0).argmin())]
        return Dynamics(float(gain), float(rest), float(across), float(along), lag, turn)


def _normal_equations(flight: Flight, lag: float) -> tuple[np.ndarray, np.ndarray, float, np.ndarray]:
    """X'X, X'y, y'y of (gain, drag_xy, drag_z) with the flight's own constants taken out; and means along z."""
    body = rotations.matrix(flight.quaternion)
    n, rows = _WINDOW, flight.rows
    place = flight.place
    second, velocity = np.zeros_like(place), np.zeros_like(place)
    second[n:-n] = (place[2 * n:] - 2.0 * place[n:-n] + place[:-2 * n]) / (n * STEP) ** 2
    velocity[n:-n] = (place[2 * n:] - place[:-2 * n]) / (2 * n * STEP)
    along = np.einsum("nji,nj->ni", body, velocity)
    square = (lagged(flight.drive, lag) ** 2).sum(axis=1)

    def world(vector: np.ndarray) -> np.ndarray:
        return _averaged(np.einsum("nij,nj->ni", body, vector))[rows].reshape(-1)

    columns = [square[:, None] * [0.0, 0.0, 1.0], -along * [1.0, 1.0, 0.0], -along * [0.0, 0.0, 1.0]]
    x = np.stack([world(column) for column in columns], axis=1)
    own = np.stack([world(np.broadcast_to(axis, place.shape)) for axis in np.eye(3)], axis=1)
    y = (second + GRAVITY)[rows].reshape(-1)
    both = np.column_stack([x, y])
    coefficients = np.linalg.lstsq(own, both, rcond=None)[0]
    both = both - own @ coefficients
    x, y = both[:, :3], both[:, 3]
    up = coefficients[2]  # what a constant along z takes of each column
    return x.T @ x, x.T @ y, float(y @ y), np.array([up[3], up[0], -up[1], -up[2]])


def _averaged(values: np.ndarray) -> np.ndarray:
    """Rows averaged with the weights of a triangle: what a second difference over the window sees."""
    weights = np.concatenate([np.arange(1, _WINDOW + 1), np.arange(_WINDOW - 1, 0, -1)]) / _WINDOW**2
    return np.stack([np.convolve(column, weights, "same") for column in values.T], axis=1)


def _turning_error(flight: Flight, turn_time: float) -> float:
    """Mean angle in [rad] that attitudes are off 0.1 and 0.5 s ahead."""
    total = 0.0
    for steps in (10, 50):
        rows = np.arange(flight.rows.start, flight.rows.stop - steps)
        total += attitude_error(turned(flight, rows, steps, turn_time), flight.quaternion[rows + steps]).mean()
    return 0.5 * total


def attitude_error(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Angles (m,) in [rad] between attitudes (m, 4)."""
    return np.linalg.norm(rotations.to_axis_angle(rotations.multiply(rotations.conjugate(a), b)), axis=1)
