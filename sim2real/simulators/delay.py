"""Dead time between a command and its effect, the same for every engine."""

from __future__ import annotations

import numpy as np

from sim2real import bspline


class DelayLine:
    """Commands of the last control periods; tells which are in force during the next one.

    A command acts at the first integration step at or after its dead time (zero-order hold). With the dead time
    ``m`` whole periods and ``switch`` steps, a period starts under command ``k - m - 1`` and goes over to ``k - m``
    at step ``switch``.

    Args:
        num_sims, size: Simulations and columns of a command.
        num_substeps, substep: Integration steps in a control period, and their length in [s].
        longest: Largest dead time in [s] that will ever be asked for.

    Attributes:
        steady: Whether at the last ``push`` no dead time had changed and nothing had restarted since the one before:
            then ``switch`` is the same, and ``before`` is what ``after`` was.
    """

    def __init__(self, num_sims: int, size: int, num_substeps: int, substep: float, longest: float):
        self._num_substeps, self._substep = num_substeps, substep
        self._most = int(np.ceil(longest / substep)) + 1
        self._ring = np.zeros((self._most // num_substeps + 5, num_sims, size))  # a spline's piece has four points
        self._delay = np.full(num_sims, np.nan)  # of the last push, and what follows from it
        self._rows, self._switch = np.zeros((0, 2, num_sims), int), np.zeros(num_sims, int)
        self._head = 0
        self._restarted, self.steady = True, False

    def reset(self, ids: np.ndarray, command: np.ndarray) -> None:
        """Restart ``ids`` as if ``command`` (len(ids), size) had always been given."""
        self._ring[:, ids] = command
        self._restarted = True

    def push(self, command: np.ndarray, delay: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Take in the command of this period, (n, size), with its dead time in [s], (n,).

        Returns:
            ``before`` (n, size), ``after`` (n, size) and ``switch`` (n,): ``before`` is in force during steps
            0 .. switch - 1 of this period, ``after`` from step ``switch`` on.
        """
        depth, n, size = self._ring.shape
        self._take(command)
        same = (delay == self._delay).all()
        self.steady = same and not self._restarted
        self._restarted = False
        if not same:
            # 1e-6 of a step: a dead time of n steps written in floating point is n steps, not n + 1
            steps = np.minimum(np.ceil(delay / self._substep - 1e-6).astype(int), self._most)
            periods, self._switch = np.divmod(steps, self._num_substeps)
            self._delay = delay.copy()
            # rows of the ring for before and after, (2, n), for every place that its head may be at
            slot = np.arange(depth)[:, None, None] + np.array([[1], [0]]) + periods
            self._rows = slot % depth * n + np.arange(n)
        before, after = self._ring.reshape(depth * n, size).take(self._rows[self._head], axis=0)
        return before, after, self._switch

    def push_streamed(self, command: np.ndarray, delay: np.ndarray, parts: int) -> np.ndarray:
        """Take in a set point, as ``push`` does, of commands that come as a ``CommandStream`` sends them.

        Returns:
            What is in force in the middle of each of ``parts`` equal parts of the period, shape (parts, n, size).
        """
        depth, n, _ = self._ring.shape
        self._take(command)
        self._restarted = True  # nobody followed what ``push`` would have said
        periods = np.minimum(delay / self._substep, self._most) / self._num_substeps
        time = (np.arange(parts)[:, None] + 0.5) / parts - periods
        whole = np.floor(time)
        rows = (self._head - whole.astype(int)[..., None] + np.arange(3, -1, -1)) % depth  # (parts, n, 4) of the ring
        return np.einsum("pnk,pnkc->pnc", bspline.weights(time - whole), self._ring[rows, np.arange(n)[:, None]])

    def _take(self, command: np.ndarray) -> None:
        self._head = (self._head - 1) % len(self._ring)
        self._ring[self._head] = command
