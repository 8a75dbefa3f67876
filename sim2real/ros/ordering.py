"""Which of a driver's messages are newer than what is known already: on their way they may overtake each other.

Ages are told by receptions alone, whatever the stamps say. Stamps only put messages in order, and only as far as they
make sense: a clock that is set, or runs backwards, is believed after a moment.
"""

from __future__ import annotations

_OVERTAKEN = 1.0  # [s]: a message that is older than the newest by more was not overtaken; a clock was set
_PATIENCE = 0.05  # [s] of nothing but old messages, after which it was a clock, too
_PERIODS = 3.0  # of the driver, as many at least


class InOrder:
    """Asked of every message: is it newer than all that were taken?

    Args:
        period: Time between two messages in [s].

    Attributes:
        refused: How many were not: repeated ones, and ones that came after a newer one.
    """

    def __init__(self, period: float) -> None:
        self._patience = max(_PATIENCE, _PERIODS * period)
        self._newest = self._received = self._astray = float("-inf")
        self.refused = 0

    def takes(self, stamp: float, received: float) -> bool:
        """Whether to take the message with ``stamp`` [s] (0: it has none) that came at ``received`` [s]."""
        behind = self._newest - stamp
        if stamp != 0.0 and 0.0 <= behind <= _OVERTAKEN:
            astray = received < self._astray or received - self._received > self._patience
            if behind == 0.0 or not astray:
                self.refused += 1
                return False
            self._astray = received + self._patience  # its clock cannot be followed until it has gone on for so long
        self._newest, self._received = stamp, received
        return True
