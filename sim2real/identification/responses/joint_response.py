"""How position-controlled joints answer their commands: dead time, lag, sag under gravity, dry friction.

    command(t - dead_time) - q + compliance tau_g(q)  =  q'' / w^2 + time_constant q' + friction

A servo without integral gain is a spring of stiffness 1 / compliance, so everything is written over that stiffness:
dry friction is then an angle, within which the joint sticks. Part of it grows with the load on the gears
(load_friction |compliance tau_g|): Duclusaud et al., arXiv 2410.08650, model M3. Without a robot description nothing is
known of the load; a constant ``offset`` then takes the place of the sag.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from sim2real.errors import BadInputError
from sim2real.identification.responses.fitness import require_fit
from sim2real.identification.responses.gravity import GravityLoad
from sim2real.identification.responses.log_fit import Estimate, Unknown, judge, levenberg_marquardt
from sim2real.recordings.recording import Recording

UNKNOWNS = {unknown.name: unknown for unknown in (
    Unknown("dead_time", "s", 0.03, 0.0, 0.15),
    Unknown("time_constant", "s", 0.06, 0.005, 0.5),
    Unknown("natural_frequency", "rad/s", 20.0, 4.0, 100.0),
    Unknown("compliance", "rad/(N m)", 0.06, 0.0, 0.2),
    Unknown("offset", "rad", 0.0, -0.15, 0.15),
    Unknown("friction", "rad", 0.008, 0.0, 0.08),
    Unknown("load_friction", "1", 0.3, 0.0, 1.5),
)}
# from the poorest to the richest; ``fit_response`` takes the one that predicts logs it has not seen best
STRUCTURES = {
    "first order": ("dead_time", "time_constant", "offset"),
    "first order with gravity": ("dead_time", "time_constant", "compliance"),
    "first order with friction": ("dead_time", "time_constant", "compliance", "friction"),
    "first order with load friction": ("dead_time", "time_constant", "compliance", "friction", "load_friction"),
    "second order with load friction": ("dead_time", "time_constant", "natural_frequency", "compliance", "friction",
                                        "load_friction"),
}
_SUBSTEPS = 2
_ROWS = 50  # whose commands are looked up at once


@dataclass(frozen=True)
class ResponseModel:
    """Fitted joints.

    Attributes:
        joints: As the recordings' channels name them.
        values: Of each unknown of the structure, (J,), in the units of ``UNKNOWNS``.
        structure: A key of ``STRUCTURES``.
        step: Of the simulation in [s].
        load: Gravity's torques, of the structures with compliance.
        estimates: Of each joint, what the logs determine.
        scores: Structure -> mean error on logs left out in [rad], of the structures that were tried.
    """

    joints: tuple[str, ...]
    structure: str
    values: dict[str, np.ndarray]
    step: float
    load: GravityLoad | None = None
    estimates: dict[str, list[Estimate]] = field(default_factory=dict)
    scores: dict[str, float] = field(default_factory=dict)

    def predict(self, recording: Recording) -> np.ndarray:
        """Positions (n, J) in [rad] at the recording's rows, from its commands and its first row's positions."""
        logs = _Logs([recording], self.joints, self.step, self.load)
        values = {name: row[None, None] for name, row in self.values.items()}
        found = simulate(values, logs)[:, 0]
        if self.load is not None:  # gravity's torque at the commands gave a pose: now its torque there
            found = simulate(values, logs.loaded(found))[:, 0]
        return logs.at_rows(0, found)


class _Logs:
    """Recordings on one time grid, each held at its end: commands (T, L, J), measured positions with NaN after it."""

    def __init__(self, recordings: Sequence[Recording], joints: tuple[str, ...], step: float,
                 load: GravityLoad | None):
        self.step, self._load = step, load
        self.times = [recording.time for recording in recordings]
        count = max(int(np.ceil(time[-1] / step)) + 1 for time in self.times)
        self._grid = np.arange(count) * step
        shape = (count, len(recordings), len(joints))
        self.command, self.position = np.empty(shape), np.full(shape, np.nan)
        for column, recording in enumerate(recordings):
            inside = self._grid <= recording.time[-1]
            for joint, name in enumerate(joints):
                command, position = (_channel(recording, quantity, name) for quantity in ("command", "position"))
                self.command[:, column, joint] = np.interp(self._grid, recording.time, command)
                self.position[inside, column, joint] = np.interp(self._grid[inside], recording.time, position)
        self.torque = np.zeros(shape)
        if load is not None:
            self.torque = self._torque(self.command)

    def _torque(self, pose: np.ndarray) -> np.ndarray:
        return self._load.torque(pose.reshape(-1, pose.shape[2])).reshape(pose.shape)

    def loaded(self, pose: np.ndarray) -> _Logs:
        """The same logs with gravity's torque at another pose."""
        other = copy.copy(self)
        other.torque = self._torque(pose)
        return other

    def at_rows(self, column: int, values: np.ndarray) -> np.ndarray:
        """Values (T, L, J) of one log at its rows."""
        return np.stack([np.interp(self.times[column], self._grid, row) for row in values[:, column].T], axis=1)


