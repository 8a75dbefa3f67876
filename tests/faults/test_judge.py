"""The rig's judges on streams whose faults are known: a judge that cannot condemn is worth nothing."""

from __future__ import annotations

import numpy as np
import pytest

from sim2real.deployment.limits import CommandLimits, count_violations
from sim2real.deployment.safety import CommandFilter
from sim2real.robots import load_robot
from tests.faults.judge import (
    BROKEN,
    Sample,
    by_publisher,
    first_rest,
    last_motion,
    lost,
    over_bounds,
    over_bounds_by_time,
    unbroken,
)

LIMITS = CommandLimits(*(np.array(values) for values in ([-1.0], [1.0], [2.0], [20.0], [1000.0])))
PERIOD = 0.01


def column(*values):
    return np.array(values, float)[:, None]


def samples(values, numbers=None, begin=0.0, publisher=b"a"):
    numbers = range(1, len(values) + 1) if numbers is None else numbers
    return [Sample(begin + PERIOD * k, number, publisher, np.array([value], float))
            for k, (value, number) in enumerate(zip(values, numbers, strict=True))]


@pytest.mark.parametrize(("rows", "excess"), [
    (column(0.0, 0.0, 0.0, 0.0), 0.0),
    (column(0.0, 1.0, 1.0), 499.0),  # velocity 100 of 2, acceleration 1e4 of 20
    (column(1.1, 1.1), 0.05),  # 0.1 over a range of 2
    (column(0.0, np.nan, 0.0), BROKEN),
    (column(0.0, np.inf), BROKEN),
])
def test_over_bounds_of_positions_worked_by_hand(rows, excess):
    assert over_bounds(rows, LIMITS, PERIOD) == pytest.approx(excess)


def test_over_bounds_of_velocities_starts_an_order_lower():
    assert over_bounds(column(0.0, 0.2, 0.3), LIMITS, PERIOD, "velocity") == pytest.approx(0.0)
    assert over_bounds(column(3.0, 3.0), LIMITS, PERIOD, "velocity") == pytest.approx(0.5)  # 3 of 2
    assert over_bounds(column(0.0, 0.3), LIMITS, PERIOD, "velocity") == pytest.approx(0.5)  # 30 of 20


def test_it_agrees_with_the_count_of_violations_on_filtered_and_on_broken_streams():
    robot = load_robot("ur5e")
    limits, random = CommandLimits.from_robot(robot), np.random.default_rng(0)
    safety = CommandFilter(limits, 1, 0.002)
    safety.reset(None, robot.home[None])
    stream = np.array([safety.step(random.uniform(limits.low, limits.high)[None])[0] for _ in range(500)])
    assert over_bounds(stream, limits, 0.002) == 0.0 == count_violations(stream[:, None], limits, 0.002)
    stream[250:] += 1e-6  # rad, in one period of 2 ms: 125 rad/s^3 of jerk and more
    assert over_bounds(stream, limits, 0.002) > 0.0
    assert count_violations(stream[:, None], limits, 0.002) > 0


def test_lost_messages_are_no_jumps_and_jumps_are_no_lost_messages():
    ramp = [0.01 * k for k in range(10)]
    gap = samples(ramp[:4] + ramp[7:], [1, 2, 3, 4, 8, 9, 10])
    assert [len(part) for part in unbroken(gap)] == [4, 3] and lost(gap) == 3
    assert max(over_bounds(part, LIMITS, PERIOD) for part in unbroken(gap)) == 0.0
    jump = samples(ramp[:4] + ramp[7:])
    assert len(unbroken(jump)) == 1 and lost(jump) == 0
    assert over_bounds(unbroken(jump)[0], LIMITS, PERIOD) > 0.0


def test_two_publishers_are_told_apart():
    first, second = samples([0.0] * 5), samples([0.5] * 3, begin=0.012, publisher=b"b")
    streams = by_publisher(sorted(first + second, key=lambda sample: sample.time))
    assert [[sample.command[0] for sample in stream] for stream in streams] == [[0.0] * 5, [0.5] * 3]


def test_a_guard_may_leave_periods_out_and_not_jump():
    ramp = samples([0.02 * k for k in range(10)])
    sparse = [sample for sample in ramp if sample.number not in (4, 5, 6)]
    assert over_bounds_by_time(sparse, LIMITS, PERIOD) == 0.0 < over_bounds(
        np.array([sample.command for sample in sparse]), LIMITS, PERIOD)
    assert over_bounds_by_time(samples([0.0, 0.3]), LIMITS, PERIOD) == pytest.approx(6.5)  # 0.3 in two periods, of 2
    assert over_bounds_by_time(samples([0.0, np.nan]), LIMITS, PERIOD) == BROKEN


def test_when_a_stream_rests():
    stream = samples([0.0, 0.1, 0.2, 0.2] + [0.2] * 40)
    assert last_motion(stream, 0.005) == pytest.approx(0.02)
    assert last_motion(stream, 0.1) == 0.1  # not since then
    assert first_rest(stream, 0.0, 0.5) == pytest.approx(0.02)
    assert first_rest(stream, 0.0, 0.1) is None  # not for long enough yet
    resumed = samples([0.0, 0.1] + [0.1] * 40 + [0.2, 0.3])
    rest = first_rest(resumed, 0.0, 1.0)
    assert rest == pytest.approx(0.01) and last_motion(resumed, rest) == pytest.approx(0.43)
    assert last_motion(samples([1.0, 0.5, 0.0, 0.0]), 0.005, "velocity") == pytest.approx(0.01)
