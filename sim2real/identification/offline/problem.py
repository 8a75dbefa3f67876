"""What identification compares: recordings of one robot, and what a simulation with other parameters would have said.

    problem, judge, notes = make_problem(recordings, robot, names, held_out=0.2)
    problem.predict(values)      # (n, K) -> (n, N)
    problem.measured, problem.sigma, problem.labels

Recordings are cut into pieces. Each is replayed from its measured start, all pieces under all candidate values at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sim2real.errors import BadInputError
from sim2real.identification.offline.naming import names_of
from sim2real.identification.offline.pieces import Cut, cut
from sim2real.identification.offline.replay import Replay
from sim2real.parameters import ParameterSpace
from sim2real.recordings.alignment import align
from sim2real.recordings.layout import state_channels
from sim2real.recordings.preparation import prepare, split
from sim2real.recordings.recording import Recording
from sim2real.robots import RobotDescription

HORIZON = {"arm": 2.0, "drone": 0.5}  # [s] of a piece: a drone's errors grow without bound
WARM_UP = {"arm": 0.3, "drone": 0.02}  # [s] before it is compared: an arm's servo forgets a wrong start


@dataclass(frozen=True)
class Labels:
    """Which sample each of the N measurements is; every array (N,).

    Attributes:
        recording: Index into ``Problem.recordings``.
        piece: Index of the replayed piece.
        time: In [s] of the recording's time, the middle of what was averaged.
        channel: Index into ``Problem.channels``.
        lead: Time in [s] since the piece's start.
    """

    recording: np.ndarray
    piece: np.ndarray
    time: np.ndarray
    channel: np.ndarray
    lead: np.ndarray


class Problem:
    """Recordings of one robot replayed in simulation with other parameters.

    Args:
        robot: The robot description.
        names: Parameters to identify, K columns of its vocabulary.
        cut: The pieces of the recordings.
        engine: That replays them.
        threads: Of the engine, 0 for all cores.
        fixed: Values by name of parameters that are known; all others are nominal.

    Attributes:
        space: The robot's vocabulary.
        columns: Of the K parameters in ``space``, (K,).
        low, high: Bounds of the K parameters, (K,): the widest range of the vocabulary, that of twins.
        log: Whether the vocabulary spreads each of them by ratios, (K,).
        nominal: Their values in the description, (K,).
        channels: Names of what is compared.
        recordings: Names of the recordings.
        measured: What was measured, (N,), flat over pieces, samples and channels.
        sigma: Standard deviation of its noise, (N,), in the same units.
        labels: Which sample each of the N is.
        num_rollouts: Pieces replayed so far.
    """

    def __init__(self, robot: RobotDescription, names: Sequence[str], cut: Cut, *, engine: str = "mujoco",
                 threads: int = 0, fixed: dict[str, float] | None = None):
        self.robot, self.names, self.engine, self.threads = robot, tuple(names), engine, threads
        self.space = ParameterSpace.for_robot(robot)
        self.fixed = dict(fixed or {})
        self.columns = np.array([self.space.column(name) for name in self.names])
        chosen = [self.space.parameters[column] for column in self.columns]
        self.low, self.high = np.array([p.twin_low for p in chosen]), np.array([p.twin_high for p in chosen])
        self.nominal = np.array([self.fixed.get(p.name, p.nominal) for p in chosen])
        self.log = np.array([p.distribution == "log_uniform" for p in chosen])
        self.cut, self.channels, self.recordings = cut, state_channels(robot), cut.recordings
        self.num_rollouts = 0
        self._replay = Replay(robot, engine, cut.pieces, threads=threads)
        self._measure()

    def predict(self, values: np.ndarray) -> np.ndarray:
        """Measurements that simulations with ``values`` (n, K) in SI predict, (n, N); NaN where one went unstable."""
        values = np.atleast_2d(np.asarray(values, float))
        together = self._replay.together
        self.num_rollouts += len(values) * len(self.cut.pieces)
        return np.concatenate([self._compared(self._replay.run(self.complete(values[k:k + together])))
                               for k in range(0, len(values), together)])

    def complete(self, values: np.ndarray) -> np.ndarray:
        """The whole vocabulary's values (n, P) for ``values`` (n, K)."""
        out = self.space.batch(len(values), self.fixed)
        out[:, self.columns] = values
        return out

    def part(self, pieces: np.ndarray) -> Problem:
        """The same problem on some of the pieces (indices): a cheaper look."""
        cut = self.cut
        fewer = replace(cut, pieces=replace(cut.pieces, command=cut.pieces.command[pieces],
                                            start=cut.pieces.start[pieces]), measured=cut.measured[pieces],
                        recording=cut.recording[pieces], begin=cut.begin[pieces])
        return self.on(fewer)

    def finer(self, factor: int) -> Problem:
        """The same problem in integration steps that are ``factor`` times shorter."""
        pieces = self.cut.pieces
        fine = replace(pieces, command=np.repeat(pieces.command, factor, axis=1), past=factor * pieces.past,
                       step=pieces.step / factor)
        return self.on(replace(self.cut, pieces=fine, per_row=factor * self.cut.per_row))

    def on(self, cut: Cut) -> Problem:
        """The same question to other pieces."""
        other = Problem(self.robot, self.names, cut, engine=self.engine, threads=self.threads, fixed=self.fixed)
        other.low, other.high = self.low, self.high  # a loop widens them
        return other

    def to_unit(self, values: np.ndarray) -> np.ndarray:
        """Values (..., K) as shares of the bounds, 0 at ``low`` and 1 at ``high``; by ratios where ``log``."""
        low, span, known = self._scale()
        values = np.where(self.log, np.log(np.maximum(values, 1e-300)), values)
        return np.where(known, (values - low) / np.where(known, span, 1.0), 0.5)

    def from_unit(self, shares: np.ndarray) -> np.ndarray:
        """Values (..., K) of shares of the bounds."""
        low, span, _ = self._scale()
        out = low + np.asarray(shares, float) * span
        return np.where(self.log, np.exp(np.where(self.log, out, 0.0)), out)

    def close(self) -> None:
        """Free the engines."""
        self._replay.close()

    # ------------------------------------------------------------------ inside
    def _scale(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        low = np.where(self.log, np.log(np.where(self.log, self.low, 1.0)), self.low)
        high = np.where(self.log, np.log(np.where(self.log, self.high, 1.0)), self.high)
        return low, high - low, high > low

    def _measure(self) -> None:
        cut = self.cut
        means = _block_means(cut.measured[:, cut.warm_up + 1:], cut.every)
        self._kept = np.isfinite(means)
        self.measured = means[self._kept]
        piece, block, channel = np.nonzero(self._kept)
        lead = (cut.warm_up + cut.every * (block + 0.5) + 0.5) * cut.period
        self.labels = Labels(cut.recording[piece], piece, cut.begin[piece] + lead, channel, lead)
        # the mean of as many rows has less noise than one
        self.sigma = cut.sigma[channel] / np.sqrt(cut.every)
        if not len(self.measured):
            raise BadInputError("nothing is left to compare: the recordings have no measured values where commands are")

    def _compared(self, states: np.ndarray) -> np.ndarray:
        """Predicted states (n, S, T + 1, D) of every step as measurements (n, N)."""
        rows = states[:, :, ::self.cut.per_row][:, :, self.cut.warm_up + 1:]
        n, count = rows.shape[:2]
        means = _block_means(rows.reshape(n * count, *rows.shape[2:]), self.cut.every)
        return means.reshape(n, count, *means.shape[1:])[:, self._kept]


def _block_means(rows: np.ndarray, every: int) -> np.ndarray:
    """Means of ``every`` rows that follow one another, (S, T, D) -> (S, T // every, D); NaN where one is missing."""
    count = rows.shape[1] // every
    return rows[:, :count * every].reshape(len(rows), count, every, rows.shape[2]).mean(axis=2)


def make_problem(recordings: Iterable[Recording], robot: RobotDescription, names: Sequence[str], *,
                 engine: str | None = None, held_out: float = 0.0, horizon: float | None = None,
                 threads: int = 0, fixed: dict[str, float] | None = None
                 ) -> tuple[Problem, Problem | None, list[str]]:
    """The problem of some recordings, the one of what is held out of them, and what was left out or changed.

    Args:
        recordings: Of one robot.
        robot: Its description.
        names: Parameters or patterns such as ``joint_damping_scale.*``, or "default".
        engine: That replays; default "mujoco" for an arm, "quadrotor" for a drone.
        held_out: Share of each stretch, its end, that is kept for judging; 0 for none.
        horizon: Length of a piece in [s]; default 2 s for an arm, 0.5 s for a drone.
        threads: Of the engine, 0 for all cores.
        fixed: Values by name of what is known of this robot.

    Raises:
        BadInputError: A recording that cannot be used, or a name that cannot be identified.
    """
    if not 0.0 <= held_out < 0.9:
        raise BadInputError(f"expected a held-out share in [0, 0.9), got {held_out:g}")
    stretches, notes, space = [], [], ParameterSpace.for_robot(robot)
    for recording in recordings:
        found, said = prepare(recording, robot)
        longest = space["actuator_delay"].twin_high
        found, moved = zip(*(align(stretch, robot, longest) for stretch in found), strict=True)
        stretches += found
        notes += [*said, *filter(None, moved)]
    if not stretches:
        raise BadInputError("expected at least one recording")
    chosen = names_of(names, robot, space)
    horizon = HORIZON[robot.kind] if horizon is None else horizon
    options = {"engine": engine or ("mujoco" if robot.kind == "arm" else "quadrotor"), "threads": threads,
               "fixed": fixed}
    training, judging = split(stretches, held_out)
    warm_up = WARM_UP[robot.kind]
    problem = Problem(robot, chosen, cut(training, robot, horizon, warm_up), **options)
    judge = Problem(robot, chosen, cut(judging, robot, horizon, warm_up), **options) if judging else None
    return problem, judge, notes