def _channel(recording: Recording, quantity: str, joint: str) -> np.ndarray:
    """A channel (n,) whose few missing rows are filled in."""
    values = recording.channels.get(f"{quantity}.{joint}" if joint else quantity)
    if values is None or not np.isfinite(values).any():
        raise BadInputError(f"{recording.name}: expected a channel {quantity}.{joint} with numbers; it has "
                            f"{', '.join(recording.channels)}")
    known = np.isfinite(values)
    return np.interp(recording.time, recording.time[known], values[known])


def simulate(values: dict[str, np.ndarray], logs: _Logs) -> np.ndarray:
    """Positions (T, B, L, J) from the commands and the first position alone; ``values`` (B, 1, J) each.

    Semi-implicit Euler, dry friction as a bound on what is left of the momentum: a joint sticks without chattering.
    """
    h = logs.step / _SUBSTEPS
    lag, dead = values["time_constant"], values["dead_time"] / logs.step
    stiff = values["natural_frequency"] ** 2 if "natural_frequency" in values else None
    compliance, offset = values.get("compliance", 0.0), values.get("offset", 0.0)
    dry, loaded = values.get("friction", 0.0), values.get("load_friction", 0.0)
    count = len(logs.command)
    q = np.broadcast_to(logs.position[0], (len(lag), *logs.position.shape[1:])).copy()
    speed, out = np.zeros_like(q), np.empty((count, *q.shape))
    share = 1.0 - np.exp(-h / lag)
    for k in range(count):
        if k % _ROWS == 0:
            arrived = _delayed(logs.command, dead[:, 0], k)
        out[k] = q
        sag = compliance * logs.torque[k]
        bound, pull = dry + loaded * np.abs(sag), offset + sag
        for command in arrived[k % _ROWS]:
            error = command + pull - q
            if stiff is None:  # q' = shrink(error, bound) / time_constant
                q = q + _shrink(error, bound) * share
            else:
                slow = 1.0 + h * stiff * (lag + h)
                speed = _shrink((speed + h * stiff * error) / slow, h * stiff * bound / slow)
                q = q + h * speed
    return out


def _delayed(command: np.ndarray, dead: np.ndarray, first: int) -> np.ndarray:
    """Commands (T, L, J) as they arrive ``dead`` rows (B, J) later: (rows, substeps, B, L, J) of the next few rows."""
    rows = np.arange(first, min(first + _ROWS, len(command)))
    at = np.maximum(rows[:, None, None, None] + np.arange(_SUBSTEPS)[:, None, None] / _SUBSTEPS - dead, 0.0)
    before, joints = at.astype(int), np.arange(command.shape[2])
    early, late = (np.moveaxis(command[row, :, joints], -1, -2)
                   for row in (before, np.minimum(before + 1, len(command) - 1)))
    return early + (late - early) * (at - before)[..., None, :]


def _shrink(values: np.ndarray, bound: np.ndarray) -> np.ndarray:
    return values - np.clip(values, -bound, bound)


