"""What happens to a command on its way to the servo, the same for every engine: loss, backlash, dead time."""

from __future__ import annotations

import numpy as np

from sim2real import rng
from sim2real.parameters import ParameterSpace


class CommandEffects:
    """Between the policy's command and the servo: loss (hold the last), backlash (play operator), dead time.

    Attributes:
        held: The last command that arrived, shape (n, C).
    """

    def __init__(self, space: ParameterSpace, num_sims: int, size: int, seed: int):
        self._seed = seed
        self._drop, self._delay = space.column("command_drop_probability"), space.column("actuator_delay")
        self._jitter = space.column("control_jitter")
        self._play = space.column("backlash") if "backlash" in space else None
        self.held = np.zeros((num_sims, size))
        self._behind = np.zeros((num_sims, size))  # set point on the far side of the play
        self.identify(np.arange(num_sims))

    def identify(self, identities: np.ndarray) -> None:
        """Key the random streams by ``identities`` (num_sims,) instead of by index."""
        self._draw = rng.Ahead(rng.Stream(self._seed, identities, "command", 2).uniform)  # loss, jitter

    def reset(self, ids: np.ndarray, command: np.ndarray) -> None:
        """Restart ``ids`` as if ``command`` (len(ids), C) had always been given."""
        self.held[ids] = command
        self._behind[ids] = command

    def apply(self, command: np.ndarray, values: np.ndarray, counter: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Effective set points (n, C) and their dead time in [s], (n,)."""
        probability, jitter = values[:, self._drop], values[:, self._jitter]
        lossy, jittery = probability.any(), jitter.any()
        draws = self._draw(counter) if lossy or jittery else None
        if lossy:
            lost = draws[:, 0] < probability
            command = np.where(lost[:, None], self.held, command)
        self.held[:] = command
        if self._play is not None and values[:, self._play].any():
            half = 0.5 * values[:, self._play, None]
            # play operator: the far side moves only when the near side pushes it
            command = np.minimum(np.maximum(self._behind, command - half), command + half)
        self._behind[:] = command
        delay = values[:, self._delay]
        if jittery:
            delay = delay + jitter * draws[:, 1]
        return command, delay
