"""What errors of the measured starts do to a prediction: a drone carries them on, an arm's servo forgets them.

A start is measured with noise, the same for the whole piece, so residuals of a piece go together. With B the change of
the predictions for one standard deviation of each start coordinate, and starts normal around what was measured, they
are integrated out: residuals r and Jacobian J lose B (1 + B^T W B)^-1 B^T W of themselves (Bayesian linear regression
on nuisance parameters, as the Schur complement of bundle adjustment).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sim2real import rotations
from sim2real.identification.offline.problem import Problem
from sim2real.types import RobotState


def start_columns(problem: Problem, shares: np.ndarray) -> np.ndarray:
    """B: change of the predictions for one standard deviation of place, velocity and attitude, (N, 9), of a drone."""
    cut = problem.cut
    moved = [cut.pieces.start, *_moved(cut.pieces.start, cut.sigma)]
    count, copies = len(cut.pieces), len(moved)
    start = RobotState.zeros(count * copies, 0)
    for k, state in enumerate(moved):
        start[k * count:(k + 1) * count] = state
    pieces = replace(cut.pieces, command=np.tile(cut.pieces.command, (copies, 1, 1)), start=start)
    tiled = problem.on(replace(cut, pieces=pieces, measured=np.tile(cut.measured, (copies, 1, 1)),
                               recording=np.tile(cut.recording, copies), begin=np.tile(cut.begin, copies)))
    predicted = tiled.predict(tiled.from_unit(shares))[0].reshape(copies, -1)
    tiled.close()
    return np.nan_to_num(predicted[1:] - predicted[0]).T


def _moved(start: RobotState, sigma: np.ndarray) -> list[RobotState]:
    """Starts with one coordinate off by the standard deviation of a row's noise."""
    out = []
    for axis in np.eye(3):
        for quantity, first in (("position", 0), ("linear_velocity", 3)):
            state = start.copy()
            getattr(state, quantity)[:] += axis * sigma[first:first + 3]
            out.append(state)
        state = start.copy()
        turn = rotations.from_axis_angle(2.0 * float(sigma[6:10].mean()) * axis)
        state.quaternion[:] = rotations.multiply(state.quaternion, np.tile(turn, (len(start), 1)))
        out.append(state)
    return out


def without_starts(problem: Problem, columns: np.ndarray, precision: np.ndarray, values: np.ndarray) -> np.ndarray:
    """``values`` (N, k) less what starts explain, B (1 + B^T W B)^-1 B^T W values, piece by piece."""
    out = values.copy()
    for piece in np.unique(problem.labels.piece):
        rows = problem.labels.piece == piece
        weighted = columns[rows] * precision[rows, None]
        normal = np.eye(columns.shape[1]) + weighted.T @ columns[rows]
        out[rows] -= columns[rows] @ np.linalg.solve(normal, weighted.T @ values[rows])
    return out
