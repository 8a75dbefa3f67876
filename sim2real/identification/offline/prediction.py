"""How far ahead a simulation tells what a robot does: errors of its prediction from measured starts, in open loop."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim2real.identification.offline.pieces import cut
from sim2real.identification.offline.problem import Problem

HORIZONS = (0.1, 0.5, 2.0)  # [s]
_APART = 0.1  # [s] between starts of short predictions


@dataclass(frozen=True)
class Ahead:
    """Errors of a prediction over one time.

    Attributes:
        horizon: In [s]; of one row of the log, of ``HORIZONS``, or of all that was held out.
        errors: Root mean square of what is ``horizon`` ahead (of all rows, where that is all), for each set of
            values, (n,): positions of joints in [rad], or places in [m].
        whole: Whether this is all that was held out.
    """

    horizon: float
    errors: np.ndarray
    whole: bool


def prediction_errors(judge: Problem, values: np.ndarray) -> list[Ahead]:
    """Errors for parameter values (n, K), one measurement ahead, ``HORIZONS`` ahead, and over all that was held out."""
    stretches = judge.cut.stretches
    known = np.concatenate([np.isfinite(stretch.state[:, 0]) for stretch in stretches])
    spacing = judge.cut.period * round(len(known) / max(known.sum(), 1))  # states may come less often than commands
    longest = max(stretch.duration for stretch in stretches)
    steps = [spacing, *(horizon for horizon in HORIZONS if spacing < horizon < longest), longest]
    return [_ahead(judge, horizon, values, spacing, whole=horizon == steps[-1]) for horizon in steps]


def _ahead(judge: Problem, horizon: float, values: np.ndarray, spacing: float, *, whole: bool) -> Ahead:
    pieces = cut(judge.cut.stretches, judge.robot, horizon, 0.0, every=1, apart=_APART)
    problem = Problem(judge.robot, judge.names, pieces, engine=judge.engine, threads=judge.threads, fixed=judge.fixed)
    labels, places = problem.labels, judge.robot.num_joints if judge.robot.kind == "arm" else 3
    chosen = labels.channel < places
    if not whole:
        chosen &= labels.lead > horizon - spacing + 0.5 * judge.cut.period  # the last one measured by then
    residual = (problem.predict(values) - problem.measured)[:, chosen]
    problem.close()
    return Ahead(horizon, np.sqrt((residual**2).mean(axis=1)), whole)
