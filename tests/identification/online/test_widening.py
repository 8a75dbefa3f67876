"""Ranges of what is not estimated become wider, as far as is physical; the others keep their ends."""

import pytest

from sim2real.identification.online.widening import widened
from sim2real.parameters import ParameterSpace
from sim2real.randomization import RandomizationPlan
from sim2real.robots import load_robot

SPACE = ParameterSpace.for_robot(load_robot("ur5e"))


def test_ranges_by_hand():
    plan = RandomizationPlan.from_dict({
        "intervals": {"push": {"gap": [2, 5], "duration": [0.1, 0.3]}},
        "terms": {"payload_mass": {"uniform": [0, 2]}, "stiffness_scale": {"log_uniform": [0.5, 2.0]},
                  "gravity_tilt_x": {"uniform": [-0.1, 0.1]}, "sensor_delay": {"uniform": [0, 0.01]},
                  "joint_damping_scale.*": {"log_uniform": [0.9, 1.1], "group": "wear"},
                  "external_force_x": {"uniform": [-10, 10], "when": "push"}}})
    ranges = {name: (row["low"], row["high"]) for name, row in
              widened(plan, SPACE, ("payload_mass",), factor=2.0).ranges(SPACE).items()}
    assert ranges["payload_mass"] == (0, 2)  # kept
    assert ranges["stiffness_scale"] == pytest.approx((0.25, 4.0))  # about 1, in the logarithm
    assert ranges["gravity_tilt_x"] == pytest.approx((-0.2, 0.2))
    assert ranges["sensor_delay"] == pytest.approx((0.0, 0.015))  # no delay is less than none
    assert ranges["external_force_x"] == (-10, 10)  # a push is a push
    ratio = 1.1 / 0.9
    assert ranges["joint_damping_scale.elbow_joint"] == pytest.approx((0.9 / ratio**0.5, 1.1 * ratio**0.5))


@pytest.mark.parametrize("robot", ["ur5e", "crazyflie"])
def test_the_default_plan_stays_one_that_can_be_carried_out(robot):
    space = ParameterSpace.for_robot(load_robot(robot))
    plan = RandomizationPlan.default(space)
    wide = widened(plan, space, ("payload_mass",))
    before, after = plan.ranges(space), wide.ranges(space)
    assert after.keys() == before.keys() | {"control_jitter"} and after["payload_mass"] == before["payload_mass"]
    assert all(after[n]["low"] <= row["low"] and row["high"] <= after[n]["high"] for n, row in before.items())
    assert after["control_jitter"]["high"] == pytest.approx(0.5 * space["control_jitter"].twin_high)
    assert {t.group for t in wide.terms} == {t.group for t in plan.terms}
