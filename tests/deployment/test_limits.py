import numpy as np
import pytest

from sim2real.deployment.limits import CommandLimits, count_violations
from sim2real.errors import BadInputError
from sim2real.robots import load_robot

LIMITS = CommandLimits([-1.0], [1.0], [2.0], [10.0], [100.0])


def _stream(*values):
    return np.array(values, float).reshape(-1, 1, 1)


def test_each_bound_is_counted_by_hand():
    # period 0.1: velocity 2 allows steps of 0.2, acceleration 10 changes of them by 0.1, jerk 100 of those by 0.1
    assert count_violations(_stream(0, 0, 0, 0.1, 0.3, 0.5), LIMITS, 0.1) == 0
    assert count_violations(_stream(0.95, 1.05), LIMITS, 0.1) == 1  # position
    assert count_violations(_stream(0, 0.25), LIMITS, 0.1) == 1  # velocity
    assert count_violations(_stream(0, 0, 0.15), LIMITS, 0.1) == 1  # acceleration
    assert count_violations(_stream(0, 0.1, 0.2, 0.2), LIMITS, 0.1) == 0
    assert count_violations(_stream(0, 0.1, 0.1, 0.2), LIMITS, 0.1) == 1  # jerk: -0.1 then +0.1
    assert count_violations(_stream(0, np.nan, 0), LIMITS, 0.1) == 1


def test_shape_is_checked():
    with pytest.raises(BadInputError, match="shape"):
        count_violations(np.zeros((3, 1)), LIMITS, 0.1)


def test_arm_limits_are_the_descriptions():
    robot = load_robot("ur5e")
    limits = CommandLimits.from_robot(robot)
    assert limits.low.tolist() == robot.position_low.tolist() and limits.jerk.tolist() == robot.jerk_limit.tolist()
    assert np.isnan(limits.rest).all()


def test_drone_limits_cover_hover_and_have_finite_slew():
    robot = load_robot("crazyflie")
    limits = CommandLimits.from_robot(robot)
    assert limits.low[0] == 0.0 and limits.low[0] < robot.hover_thrust < limits.high[0]
    assert np.isfinite(limits.velocity).all() and np.isinf(limits.jerk).all()
    assert limits.rest.tolist() == [robot.hover_thrust, 0.0, 0.0, 0.0]


def test_json_round_trip():
    for name in ("ur5e", "x500"):
        limits = CommandLimits.from_robot(load_robot(name))
        again = CommandLimits.from_dict(limits.as_dict())
        for field in ("low", "high", "velocity", "acceleration", "jerk", "rest"):
            assert np.array_equal(getattr(limits, field), getattr(again, field), equal_nan=True)
        assert again.within(limits)


def test_within_is_refused_where_one_bound_is_wider():
    wider = CommandLimits([-1.0], [1.0], [2.0], [10.0], [101.0])
    assert LIMITS.within(wider) and not wider.within(LIMITS)


@pytest.mark.parametrize("change, word", [
    ({"low": [1.0]}, "low < high"), ({"velocity": [0.0]}, "velocity"), ({"jerk": [np.nan]}, "jerk"),
    ({"low": [-np.inf], "velocity": [np.inf]}, "finite"), ({"velocity": [1.0, 2.0]}, "shape"),
    ({"rest": [5.0]}, "rest")])
def test_nonsense_is_refused(change, word):
    good = {"low": [-1.0], "high": [1.0], "velocity": [1.0], "acceleration": [1.0], "jerk": [1.0]}
    with pytest.raises(BadInputError, match=word):
        CommandLimits(**{**good, **change})
