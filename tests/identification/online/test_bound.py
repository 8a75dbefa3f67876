"""What can be told at all, where it is known in closed form."""

import math

import pytest
import torch

from sim2real.identification.online.bound import bound
from sim2real.randomization import RandomizationPlan
from sim2real.robots import load_robot
from sim2real.training.config import TrainConfig, resolve
from sim2real.training.export import build_policy


def found(terms, seconds=0.6):
    plan = RandomizationPlan.from_dict({"terms": terms})
    run = resolve(TrainConfig("crazyflie-hover", method="oracle", identify=tuple(terms), randomization=plan, threads=1,
                              engine="quadrotor"))
    torch.manual_seed(0)
    return bound(run, build_policy(run, len(run.known)).actor(), seconds, episodes=4)


def test_one_parameter_alone_is_told_well_and_better_with_time():
    thrust = {"thrust_coefficient": {"log_uniform": [2.3e-8, 3.4e-8]}}
    short, long = (found(thrust, seconds)["thrust_coefficient"] for seconds in (0.2, 1.0))
    assert long < 0.1 and long < short < 1.0


def test_two_that_act_as_one_keep_what_their_product_leaves_open():
    """Thrust goes with coefficient times voltage squared: with a = half ln(range) of the coefficient and b = twice that
    of the voltage, a u + b v is known and each keeps a deviation of b / sqrt(a^2 + b^2), a / sqrt(a^2 + b^2)."""
    both = found({"thrust_coefficient": {"log_uniform": [2.6e-8, 3.2e-8]},
                  "battery_voltage_scale": {"log_uniform": [0.95, 1.05]}}, 1.0)
    a, b = math.log(3.2 / 2.6) / 2, math.log(1.05 / 0.95)
    assert both["thrust_coefficient"] == pytest.approx(b / math.hypot(a, b), rel=0.05)
    assert both["battery_voltage_scale"] == pytest.approx(a / math.hypot(a, b), rel=0.05)


def test_what_does_not_act_cannot_be_told():
    """A drone in the air does not touch the ground."""
    assert found({"contact_friction": {"uniform": [0.4, 1.2]}})["contact_friction"] == pytest.approx(1.0)


def test_a_constant_error_of_measurement_is_told_by_its_mean():
    """N measurements with noise sigma tell one between -h and h to sqrt(3 / (3 + N (h / sigma)^2)) of its prior."""
    robot, seconds = load_robot("crazyflie"), 0.6
    ratio = found({"attitude_bias_x": {"uniform": [-0.01, 0.01]}}, seconds)["attitude_bias_x"]
    information = round(seconds / robot.control_period) * (0.01 / robot.sensors.attitude_noise) ** 2
    assert ratio == pytest.approx(math.sqrt(3.0 / (3.0 + information)), rel=0.02)
