"""A loop on absolute deadlines of the monotonic clock: late ticks are skipped and counted, never made up in a burst."""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import threading
import time
from collections.abc import Callable

_MCL_CURRENT, _MCL_FUTURE = 1, 2  # <sys/mman.h>


def prefer_this_process() -> bool:
    """Come before ordinary work on a busy machine, where the system permits it; whether it did."""
    with contextlib.suppress(OSError, AttributeError):  # not permitted, or no such thing on this system
        os.setpriority(os.PRIO_PROCESS, 0, -10)
        return True
    return False


def realtime(priority: int) -> str:
    """Let the calling thread come before all ordinary work (SCHED_FIFO) and keep the process in memory.

    The process's other threads follow one step below: what holds the interpreter's lock or receives the states must not
    wait for ordinary work either, or the calling thread waits with it. Its later children are ordinary again.

    Args:
        priority: 1 to 99.

    Returns:
        What the system did not permit and what to do about it, "" where it did.
    """
    refused = []
    try:
        policy = os.SCHED_FIFO | os.SCHED_RESET_ON_FORK
        os.sched_setscheduler(0, policy, os.sched_param(priority))
        for thread in map(int, os.listdir("/proc/self/task")):
            if thread != threading.get_native_id():
                with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
                    os.sched_setscheduler(thread, policy, os.sched_param(max(priority - 1, 1)))
    except (OSError, AttributeError) as error:
        refused.append(f"SCHED_FIFO {priority} is not permitted ({error}): add 'rtprio {priority}' to "
                       "/etc/security/limits.d, or run as root")
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "mlockall") or libc.mlockall(_MCL_CURRENT | _MCL_FUTURE) != 0:
        refused.append(f"memory cannot be locked ({os.strerror(ctypes.get_errno())}): add 'memlock unlimited' there")
    return "; ".join(refused)


class Deadlines:
    """Ticks every ``period`` [s] from now on.

    Attributes:
        period: Time between ticks in [s].
        skipped: Ticks left out because the work before them took too long.
        worst: Largest lateness of a tick in [s].
    """

    def __init__(self, period: float, *, clock: Callable[[], float] = time.monotonic,
                 wait: Callable[[float], object] = time.sleep):
        self.period = period
        self.skipped = 0
        self.worst = 0.0
        self._clock, self._wait = clock, wait
        self._next = clock() + period

    def shift(self, seconds: float) -> None:
        """Let the ticks from the next one on come ``seconds`` later (earlier if negative)."""
        self._next += seconds

    def next(self) -> float:
        """Wait for the next tick and return the time it was due at in [s] (monotonic)."""
        now = self._clock()
        if now > self._next + self.period:  # one or more ticks have gone by altogether
            missed = math.floor((now - self._next) / self.period)
            self.skipped += missed
            self._next += missed * self.period
        while now < self._next:
            self._wait(self._next - now)
            now = self._clock()
        due = self._next
        self.worst = max(self.worst, now - due)
        self._next = due + self.period
        return due
