"""Streams of different pace as rows: commands hold, states keep their own times, nothing is made up."""

import numpy as np
import pytest

from sim2real.errors import BadInputError
from sim2real.recordings.streams import Stream, join


def test_a_slow_state_is_put_to_the_nearest_command_by_its_velocity():
    given = Stream(np.array([0.0, 0.1, 0.2, 0.3, 0.4]), {"command.a": np.arange(5.0)}, {})
    measured = Stream(np.array([0.0, 0.21, 0.38]), {"position.a": np.array([1.0, 2.0, 3.0]),
                                                   "velocity.a": np.array([0.0, 10.0, -5.0])},
                      {"position.a": "velocity.a"})
    time, channels = join("log", given, [measured])
    assert time == pytest.approx([0.0, 0.1, 0.2, 0.3])  # only where both are
    assert channels["command.a"].tolist() == [0.0, 1.0, 2.0, 3.0]
    assert channels["position.a"][[0, 2]] == pytest.approx([1.0, 2.0 - 0.01 * 10.0])
    assert np.isnan(channels["position.a"][[1]]).all()


def test_a_slow_command_holds_until_the_next():
    given = Stream(np.array([0.0, 0.25]), {"command.a": np.array([5.0, 6.0])}, {})
    measured = Stream(np.arange(0.0, 0.5, 0.1), {"position.a": np.arange(5.0)}, {})
    _, channels = join("log", given, [measured])
    assert channels["command.a"].tolist() == [5.0, 5.0, 5.0] and channels["position.a"].tolist() == [0.0, 1.0, 2.0]


def test_nothing_in_common():
    stream, empty = Stream(np.array([0.0, 1.0]), {}, {}), Stream(np.zeros(0), {}, {})
    with pytest.raises(BadInputError, match="log: it has no commands"):
        join("log", empty, [stream])
    with pytest.raises(BadInputError, match="log: it has no states"):
        join("log", stream, [empty])
    with pytest.raises(BadInputError, match="no time in common"):
        join("log", stream, [Stream(np.array([5.0, 6.0]), {}, {})])
