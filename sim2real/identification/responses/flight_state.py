"""What a drone's log says at each row about its state, from that row and earlier ones alone.

Velocity is estimated from positions, not taken from the log: a logged velocity is often a central difference, which
knows the next position.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim2real import rotations
from sim2real.errors import BadInputError
from sim2real.recordings.recording import Recording

STEP = 0.01  # [s] of the grid
GRAVITY = np.array([0.0, 0.0, 9.81])
_FLYING_HEIGHT, _FLYING_SHARE = 0.3, 0.1  # [m] over the lowest row, of full PWM
_SETTLE = 100  # rows after take-off before which the filter has not settled
# standard deviations of the filter: position [m], acceleration that the model misses [m/s2] in a step, and how far its
# slow part wanders in the square root of a second [m/s2]
_POSITION_NOISE, _MISSED, _WANDER = 5e-4, 0.6, 0.15


@dataclass(frozen=True)
class Flight:
    """A recording on a grid of ``STEP``: arrays (n, ...), world frame with z up, SI.

    Attributes:
        drive: Battery voltage times motor share in [V], (n, 4): what a brushed motor sees on average.
        rows: Those in the air, settled: predictions start there.
    """

    name: str
    time: np.ndarray
    place: np.ndarray
    quaternion: np.ndarray
    rates: np.ndarray
    drive: np.ndarray
    rows: slice

    @classmethod
    def of(cls, recording: Recording) -> Flight:
        """Read the channels place, quaternion, angular_velocity, motor (four) and voltage.

        Raises:
            BadInputError: One is not there, or the drone never flies for long enough.
        """
        found = {name: recording.matrix(name) for name in ("place", "quaternion", "angular_velocity", "motor",
                                                           "voltage")}
        for (name, values), width in zip(found.items(), (3, 4, 3, 4, 1), strict=True):
            if values.shape[1] != width or not np.isfinite(values).any(axis=0).all():
                raise BadInputError(f"{recording.name}: expected {width} channels {name} with numbers, got "
                                    f"{values.shape[1]}; it has {', '.join(recording.channels)}")
        time = np.arange(recording.time[0], recording.time[-1], STEP)
        found["quaternion"] = rotations.continuous(found["quaternion"])
        place, quaternion, rates, motor, voltage = (_at(time, recording.time, values) for values in found.values())
        high = place[:, 2] > place[:, 2].min() + _FLYING_HEIGHT
        flying = np.flatnonzero(high & (motor.min(axis=1) > _FLYING_SHARE))
        if len(flying) < 3 * _SETTLE:
            raise BadInputError(f"{recording.name}: expected a flight of {3 * _SETTLE * STEP:g} s or more, got "
                                f"{len(flying) * STEP:g} s in the air")
        return cls(recording.name, time, place, rotations.normalize(quaternion), rates, motor * voltage,
                   slice(int(flying[0]) + _SETTLE, int(flying[-1]) - _SETTLE // 2))


def _at(time: np.ndarray, own: np.ndarray, values: np.ndarray) -> np.ndarray:
    columns = []
    for column in values.T:
        known = np.isfinite(column)
        columns.append(np.interp(time, own[known], column[known]))
    return np.stack(columns, axis=1)


def lagged(values: np.ndarray, time_constant: float) -> np.ndarray:
    """First-order lag of values (n, k) that hold for a step: what a row shows comes from earlier rows alone."""
    share = 1.0 - np.exp(-STEP / time_constant)
    out = np.empty_like(values)
    out[0] = values[0]
    for k in range(1, len(values)):
        out[k] = out[k - 1] + share * (values[k - 1] - out[k - 1])
    return out


def observe(flight: Flight, force: np.ndarray, drag: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Velocity in the world (n, 3) [m/s] and the acceleration that the model misses, in the body (n, 3) [m/s2].

    A Kalman filter with constant gains over positions: velocity moves with ``force`` (n,) along the body's z [m/s2],
    ``drag`` (3,) [1/s] and what was missed so far, a random walk in the body frame.
    """
    gain, body = _gains(), rotations.matrix(flight.quaternion)
    place, velocity, missed = flight.place[0].copy(), np.zeros(3), np.zeros(3)
    velocities, misses = np.empty((2, *flight.place.shape))
    for k, rotation in enumerate(body):
        error = flight.place[k] - place
        place = place + gain[0] * error
        velocity = velocity + gain[1] * error
        missed = missed + gain[2] * (error @ rotation)
        velocities[k], misses[k] = velocity, missed
        specific = missed - drag * (velocity @ rotation)
        specific[2] += force[k]
        acceleration = rotation @ specific - GRAVITY
        place = place + STEP * velocity + 0.5 * STEP**2 * acceleration
        velocity = velocity + STEP * acceleration
    return velocities, misses


def _gains() -> np.ndarray:
    """Steady gains (3,) of the filter of one axis: (place, velocity, missed), by iterating Riccati's equation."""
    move = np.array([[1.0, STEP, 0.5 * STEP**2], [0.0, 1.0, STEP], [0.0, 0.0, 1.0]])
    kick = np.array([0.5 * STEP**2, STEP, 0.0])
    noise = _MISSED**2 * np.outer(kick, kick) + np.diag([0.0, 0.0, _WANDER**2 * STEP])
    covariance = np.diag([1e-2, 1.0, 1.0])
    for _ in range(3000):
        gain = covariance[:, 0] / (covariance[0, 0] + _POSITION_NOISE**2)
        covariance = covariance - np.outer(gain, covariance[0])
        covariance = move @ covariance @ move.T + noise
    return gain
