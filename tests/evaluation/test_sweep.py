"""The grid of a sweep, and which parameters it takes."""

import numpy as np
import pytest

from sim2real.deployment.bundle import load_bundle
from sim2real.evaluation.sweep import default_names, grid, sweep
from sim2real.parameters import ParameterSpace
from sim2real.robots import load_robot


@pytest.fixture(scope="module")
def space():
    return ParameterSpace.for_robot(load_robot("ur5e"))


def test_grid_spans_the_twin_range_and_stays_physical(space):
    p = space["actuator_delay"]
    assert grid(space, "actuator_delay", 5)[[0, -1]] == pytest.approx([p.twin_low, p.twin_high])
    assert grid(space, "actuator_delay", 5, stretch=3.0).min() >= p.physical_low


def test_log_uniform_grid_is_even_in_the_logarithm(space):
    values = grid(space, "joint_damping_scale", 5)
    assert np.ptp(np.diff(np.log(values))) < 1e-9


def test_default_names_are_global_and_differ_between_twins(space):
    names = default_names(space)
    assert {"actuator_delay", "payload_mass", "backlash"} <= set(names)
    assert not [n for n in names if "." in n or n.startswith("external_force")]


def test_a_sweep_finds_the_parameter_that_breaks_a_servo(servo_path):
    bundle = load_bundle(servo_path)
    curves = {c.parameter: c for c in sweep(bundle, "mujoco", ["actuator_delay", "contact_friction"], points=3,
                                            episodes=6, stretch=2.0)}
    assert len(set(curves["contact_friction"].success)) == 1, "friction of the surfaces does not matter in the air"
    delay = curves["actuator_delay"]
    assert delay.error[-1] > delay.error[0]
    assert delay.as_dict()["unit"] == "s" and len(delay.values) == 3
