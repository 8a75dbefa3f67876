"""Only logs that are fit are learned from: a flaw would make what is identified wrong without a word."""

from __future__ import annotations

from collections.abc import Sequence

from sim2real.errors import BadInputError
from sim2real.recordings.flaws import find_duplicates, find_flaws
from sim2real.recordings.recording import Recording


def require_fit(recordings: Sequence[Recording]) -> None:
    """Nothing, where all recordings can be learned from.

    Raises:
        BadInputError: One has a fatal flaw, or is a copy of another: left out, it would not be unseen.
    """
    for recording in recordings:
        fatal = [flaw for flaw in find_flaws(recording) if flaw.fatal]
        if fatal:
            raise BadInputError(f"{recording.name}: unfit to be learned from: {fatal[0]}; leave it out")
    for copy, first in find_duplicates(recordings).items():
        raise BadInputError(f"{recordings[copy].name}: a copy of {recordings[first].name}; leave it out")
