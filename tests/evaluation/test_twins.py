"""Parameter files and defects: what is accepted, and each refusal by name."""

import numpy as np
import pytest

from sim2real.errors import ParameterError
from sim2real.evaluation.twins import TwinPlan, load_parameter_file, parse_defects
from sim2real.parameters import ParameterSpace
from sim2real.robots import load_robot


@pytest.fixture(scope="module")
def space():
    return ParameterSpace.for_robot(load_robot("ur5e"))


def test_a_file_gives_exactly_its_values(space, tmp_path):
    path = tmp_path / "robot7.yaml"
    path.write_text("{payload_mass: 1.5, actuator_delay: 0.03}\n")
    values = load_parameter_file(path, space)
    assert values == {"payload_mass": 1.5, "actuator_delay": 0.03}
    twin = TwinPlan(values, draw=False).sampler(space, np.array([3, 4])).episode(np.arange(2), np.zeros(2, int))
    assert space.as_dict(twin[0], changed_only=True) == values
    np.testing.assert_array_equal(twin[0], twin[1])


@pytest.mark.parametrize(("text", "words"), [
    ("payload_mas: 1", "payload_mass"),
    ("payload_mass: -1", "physical range"),
    ("payload_mass: .nan", "physical range"),
    ("payload_mass: heavy", "expected a number"),
    ("payload_mass: true", "expected a number"),
    ("- 1", "expected a mapping"),
    ("{payload_mass: 1", "not valid YAML"),
])
def test_a_bad_file_is_one_line_that_names_it(space, tmp_path, text, words):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(ParameterError, match=words) as caught:
        load_parameter_file(path, space)
    assert "\n" not in str(caught.value) and "bad.yaml" in str(caught.value)


def test_no_file(space, tmp_path):
    with pytest.raises(ParameterError, match="cannot read"):
        load_parameter_file(tmp_path / "none.yaml", space)


def test_defects(space):
    assert parse_defects("default", space) is None
    assert parse_defects("none", space) == ()
    assert parse_defects("backlash, stiction", space) == ("backlash", "stiction")
    with pytest.raises(ParameterError, match="unknown defect 'rust'.*backlash"):
        parse_defects("rust", space)


@pytest.mark.parametrize(("name", "grounded"), [("crazyflie", 0.0), ("x500", 0.005)])
def test_hardly_any_drone_cannot_lift_itself(name, grounded):
    """Thrust to weight at the end of an episode of hover, 6 s: what docs/drones.md says of the twins."""
    robot = load_robot(name)
    space = ParameterSpace.for_robot(robot)
    values = TwinPlan().sampler(space, np.arange(4000)).episode(np.arange(4000), np.zeros(4000, int))

    def column(name):
        return values[:, space.column(name)]

    voltage = column("battery_voltage_scale") * (1.0 - 6.0 * column("battery_sag"))
    scale = column("thrust_coefficient") / robot.rotors.thrust_coefficient * voltage**2
    thrust = robot.rotors.max_thrust * scale * space.family(values, "rotor_thrust_scale").mean(axis=1)
    ratio = thrust / (9.81 * (column("mass") + column("payload_mass")))
    assert np.mean(ratio < 1.0) <= grounded
    assert 1.0 > np.mean(ratio > 1.1) > 0.9  # weak ones are among them
    assert np.median(ratio) > 1.25
