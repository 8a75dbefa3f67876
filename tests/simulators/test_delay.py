import numpy as np
import pytest

from sim2real.deployment.stream import CommandStream
from sim2real.simulators.delay import DelayLine


def in_force(line: DelayLine, stream: np.ndarray, delay: float, num_substeps: int) -> np.ndarray:
    """The command in force at every integration step, for a stream of one number per period."""
    out = []
    for command in stream:
        before, after, switch = line.push(np.full((1, 1), command), np.array([delay]))
        out += [before[0, 0] if k < switch[0] else after[0, 0] for k in range(num_substeps)]
    return np.array(out)


@pytest.mark.parametrize("steps", [0, 1, 3, 4, 5, 8, 11])
def test_a_delay_of_n_steps_shifts_by_n_steps(steps):
    stream = np.arange(1.0, 9.0)
    line = DelayLine(1, 1, 4, 0.01, 0.12)
    line.reset(np.array([0]), np.zeros((1, 1)))
    got = in_force(line, stream, 0.01 * steps, 4)
    plain = np.repeat(stream, 4)
    np.testing.assert_array_equal(got, np.concatenate([np.zeros(steps), plain[:len(plain) - steps]]))


def test_a_part_of_a_step_counts_as_a_whole_one():
    stream = np.arange(1.0, 5.0)
    results = []
    for delay in (0.0101, 0.015, 0.02, 0.020000000001):
        line = DelayLine(1, 1, 4, 0.01, 0.12)
        results.append(in_force(line, stream, delay, 4))
    for other in results[1:]:
        np.testing.assert_array_equal(results[0], other)


def test_reset_fills_the_past_of_its_simulations_only():
    line = DelayLine(2, 1, 2, 0.01, 0.08)
    for k in range(5):
        line.push(np.full((2, 1), float(k)), np.full(2, 0.04))
    line.reset(np.array([1]), np.full((1, 1), -7.0))
    before, after, switch = line.push(np.full((2, 1), 5.0), np.full(2, 0.04))
    assert after[:, 0].tolist() == [3.0, -7.0]
    assert before[:, 0].tolist() == [2.0, -7.0]
    assert switch.tolist() == [0, 0]


def test_the_longest_delay_still_reads_what_was_given():
    line = DelayLine(1, 1, 10, 0.002, 0.18)
    got = in_force(line, np.arange(1.0, 15.0), 0.18, 10)
    assert got[-1] == 5.0  # 9 periods before the 14th
    assert got[89] == 0.0
    assert got[90] == 1.0


def test_steady_says_that_nothing_but_the_command_changed():
    line = DelayLine(2, 1, 4, 0.01, 0.12)
    line.reset(np.arange(2), np.zeros((2, 1)))
    seen, last = [], None
    for k, delay in enumerate((0.05, 0.05, 0.05, 0.06, 0.06, 0.06)):
        if k == 5:
            line.reset(np.array([1]), np.zeros((1, 1)))
        before, after, switch = line.push(np.full((2, 1), float(k)), np.array([0.02, delay]))
        seen.append(line.steady)
        if line.steady:
            np.testing.assert_array_equal(before, last[0])
            np.testing.assert_array_equal(switch, last[1])
        last = after, switch
    assert seen == [False, True, True, False, True, False]


@pytest.mark.parametrize("late", [0, 1, 4, 7])
def test_streamed_commands_are_those_of_a_deployed_stream(late):
    """Twice as many ticks as parts: every other tick is in the middle of one; dead times of whole parts shift them."""
    parts, points = 4, np.random.default_rng(0).normal(size=(12, 2, 3))
    stream = CommandStream(0.04, 2 * parts / 0.04)
    line = DelayLine(2, 3, 8, 0.005, 0.12)
    line.reset(np.arange(2), np.ones((2, 3)))
    stream.reset(np.ones(6))
    sent, got = [np.ones(6)] * late, []
    for point in points:
        stream.push(point.ravel())
        sent += [stream.tick() for _ in range(2 * parts)][::2]
        got += list(line.push_streamed(point, np.full(2, 0.01 * late), parts))
    np.testing.assert_allclose(np.reshape(got, (-1, 6)), sent[:len(got)], atol=1e-12)


def test_each_simulation_has_its_own_dead_time_in_a_stream():
    line = DelayLine(2, 1, 4, 0.01, 0.12)
    line.reset(np.arange(2), np.zeros((2, 1)))
    out = np.concatenate([line.push_streamed(np.full((2, 1), float(k)), np.array([0.0, 0.08]), 4) for k in range(9)])
    np.testing.assert_allclose(out[8:, 1], out[:-8, 0], atol=1e-12)
    assert (np.diff(out[16:, 0], axis=0) > 0.2).all()  # a ramp stays one
