"""Runner and guard watch each other through a page of shared memory, without locks, calls or messages in the loop.

The page lies in the machine's memory file system under a name that only runner and guard of one robot in one ROS domain
have, so that a second runner finds the first and refuses. Times are of CLOCK_MONOTONIC, one clock for all processes.

What the runner says (state, command, its rates of change) goes alternately into two slots, each with a check sum: a
reader takes the newest whole one, also where the writer was killed in the middle of a word, and whatever order the
processor writes in. The words of the guard are single aligned ones. Who is there is told by locks on two bytes of the
file (open file description locks, fcntl(2)): the kernel takes them back when a process ends, however it ends, and no
process id can be mistaken for another.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import re
import stat
import struct
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sim2real.errors import BadInputError, DeploymentError

DISARMED, ARMED, MOVING = "disarmed", "armed", "moving"
TIMEOUT = 0.1  # [s] without a beat after which the other one counts as dead
_STATES = (DISARMED, ARMED, MOVING)
_CODES = {state: code for code, state in enumerate(_STATES)}
_MAGIC = int.from_bytes(b"S2RBEAT1", "little")
_HEADER = 128
# words of 8 bytes in the header
_M, _CHANNELS, _GENERATION, _TAKEN, _BUSY, _RUNNER_PID, _GUARD_PID, _GUARD_BEAT, _PERIOD, _REACH = range(10)
_SLOT_HEAD = struct.Struct("<QQdQ")  # sequence, generation, time of the beat, state
_CHECK = struct.Struct("<Q")
_FLOCK = struct.Struct("hhqqi")  # struct flock of a 64 bit Linux
_RUNNER, _GUARD, _LAYOUT = range(3)  # bytes of the file that are locked
_NAMES = {_RUNNER: "runner", _GUARD: "guard"}


@dataclass(frozen=True)
class Snapshot:
    """What the runner said last.

    Attributes:
        generation: Which runner it was: each start counts one on.
        beat: Time of the beat in [s].
        state: "disarmed", "armed" (it may send) or "moving" (it has sent commands since it was armed).
        command: Last command sent: joint positions [rad], or thrust [N] and body rates [rad/s], shape (C,).
        velocity, acceleration: Its first and second differences per ``period``, in units per second, shape (C,).
        period: Time between two commands in [s].
    """

    generation: int
    beat: float
    state: str
    command: np.ndarray
    velocity: np.ndarray
    acceleration: np.ndarray
    period: float


def robot_key(robot: str, domain_id: int, namespace: str = "/") -> str:
    """The name that runner and guard of one robot in one ROS domain (and namespace) share."""
    parts = [robot, str(domain_id), *namespace.strip("/").split("/")]
    return "-".join(re.sub(r"[^A-Za-z0-9_.]", "_", part) for part in parts if part)


def default_folder() -> Path:
    """Where the pages lie: /dev/shm, the same for every session and service of the machine."""
    shared = Path("/dev/shm")
    return shared if os.access(shared, os.W_OK) else Path(tempfile.gettempdir())


class Heartbeat:
    """One robot's page, opened in one of two roles: ``create`` for the runner, ``attach`` for the guard.

    Whoever comes first makes the page; it stays when both are gone and is used again. A page that a dead process left
    is taken over, with nothing of its old content believed.
    """

    def __init__(self, key: str, channels: int, role: int, folder: Path | None):
        if channels < 1:
            raise BadInputError(f"heartbeat: expected one channel or more, got {channels}")
        self.path = (folder or default_folder()) / f"sim2real-{key}.beat"
        self._role, self._channels = role, channels
        self._numbers = 3 * 8 * channels
        self._slot_size = _SLOT_HEAD.size + self._numbers + _CHECK.size
        self._file = -1
        self._memory: mmap.mmap | None = None
        try:
            self._open()
        except OSError as error:
            self._give_back()
            raise DeploymentError(f"cannot use the shared memory {self.path}: {error.strerror or error}; run runner "
                                  "and guard as one user, or remove the file") from error
        except DeploymentError:
            self._give_back()
            raise
        self._generation = self._words[_GENERATION]
        self._sequence = 0
        self._asked = np.inf  # the first question is judged at once
        self._still = np.zeros(channels).tobytes()

    # ------------------------------------------------------------------ the runner's side
    @classmethod
    def create(cls, key: str, channels: int, *, period: float, folder: Path | None = None) -> Heartbeat:
        """The page, as the runner of commands of ``channels`` numbers every ``period`` [s].

        Raises:
            DeploymentError: Another runner lives, or the guard is still at work for the last one.
        """
        beat = cls(key, channels, _RUNNER, folder)
        words, guard = beat._words, beat._held(_GUARD)
        if guard and words[_BUSY]:
            beat.close()
            raise DeploymentError(f"the guard of {key} is still bringing the robot to rest after the last runner; wait "
                                  "until it stands and start again")
        words[_GENERATION] = beat._generation = words[_GENERATION] + 1  # from here on the old slots mean nothing
        beat._times[_PERIOD] = period
        return beat

    def runner_beat(self, now: float, state: str, command: np.ndarray, velocity: np.ndarray,
                    acceleration: np.ndarray | None = None) -> None:
        """Say that the runner lives at ``now`` [s] and what it is about to send, each of C numbers."""
        body = b"".join((
            _SLOT_HEAD.pack(self._sequence, self._generation, now, _CODES[state]),
            np.asarray(command, float).tobytes(), np.asarray(velocity, float).tobytes(),
            self._still if acceleration is None else np.asarray(acceleration, float).tobytes()))
        if len(body) != _SLOT_HEAD.size + self._numbers:
            raise BadInputError(f"heartbeat: expected command, velocity and acceleration of {self._channels} numbers "
                                f"each, got {np.size(command)}, {np.size(velocity)} and {np.size(acceleration)}")
        begin = _HEADER + (self._sequence & 1) * self._slot_size
        self._memory[begin:begin + self._slot_size] = body + _CHECK.pack(zlib.crc32(body) + 1)  # never 0, as empty is
        self._sequence += 1

    def guard_alive(self, now: float, timeout: float = TIMEOUT) -> bool:
        """Whether the guard has beaten within ``timeout`` [s] of ``now``.

        A caller that was itself away for half of that judges only at its next call: where the whole machine stood
        still, the guard has not had its turn yet. So ask at least every half ``timeout``.
        """
        away, self._asked = now - self._asked > 0.5 * timeout, now
        return abs(now - self._times[_GUARD_BEAT]) <= timeout or (away and self._held(_GUARD))

    def guard_exists(self) -> bool:
        """Whether the guard's process is there, hung or not."""
        return self._held(_GUARD)

    @property
    def guard_reach(self) -> int:
        """How many would hear the guard's commands."""
        return self._words[_REACH]

    @property
    def taken_over(self) -> bool:
        """Whether the guard has taken this runner's place, which is for ever: it must not send any more."""
        return self._words[_TAKEN] == self._generation

    # ------------------------------------------------------------------ the guard's side
    @classmethod
    def attach(cls, key: str, channels: int, *, folder: Path | None = None) -> Heartbeat:
        """The page, as the guard; the runner need not be there yet.

        Raises:
            DeploymentError: Another guard lives.
        """
        beat = cls(key, channels, _GUARD, folder)
        beat._words[_BUSY] = 0
        return beat

    def guard_beat(self, now: float, reach: int = 0) -> None:
        """Say that the guard lives at ``now`` [s], and how many would hear its commands."""
        self._words[_REACH] = reach
        self._times[_GUARD_BEAT] = now

    @property
    def generation(self) -> int:
        """Which runner is or was the last: each start counts one on; 0 before any."""
        return self._words[_GENERATION]

    def runner_exists(self) -> bool:
        """Whether the runner's process is there, hung or not."""
        return self._held(_RUNNER)

    def read(self) -> Snapshot | None:
        """What the present runner said last; None before its first beat."""
        generation = self.generation
        best: tuple[int, bytes] | None = None
        for k in range(2):
            begin = _HEADER + k * self._slot_size
            slot = self._memory[begin:begin + self._slot_size]
            body, (check,) = slot[:-_CHECK.size], _CHECK.unpack(slot[-_CHECK.size:])
            sequence, of, _, _ = _SLOT_HEAD.unpack_from(body)
            if zlib.crc32(body) + 1 == check and of == generation and (best is None or sequence > best[0]):
                best = sequence, body
        if best is None:
            return None
        _, _, time, code = _SLOT_HEAD.unpack_from(best[1])
        numbers = np.frombuffer(best[1], float, offset=_SLOT_HEAD.size).reshape(3, self._channels)
        return Snapshot(generation, time, _STATES[code], *numbers, self._times[_PERIOD])

    def take_over(self, generation: int) -> None:
        """Put the guard in the place of the runner of ``generation``; call it before the first command of one's own."""
        self._words[_BUSY] = 1
        self._words[_TAKEN] = generation

    def release(self) -> None:
        """The robot is at rest: the next runner may start. The one that was replaced stays so."""
        self._words[_BUSY] = 0

    def close(self) -> None:
        """Leave; the page stays for the next one. A runner disarms before. Closing twice is fine."""
        self._give_back()

    def __enter__(self) -> Heartbeat:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # ------------------------------------------------------------------ the file
    def _open(self) -> None:
        # O_NOFOLLOW: the folder may be everybody's
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        if not stat.S_ISREG(os.fstat(self._file).st_mode):
            raise DeploymentError(f"the shared memory {self.path} is not a file; remove what is there")
        if not self._lock(fcntl.F_OFD_SETLK, self._role):
            raise DeploymentError(self._occupied())
        self._lock(fcntl.F_OFD_SETLKW, _LAYOUT)
        self._lay_out()
        self._lock(fcntl.F_OFD_SETLK, _LAYOUT, fcntl.F_UNLCK)
        self._words[_RUNNER_PID if self._role == _RUNNER else _GUARD_PID] = os.getpid()

    def _lay_out(self) -> None:
        """Map the page, after making it where there is none that fits."""
        size = _HEADER + 2 * self._slot_size
        start = struct.pack("<QQ", _MAGIC, self._channels)
        if os.fstat(self._file).st_size != size or os.pread(self._file, len(start), 0) != start:
            if self._held(_GUARD if self._role == _RUNNER else _RUNNER):
                raise DeploymentError(f"the shared memory {self.path} is not of {self._channels} channels: guard and "
                                      "runner have different descriptions of the robot; start both with the same one")
            os.ftruncate(self._file, 0)
            os.ftruncate(self._file, size)
            os.pwrite(self._file, start, 0)
        self._memory = mmap.mmap(self._file, size)
        self._view = memoryview(self._memory)[:_HEADER]
        self._words, self._times = self._view.cast("Q"), self._view.cast("d")

    def _occupied(self) -> str:
        """Why the role is not to be had."""
        other = os.pread(self._file, 8, 8 * (_RUNNER_PID if self._role == _RUNNER else _GUARD_PID))
        process = int.from_bytes(other, "little")
        return (f"another {_NAMES[self._role]} (process {process}) has this robot in this ROS domain "
                f"({self.path.name}); stop it first, or use another domain")

    def _lock(self, command: int, byte: int, kind: int = fcntl.F_WRLCK) -> bool:
        """Lock or unlock one byte; False where another process has it."""
        try:
            fcntl.fcntl(self._file, command, _FLOCK.pack(kind, os.SEEK_SET, byte, 1, 0))
        except (BlockingIOError, PermissionError):
            return False
        return True

    def _held(self, byte: int) -> bool:
        """Whether somebody else holds a byte."""
        question = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, byte, 1, 0)
        answer = fcntl.fcntl(self._file, fcntl.F_OFD_GETLK, question)
        return _FLOCK.unpack(answer)[0] != fcntl.F_UNLCK

    def _give_back(self) -> None:
        if self._memory is not None:
            for view in (self._words, self._times, self._view):
                view.release()
            self._memory.close()
            self._memory = None
        if self._file >= 0:
            os.close(self._file)  # and with it the locks
            self._file = -1
