"""Where a drone will be, from its log up to now and what its motors are given until then.

Two predictors on one interface. ``dynamics`` integrates the laws of ``drone_dynamics``. ``with_remainder`` adds to it
what those laws miss over a whole horizon, as a linear function of the last second (tilt, rates, velocity, motors) and
of the motors' commands ahead, one for each horizon: the multi-step predictor of subspace identification (Favoreel, De
Moor and Gevers 1999, "SPC: subspace predictive control") on the remainder. Commands of a controller that stabilises the
drone tell where it will tilt, which no open-loop integration of them does. So it holds for that controller.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from sim2real import rotations
from sim2real.errors import BadInputError
from sim2real.identification.responses.drone_dynamics import NAMES, Ahead, Dynamics, DynamicsFit, roll_out
from sim2real.identification.responses.fitness import require_fit
from sim2real.identification.responses.flight_state import Flight
from sim2real.identification.responses.log_fit import Estimate, judge_values
from sim2real.recordings.recording import Recording

HORIZONS = (1, 10, 50)  # steps of 10 ms
_PAST = (0, 2, 4, 8, 16)  # steps back
_TRIM = 99  # steps back over which the motors' mean is taken
_BINS = 10  # that the commands ahead are averaged in
_RIDGES = (1e-3, 1e-2, 0.1, 1.0, 10.0)  # features have unit variance, and each flight counts as one row
_UNITS = {"thrust_gain": ("m/s2/V2", 0.0, 1.0), "thrust_offset": ("m/s2", -10.0, 10.0), "drag_xy": ("1/s", 0.0, 2.0),
          "drag_z": ("1/s", -2.0, 2.0), "motor_lag": ("s", 0.0, 0.12), "turn_time": ("s", 0.0, 0.3)}
# what no log without forces and moments tells: each stands in the equations only together with another
UNKNOWABLE = {
    "mass": ("kg", "only thrust over mass is in the equations"),
    "thrust_coefficient": ("N s2/rad2", "only thrust over mass, and no rotor speeds"),
    "inertia": ("kg m2", "only moment over inertia is in the equations"),
    "torque_ratio": ("m", "only moment over inertia is in the equations"),
}


@dataclass(frozen=True)
class Remainder:
    """What to add at one horizon: ``constant`` (9,), ``weights`` (F, 9) on features less ``mean`` over ``scale``."""

    mean: np.ndarray
    scale: np.ndarray
    weights: np.ndarray
    constant: np.ndarray
    ridge: float

    def of(self, features: np.ndarray) -> np.ndarray:
        """(m, 9) in the heading frame: place [m], velocity [m/s], rotation vector [rad]."""
        return (features - self.mean) / self.scale @ self.weights + self.constant


@dataclass(frozen=True)
class DroneModel:
    """Fitted dynamics, and the remainder at each horizon in steps."""

    dynamics: Dynamics
    remainders: dict[int, Remainder]
    estimates: list[Estimate] = field(default_factory=list)

    def predict(self, flight: Flight, with_remainder: bool = True) -> dict[int, Ahead]:
        """Horizon in steps -> the states then, for every row of the flight in the air."""
        found, velocities, missed = roll_out(self.dynamics, flight, list(self.remainders))
        if not with_remainder:
            return found
        return {steps: _moved(found[steps], flight, remainder.of(_features(flight, found[steps].rows, steps,
                                                                            velocities, missed)))
                for steps, remainder in self.remainders.items()}


def fit_drone(recordings: Sequence[Recording], groups: Sequence[int] | None = None,
              ) -> tuple[DroneModel, list[DroneModel]]:
    """Fit to all flights, and to all but each group of them (their remainders' ridges chosen without it, too).

    Args:
        recordings: With the channels of ``Flight.of``.
        groups: Of each flight, the group it is left out with; flights of one trajectory belong together.

    Returns:
        The model of all, and for each group (in ascending order) the one that never saw it.

    Raises:
        BadInputError: Fewer than three groups, unfit recordings, or channels that are not there.
    """
    groups = np.arange(len(recordings)) if groups is None else np.asarray(groups)
    left_out = np.unique(groups)
    if len(left_out) < 3:
        raise BadInputError("expected flights in at least three groups, to leave one out and to choose; got "
                            f"{len(left_out)}")
    require_fit(recordings)
    flights = [Flight.of(recording) for recording in recordings]
    fit = DynamicsFit(flights)
    models = []
    for group in (None, *left_out):
        members = [k for k in range(len(flights)) if groups[k] != group]
        dynamics = fit.solve(members)
        models.append(DroneModel(dynamics, _remainders(dynamics, [flights[k] for k in members], groups[members])))
    values = np.array([[getattr(model.dynamics, name) for name in NAMES] for model in models])
    estimates = judge_values([(name, *_UNITS[name]) for name in NAMES], values[0], values[1:])
    estimates += [Estimate(name, unit, None, 0.0, np.inf, False, why) for name, (unit, why) in UNKNOWABLE.items()]
    return DroneModel(models[0].dynamics, models[0].remainders, estimates), models[1:]


def _remainders(dynamics: Dynamics, flights: Sequence[Flight], groups: np.ndarray) -> dict[int, Remainder]:
    moments: dict[int, list[np.ndarray]] = {steps: [] for steps in HORIZONS}
    for flight in flights:
        found, velocities, missed = roll_out(dynamics, flight, HORIZONS)
        for steps in HORIZONS:
            features = _features(flight, found[steps].rows, steps, velocities, missed)
            table = np.column_stack([np.ones(len(features)), features, _missed_state(found[steps], flight, steps)])
            moments[steps].append(table.T @ table / len(table))  # each flight counts as much as another
    return {steps: _ridge_by_groups(np.array(tables), groups) for steps, tables in moments.items()}


def _ridge_by_groups(tables: np.ndarray, groups: np.ndarray) -> Remainder:
    """Ridge regression by moments (K, 1 + F + 9, ...) of flights, its ridge the best on groups left out."""
    def wrong(ridge: float) -> float:
        total = 0.0
        for group in np.unique(groups):
            found = _ridge(tables[groups != group].sum(axis=0), ridge)
            total += _square(found, tables[groups == group].sum(axis=0))
        return total

    return _ridge(tables.sum(axis=0), min(_RIDGES, key=wrong))


def _ridge(table: np.ndarray, ridge: float) -> Remainder:
    """(Z'Z + ridge I)^-1 Z'Y with features Z of zero mean and unit variance, by their moments."""
    n, split = table[0, 0], table.shape[0] - 9
    mean = table[0, 1:] / n
    centred = table[1:, 1:] - n * np.outer(mean, mean)
    scale = np.sqrt(np.maximum(centred.diagonal()[:split - 1] / n, 1e-18))
    z = centred[:split - 1, :split - 1] / np.outer(scale, scale)
    weights = np.linalg.solve(z + ridge * np.eye(len(z)), centred[:split - 1, split - 1:] / scale[:, None])
    return Remainder(mean[:split - 1], scale, weights, mean[split - 1:], ridge)


def _square(found: Remainder, table: np.ndarray) -> float:
    """Sum of squares of the places that ``found`` leaves on other flights, by their moments."""
    weights = found.weights[:, :3] / found.scale[:, None]
    constant = found.constant[:3] - found.mean @ weights
    whole = np.concatenate([constant[None], weights, -np.eye(9)[:, :3]])
    return float(np.einsum("ik,ij,jk->", whole, table, whole))


def _heading(flight: Flight, rows: np.ndarray) -> np.ndarray:
    """Rotations (m, 3, 3) from the world to axes turned by the heading alone."""
    forward = rotations.matrix(flight.quaternion[rows])[:, :, 0]
    cosine, sine = (forward[:, :2] / np.linalg.norm(forward[:, :2], axis=1, keepdims=True)).T
    turn = np.zeros((len(rows), 3, 3))
    turn[:, 0, 0], turn[:, 0, 1], turn[:, 1, 0], turn[:, 1, 1], turn[:, 2, 2] = cosine, sine, -sine, cosine, 1.0
    return turn


def _features(flight: Flight, rows: np.ndarray, steps: int, velocities: np.ndarray, missed: np.ndarray) -> np.ndarray:
    """(m, F): what was known at each row, and the motors ahead, in the heading frame.

    Past tilts and velocities are those less the present ones, motors those less their mean of the last second: how a
    drone is trimmed, and how full its battery is, then says nothing.
    """
    turn = _heading(flight, rows)

    def level(vectors: np.ndarray) -> np.ndarray:
        return np.einsum("nij,nj->ni", turn, vectors)

    up = rotations.matrix(flight.quaternion)[:, :, 2]
    motors = _mixed(flight.drive)
    sums = np.concatenate([np.zeros((1, motors.shape[1])), np.cumsum(motors, axis=0)])
    trim = (sums[rows] - sums[rows - _TRIM]) / _TRIM
    columns = [missed[rows], level(up[rows])[:, :2], level(velocities[rows]), motors[rows] - trim]
    for back in _PAST:
        columns.append(flight.rates[rows - back])
        if back:
            columns += [level(up[rows - back] - up[rows])[:, :2], level(velocities[rows - back] - velocities[rows]),
                        motors[rows - back] - trim]
    columns.append((sums[rows] - sums[rows - _TRIM // 2]) / (_TRIM // 2) - trim)
    edges = np.unique(np.linspace(0, steps, _BINS + 1).astype(int))
    columns += [sums[rows + late] - sums[rows + early] - (late - early) * trim
                for early, late in zip(edges[:-1], edges[1:], strict=True)]
    return np.hstack(columns)


def _mixed(drive: np.ndarray) -> np.ndarray:
    """Roll, pitch, yaw and sum (n, 4) of motors 1 front right, 2 back right, 3 back left, 4 front left."""
    return drive @ np.array([[-1, -1, -1, 1], [-1, 1, 1, 1], [1, 1, -1, 1], [1, -1, 1, 1]], float)


def velocity_then(flight: Flight) -> np.ndarray:
    """Velocities (n, 3) in [m/s] that predictions are held against: central differences over four rows."""
    out = np.zeros_like(flight.place)
    out[2:-2] = (flight.place[4:] - flight.place[:-4]) / (flight.time[4:] - flight.time[:-4])[:, None]
    return out


def _missed_state(found: Ahead, flight: Flight, steps: int) -> np.ndarray:
    """What the dynamics miss (m, 9), in the heading frame of each start."""
    turn, then = _heading(flight, found.rows), found.rows + steps
    rotation = rotations.multiply(flight.quaternion[then], rotations.conjugate(found.quaternion))
    parts = (flight.place[then] - found.place, velocity_then(flight)[then] - found.velocity,
             rotations.to_axis_angle(rotation))
    return np.hstack([np.einsum("nij,nj->ni", turn, part) for part in parts])


def _moved(found: Ahead, flight: Flight, remainder: np.ndarray) -> Ahead:
    place, velocity, rotation = (np.einsum("nji,nj->ni", _heading(flight, found.rows), part)
                                 for part in np.split(remainder, 3, axis=1))
    return Ahead(found.rows, found.place + place, found.velocity + velocity,
                 rotations.multiply(rotations.from_axis_angle(rotation), found.quaternion))