def fit_response(recordings: Sequence[Recording], load: GravityLoad | None = None,
                 structures: Sequence[str] | None = None) -> ResponseModel:
    """Fit every structure to the recordings and keep the one that predicts a recording left out best.

    Args:
        recordings: Of one arm; channels ``position.JOINT`` and ``command.JOINT`` in [rad]. At least two.
        load: Gravity's torques at these joints, in their order; fits take them at the commands.
        structures: Keys of ``STRUCTURES`` to choose from; by default all that go with or without a load.

    Raises:
        BadInputError: Too few recordings, unfit ones, or channels that are not there.
    """
    if len(recordings) < 2:
        raise BadInputError(f"expected at least two recordings, to leave one out; got {len(recordings)}")
    require_fit(recordings)
    if structures is None:
        structures = [name for name, parts in STRUCTURES.items() if ("compliance" in parts) == (load is not None)]
    joints = tuple(name for name in recordings[0].elements("position")
                   if name in recordings[0].elements("command"))
    if not joints:
        raise BadInputError(f"{recordings[0].name}: expected channels position.JOINT and command.JOINT; it has "
                            f"{', '.join(recordings[0].channels)}")
    if load is not None and len(load.joints) != len(joints):
        raise BadInputError(f"expected gravity at the {len(joints)} joints of the logs, {', '.join(joints)}; "
                            f"got {', '.join(load.joints)}")
    step = float(np.median([1.0 / recording.rate for recording in recordings]))
    logs = _Logs(recordings, joints, step, load)
    fitted = [_fit(name, logs) for name in structures]
    best = min(range(len(fitted)), key=lambda k: fitted[k][3])
    unknowns, values, estimates, _ = fitted[best]
    return ResponseModel(joints, structures[best], {u.name: values[:, k] for k, u in enumerate(unknowns)}, step, load,
                         dict(zip(joints, estimates, strict=True)),
                         {name: score for name, (*_, score) in zip(structures, fitted, strict=True)})


def _fit(structure: str, logs: _Logs) -> tuple[list[Unknown], np.ndarray, list[list[Estimate]], float]:
    """Unknowns; values (J, P) by all logs; what each joint's logs determine; mean error on logs left out [rad]."""
    unknowns = [UNKNOWNS[name] for name in STRUCTURES[structure]]
    _, count, joints = logs.command.shape
    folds = np.concatenate([np.ones((1, count)), 1.0 - np.eye(count)])  # all logs, then without each
    known = np.isfinite(logs.position)
    weight = known / np.sqrt(known.sum(axis=0))  # each log counts as much as another, however long
    target = np.nan_to_num(logs.position)

    def errors(x: np.ndarray) -> np.ndarray:  # (folds * J, B, P) -> (T, folds, B, L, J), weighted
        table = x.reshape(len(folds), joints, -1, len(unknowns)).transpose(0, 2, 3, 1)  # folds, B, P, J
        flat = table.reshape(-1, len(unknowns), joints)
        found = simulate({u.name: flat[:, None, k] for k, u in enumerate(unknowns)}, logs)
        return ((found - target[:, None]) * weight[:, None]).reshape(len(found), len(folds), -1, count, joints)

    def residual(x: np.ndarray) -> np.ndarray:
        left = errors(x) * folds[:, None, :, None]
        return left.transpose(1, 4, 2, 3, 0).reshape(len(folds) * joints, x.shape[1], -1)

    solution = levenberg_marquardt(residual, unknowns, len(folds) * joints)
    values = solution.values.reshape(len(folds), joints, -1)
    jacobian = solution.jacobian.reshape(len(folds), joints, len(unknowns), -1)[0]
    square = (errors(solution.values[:, None]) ** 2).sum(axis=0)[1:, 0]  # folds, L, J
    score = float(np.sqrt(square[np.arange(count), np.arange(count)]).mean())
    estimates = [judge(unknowns, values[0, j], jacobian[j], values[1:, j]) for j in range(joints)]
    return unknowns, values[0], estimates, score
