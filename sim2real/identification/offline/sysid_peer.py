"""Plain ``mujoco.sysid`` on the same problem: the peer to compare with.

As its manual has it: each recording is one sequence from its start at rest, box-constrained least squares over batched
rollouts, residuals normalised by each signal's size, dead time as a shift of the prediction.
"""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Callable

import numpy as np

from sim2real.errors import BadInputError
from sim2real.identification.offline.problem import Problem
from sim2real.identification.offline.replay import with_step
from sim2real.simulators import make_simulator
from sim2real.simulators.scene import arm_spec

_ITERATIONS = 40


class _TimeIsUp(Exception):
    """Leaves the optimizer, which cannot be asked to stop."""


class _Peer:
    """The residual function of ``mujoco.sysid``, and the best that it has seen."""

    def __init__(self, problem: Problem, deadline: float, progress: Callable[[float, str], None]):
        from mujoco import sysid

        self._problem, self._deadline, self._progress, self._begun = problem, deadline, progress, time.monotonic()
        step = problem.cut.pieces.step
        variant = with_step(problem.robot, step)
        self._simulator, self._spec = make_simulator("mujoco", variant, 1, threads=1), arm_spec(variant)
        self._longest = float(problem.space["actuator_delay"].twin_high)
        self.params = sysid.ParameterDict()
        for name, nominal, low, high in zip(problem.names, problem.nominal, problem.low, problem.high, strict=True):
            self.params.add(sysid.Parameter(name, nominal, low, high))
        self.params.move_off_bounds()
        self.best, self.least = self.params.as_vector(), np.inf
        sequences = [self._sequence(k) for k in range(len(problem.cut.stretches))]
        self._residual = sysid.build_residual_fn(models_sequences=sequences, build_model=self._model,
                                                 modify_residual=self._difference, n_threads=problem.threads or 2)

    def __call__(self, x: np.ndarray, params):
        """What ``sysid.optimize`` calls; x is (K,), or (K, n) for the columns of a Jacobian."""
        if time.monotonic() > self._deadline:
            raise _TimeIsUp
        out = self._residual(x, params)
        if x.ndim == 1 or x.shape[1] == 1:
            size = float(sum((part**2).sum() for part in out[0]))
            if size < self.least:
                self.best, self.least = np.ravel(x).copy(), size
        self._progress(min(0.9, (time.monotonic() - self._begun) / (self._deadline - self._begun)), "mujoco.sysid")
        return out

    def close(self) -> None:
        self._simulator.close()

    def _sequence(self, k: int):
        from mujoco import sysid
        from mujoco.sysid import SignalType, TimeSeries

        stretch, robot, model = self._problem.cut.stretches[k], self._problem.robot, self._simulator.model
        joints = robot.num_joints
        state = stretch.state[:, :joints]  # what is always measured
        known = np.isfinite(state).all(axis=1)
        times = stretch.period * np.arange(len(stretch))
        mapping = {name: (SignalType.MjStateQPos, np.array([i])) for i, name in enumerate(robot.joint_names)}
        start = np.zeros(model.nq)
        start[[model.joint(name).qposadr[0] for name in robot.joint_names]] = state[known][0]
        initial = sysid.create_initial_state(model, start, np.zeros(model.nv), stretch.command[0])
        control = TimeSeries.from_control_names(times, stretch.command, model)
        return sysid.ModelSequences(f"recording_{k}", self._spec, f"recording_{k}", initial, control,
                                    TimeSeries(times[known], state[known], mapping), allow_missing_sensors=True)

    def _model(self, params, spec):
        problem = self._problem
        values = problem.complete(params.as_vector()[None])
        for name in ("actuator_delay", "sensor_delay"):
            values[:, problem.space.column(name)] = 0.0
        self._simulator.set_parameters(None, values)
        return self._simulator.batch.get_model(0)

    def _difference(self, params, predicted, measured, model, return_pred_all, state=None, sensor_weights=None):
        from mujoco import sysid
        from mujoco.sysid import TimeSeries

        values = self._problem.complete(params.as_vector()[None])[0]
        space, robot = self._problem.space, self._problem.robot
        delay = float(values[space.column("actuator_delay")] + values[space.column("sensor_delay")]
                      + 0.5 * self._problem.cut.pieces.cycle)  # as in our own replay
        columns = [1 + model.joint(name).qposadr[0] for name in robot.joint_names]
        simulated = TimeSeries(state[:, 0], state[:, columns], measured.signal_mapping)
        window = sysid.apply_delayed_ts_window(measured, simulated, 0.0, self._longest)
        simulated = sysid.apply_resample_and_delay(simulated, window.times, delay)
        return sysid.normalize_residual(simulated.data - window.data, window.data), simulated, window


def sysid_search(problem: Problem, progress: Callable[[float, str], None], *, seed: int = 0,
                 seconds: float = 180.0) -> np.ndarray:
    """The shares (K,) that ``mujoco.sysid.optimize`` finds from the nominal values within ``seconds`` [s].

    Raises:
        BadInputError: The problem is not one of an arm.
    """
    from mujoco import sysid

    if problem.robot.kind != "arm":
        raise BadInputError("method 'sysid' is for arms; use gauss-newton or cma")
    peer = _Peer(problem, time.monotonic() + seconds, progress)
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # it prints every iteration and cannot be told not to
            found, _ = sysid.optimize(peer.params, peer, "mujoco", verbose=False, max_iters=_ITERATIONS, x_scale="jac")
        best = found.as_vector()
    except _TimeIsUp:
        best = peer.best
    finally:
        peer.close()
    return np.clip(problem.to_unit(best), 0.0, 1.0)
