"""A periodic motion of an arm's joints about home, as a finite Fourier series that is at rest there once a period."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sim2real.errors import BadInputError

_LARGEST = 1e3  # [rad]: no joint goes further


@dataclass(frozen=True)
class JointSeries:
    """The series of Swevers, Ganseman et al. 1997, "Optimal robot excitation and identification", IEEE Transactions on
    Robotics and Automation 13(5), written as positions, with the constant by which it begins at home:

        q_j(t) = home_j + sum_k  sine_jk sin(k w t) + cosine_jk (cos(k w t) - 1),   w = 2 pi / period

    With sum_k k sine_jk = 0 and sum_k k^2 cosine_jk = 0 (``at_rest``) velocity and acceleration vanish there too, so it
    needs no ramps and stays periodic.

    Attributes:
        home: Where it begins and ends in [rad], shape (J,).
        sine, cosine: Coefficients in [rad], shape (J, N); N may be 0.
        period: Of the first harmonic in [s].
        periods: How often it is played.
    """

    home: np.ndarray
    sine: np.ndarray
    cosine: np.ndarray
    period: float
    periods: int = 1

    def __post_init__(self) -> None:
        for name in ("home", "sine", "cosine"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), float))
        joints = len(self.home)
        for name in ("sine", "cosine"):
            value = getattr(self, name)
            if value.ndim != 2 or len(value) != joints or value.shape != self.sine.shape:
                raise BadInputError(f"joint series: expected {name} of shape ({joints}, harmonics), got {value.shape}")
            if not (np.isfinite(value).all() and (np.abs(value) < _LARGEST).all()):
                raise BadInputError(f"joint series: expected finite {name} coefficients in rad, under {_LARGEST:g}")
        if not 0.0 < self.period < np.inf:
            raise BadInputError(f"joint series: expected a period over 0 s, got {self.period:g}")
        if self.periods < 1 or self.periods != int(self.periods):
            raise BadInputError(f"joint series: expected a whole number of periods, at least 1, got {self.periods}")

    @property
    def duration(self) -> float:
        """Of the whole motion in [s]."""
        return self.periods * self.period

    @property
    def harmonics(self) -> np.ndarray:
        """1, 2, ..., N."""
        return np.arange(1, self.sine.shape[1] + 1)

    @property
    def at_rest(self) -> bool:
        """Whether velocity and acceleration vanish at home."""
        k, scale = self.harmonics, 1e-9 * max(1.0, np.abs(self.sine).sum(), np.abs(self.cosine).sum())
        return bool((np.abs(self.sine @ k) <= scale).all() and (np.abs(self.cosine @ k**2) <= scale).all())

    def scaled(self, share: float | np.ndarray) -> JointSeries:
        """The same motion with its amplitudes times ``share``, of all joints or of each (J,)."""
        factor = np.broadcast_to(np.asarray(share, float), self.home.shape)[:, None]
        return replace(self, sine=factor * self.sine, cosine=factor * self.cosine)

    def position(self, time: np.ndarray) -> np.ndarray:
        """Positions in [rad] at times (n,) in [s], home before and after: shape (n, J)."""
        angle = self._angles(np.clip(time, 0.0, self.duration))
        return self.home + np.sin(angle) @ self.sine.T + (np.cos(angle) - 1.0) @ self.cosine.T

    def derivatives(self, time: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Velocity [rad/s], acceleration [rad/s2] and jerk [rad/s3] at times (n,) within the motion, each (n, J)."""
        angle, rate = self._angles(np.asarray(time, float)), 2.0 * np.pi / self.period * self.harmonics
        s, c = np.sin(angle), np.cos(angle)
        sine, cosine = self.sine * rate, self.cosine * rate
        velocity = c @ sine.T - s @ cosine.T
        acceleration = -(s @ (sine * rate).T + c @ (cosine * rate).T)
        return velocity, acceleration, s @ (cosine * rate**2).T - c @ (sine * rate**2).T

    def _angles(self, time: np.ndarray) -> np.ndarray:
        """k w t of each time and harmonic, (n, N)."""
        return np.mod(np.asarray(time, float) / self.period, 1.0)[:, None] * (2.0 * np.pi * self.harmonics)


def rest_basis(harmonics: int) -> tuple[np.ndarray, np.ndarray]:
    """Free directions of a joint's sine and cosine coefficients under which the series is ``at_rest``.

    Harmonic k of a motion of given velocity has an amplitude of 1/k: in these units all directions weigh the same.

    Returns:
        Two arrays (N, N - 1): coefficients are basis @ free numbers.

    Raises:
        BadInputError: Fewer than two harmonics: nothing but rest would satisfy the constraints.
    """
    if harmonics < 2:
        raise BadInputError(f"expected at least 2 harmonics, got {harmonics}: one alone cannot begin and end at rest")
    k = np.arange(1, harmonics + 1)
    # of velocity amplitudes w_k = k a_k: sum w_k = 0 for sines, sum k w_k = 0 for cosines
    return _orthogonal_to(np.ones(harmonics)) / k[:, None], _orthogonal_to(k.astype(float)) / k[:, None]


def from_rows(home: Sequence[float], sine, cosine, period: float, periods: int) -> JointSeries:
    """A series of plain lists (a bundle's task options); raises BadInputError where they are none."""
    try:
        arrays = [np.array(rows, float).reshape(len(home), -1) for rows in (sine, cosine)]
    except (TypeError, ValueError):
        raise BadInputError(f"joint series: expected sine and cosine as {len(home)} rows of numbers, one a joint, in "
                            "rad") from None
    return JointSeries(np.asarray(home, float), *arrays, period, periods)


def _orthogonal_to(vector: np.ndarray) -> np.ndarray:
    """An orthonormal basis (N, N - 1) of what is orthogonal to ``vector`` (N,)."""
    return np.linalg.svd(vector[None])[2][1:].T
