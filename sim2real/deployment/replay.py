"""A run written down so exactly that it can be done again: the same inputs, through the same bundle, the same commands.

A ``Transcript`` turns every call that can change a command into a row of a log, with what the call was given and what
it gave, numbered one by one. ``replay`` makes the same calls of a new drive (the pilot and the stream to the driver's
rate) and compares what comes out with what was recorded, bit for bit. The rows hold all that a command depends on
besides the bundle, so whatever else a drive comes to look at belongs here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from sim2real.deployment.runner import Decision
from sim2real.errors import BadInputError, Sim2RealError
from sim2real.types import RobotState

Row = tuple[str, dict[str, Any]]  # topic and content, for ``Recorder.put``

NEW = "new"  # the call that makes a drive
CALLS = frozenset({NEW, "start", "stop", "step", "tick", "set_speed", "rebase"})  # what a log may name, and no other
_RESULTS = ("set_point", "command")  # names of what a step and a tick give
_UNFIT = (Sim2RealError, TypeError, ValueError, IndexError, OverflowError)  # of arguments that no drive was given
_STATE = tuple(field.name for field in fields(RobotState))
_NUMBERS = {"Infinity": np.inf, "-Infinity": -np.inf, None: np.nan}  # what JSON has no numbers for


class Transcript:
    """Rows of one activation of one robot, to be asked for in the order of the calls that they tell of.

    Each method is named after what has just been done, and returns rows for ``Recorder.put``; they share the arrays of
    its arguments, so they are to be put before those change.
    """

    def __init__(self) -> None:
        self._count = 0

    def made(self, rate: float) -> list[Row]:
        """``Drive(bundle, rate)``: a new pilot and a new stream at ``rate`` commands per second; before all else."""
        return [self.called(NEW, rate=float(rate))]

    def started(self, state: RobotState, goal: np.ndarray, now: float) -> list[Row]:
        """``drive.start(state, goal, now)``."""
        return [self.called("start", topic="/goal", state=state, goal=np.asarray(goal, float), now=float(now))]

    def slowed(self, speed: float) -> list[Row]:
        """``drive.set_speed(speed)``."""
        return [self.called("set_speed", speed=float(speed))]

    def stopped(self, state: RobotState, cause: str) -> list[Row]:
        """``drive.stop(state, cause)``."""
        return [self.called("stop", state=state, cause=str(cause))]

    def rebased(self, offset: np.ndarray) -> list[Row]:
        """``drive.rebase(offset)``."""
        return [self.called("rebase", offset=offset)]

    def stepped(self, state: RobotState, now: float, decision: Decision, latency: Mapping[str, float] | None = None,
                error: float = float("nan"), **inputs: Any) -> list[Row]:
        """``decision = drive.step(state, now, **inputs)``.

        Args:
            state, now: As given to the drive.
            decision: What it returned.
            latency: Duration of each part of the step in [s], by name.
            error: Distance from the goal in [m], for people.
            inputs: What else the drive was given: numbers, words, arrays of one dimension.
        """
        number = self._count
        rows = [self.called("step", topic="/state", state=state, now=float(now), set_point=decision.command[0],
                            **inputs),
                ("/decision", {"n": number, "mode": str(decision.mode[0]), "cause": str(decision.cause[0]),
                               "age": float(decision.age[0]), "clipped": bool(decision.clipped[0]),
                               "saturated": bool(decision.saturated[0]), "error": float(error)})]
        if latency:
            rows.append(("/latency", {"n": number, **{f"{name}_us": 1e6 * t for name, t in latency.items()}}))
        return rows

    def ticked(self, command: np.ndarray) -> list[Row]:
        """``command = drive.tick()``, as it was published, shape (C,)."""
        return [self.called("tick", topic="/command", command=command)]

    def called(self, call: str, *, topic: str = "/call", state: RobotState | None = None, **values: Any) -> Row:
        """``drive.<call>(state=state, **values)``, where a value ``set_point`` or ``command`` is what it gave.

        Raises:
            BadInputError: Not one of ``CALLS``: a replay would refuse it.
        """
        if call not in CALLS:
            raise BadInputError(f"the call {call!r} cannot be replayed; expected one of {', '.join(sorted(CALLS))}")
        row: dict[str, Any] = {"n": self._count, "call": call, **values}
        if state is not None:
            row["time"] = float(state.time[0])
            for name in _STATE[1:]:
                row[name] = getattr(state, name)[0]
        self._count += 1
        return topic, row


@dataclass(frozen=True)
class Difference:
    """The first numbers that came out differently.

    Attributes:
        n: Number of the call in its activation.
        what: "set_point" (of a step) or "command" (of a tick).
        time: Of the step, since the first compared one, in [s].
        channel: Index of the first number that differs.
        recorded, replayed: That number.
    """

    n: int
    what: str
    time: float
    channel: int
    recorded: float
    replayed: float


@dataclass
class Comparison:
    """What a replay found.

    Attributes:
        steps: Compared set points, one for each step of the policy's control period.
        commands: Compared commands, at the driver's rate.
        different: How many of both differ in any bit.
        skipped: Steps and commands that could not be compared, as rows before them are missing from the log.
        largest: Largest absolute difference of a number.
        first: The first difference, if there is one.
    """

    steps: int = 0
    commands: int = 0
    different: int = 0
    skipped: int = 0
    largest: float = 0.0
    first: Difference | None = None

    @property
    def compared(self) -> int:
        return self.steps + self.commands

    @property
    def equal(self) -> int:
        return self.compared - self.different


def replay(rows: Iterable[Row], make_drive: Callable[..., Any],
           seen: Callable[[str, int, np.ndarray, np.ndarray], object] = lambda what, n, recorded, replayed: None
           ) -> Comparison:
    """Make the calls that ``rows`` tell of, in their order, of a new drive, and compare what comes out.

    Where a row is missing, nothing after it can be compared, up to the next activation, which has a new drive.

    Args:
        rows: Of a log, in its order.
        make_drive: Gives a drive, as ``ros.drive.Drive``, for the ``rate`` of each activation.
        seen: Called with (what, n, recorded, replayed) of each comparison.

    Raises:
        BadInputError: Rows that no ``Transcript`` wrote, or that this drive does not take.
    """
    replaying = _Replay(make_drive, seen)
    for _, row in rows:
        if "call" in row:
            replaying.call(dict(row))
    return replaying.found


class _Replay:
    def __init__(self, make_drive: Callable[..., Any], seen: Callable[[str, int, np.ndarray, np.ndarray], object]):
        self._make_drive, self._seen = make_drive, seen
        self._drive: Any = None  # None: rows are missing, and what a drive would know is not what the recorded one knew
        self._next = 0
        self._now = self._begun = np.nan
        self.found = Comparison()

    def call(self, row: dict[str, Any]) -> None:
        call, number = row.pop("call"), _whole(row.pop("n", None))
        recorded = {what: row.pop(what) for what in _RESULTS if what in row}
        if not isinstance(call, str) or call not in CALLS:
            raise BadInputError(f"row {number} of the log tells of an unknown call {str(call)[:60]!r}; it was written "
                                "by another version of sim2real")
        if number != (0 if call == NEW else self._next):
            self._drive = None
        self._next = number + 1
        if self._drive is None and call != NEW:
            self.found.skipped += len(recorded)
            return
        try:
            arguments = _arguments(row)
            self._now = float(arguments.get("now", self._now))
            if call == NEW:
                self._drive = self._make_drive(**arguments)
                return
            given = getattr(self._drive, call)(**arguments)
            for what, value in recorded.items():
                numbers = given.command[0] if isinstance(given, Decision) else given
                self._compare(number, what, _decode(value), np.ascontiguousarray(numbers, float))
        except _UNFIT as error:
            raise BadInputError(f"row {number} of the log: this bundle does not take the recorded {call}: "
                                f"{error}") from error

    def _compare(self, number: int, what: str, recorded: np.ndarray, replayed: np.ndarray) -> None:
        if np.shape(recorded) != replayed.shape:
            raise BadInputError(f"expected {what} of shape {replayed.shape}, got {np.shape(recorded)}")
        found = self.found
        found.steps += what == "set_point"
        found.commands += what == "command"
        self._begun = self._now if np.isnan(self._begun) else self._begun
        self._seen(what, number, recorded, replayed)
        differs = recorded.view(np.int64) != replayed.view(np.int64)  # bits: 0.0 is not -0.0
        if not differs.any():
            return
        found.different += 1
        found.largest = max(found.largest, float(np.abs(recorded - replayed).max()))
        if found.first is None:
            i = int(np.argmax(differs))
            found.first = Difference(number, what, self._now - self._begun, i, float(recorded[i]), float(replayed[i]))


def _arguments(row: dict[str, Any]) -> dict[str, Any]:
    """A call's arguments, the state put together again."""
    arguments = {name: _decode(value) for name, value in row.items() if name not in _STATE}
    if "joint_position" in row:
        if "joint_effort" not in row:  # a log from before efforts were looked at
            row = {**row, "joint_effort": [None] * len(row["joint_position"])}
        parts = [np.atleast_1d(np.asarray(_decode(row.get(name)), float))[None] for name in _STATE]
        arguments["state"] = RobotState(parts[0][0], *parts[1:])
    return arguments


def _decode(value: Any) -> Any:
    """What was recorded, from what JSON made of it."""
    if isinstance(value, list):
        try:
            return np.array([_NUMBERS.get(item, item) for item in value], float)
        except (TypeError, ValueError, OverflowError) as error:
            raise BadInputError(f"the log holds {str(value)[:60]!r} where numbers were expected") from error
    if isinstance(value, dict):
        raise BadInputError(f"the log holds {str(value)[:60]!r} where a number or a word was expected")
    return _NUMBERS.get(value, value)


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise BadInputError(f"the log holds {str(value)[:60]!r} where the number of a call was expected")
    return value
