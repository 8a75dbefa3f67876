import dataclasses

import numpy as np
import pytest

from sim2real.errors import ParameterError
from sim2real.parameters import Parameter, ParameterSpace
from sim2real.robots import load_robot

ROW = Parameter("payload_mass", "kg", 1.0, 0.5, 2.0, "uniform", 0.25, 4.0, 0.0, 10.0, "dynamics", False, ("mujoco",),
                "point mass")


def row(name: str, **changes) -> Parameter:
    return dataclasses.replace(ROW, name=name, **changes)


@pytest.fixture
def space():
    return ParameterSpace([row("payload_mass"), row("friction_scale", unit="1"), row("friction_scale.a", unit="1"),
                           row("friction_scale.b", unit="1"), row("bias", unit="rad"), row("bias.a", unit="rad"),
                           row("bias.b", unit="rad", live=True)])


def test_columns_and_names(space):
    assert len(space) == 7 and space.column("bias.a") == 5 and space["bias.b"].live
    assert "bias" in space and "bias.c" not in space
    assert space.live.tolist() == [False] * 6 + [True]


def test_unknown_name_suggests_the_nearest(space):
    with pytest.raises(ParameterError, match="unknown parameter 'payload_mas'; did you mean payload_mass?"):
        space.column("payload_mas")


def test_scale_families_multiply_and_others_add(space):
    values = space.batch(2)
    values[1, space.column("friction_scale")] = 2.0
    values[1, space.column("friction_scale.b")] = 3.0
    values[1, space.column("bias")] = 0.5
    values[1, space.column("bias.a")] = 0.25
    np.testing.assert_array_equal(space.family(values, "friction_scale"), [[1, 1], [2, 6]])
    np.testing.assert_array_equal(space.family(values, "bias"), [[2, 2], [0.75, 1.5]])


def test_batch_is_nominal_with_values_on_top(space):
    values = space.batch(3, {"payload_mass": 4})
    np.testing.assert_array_equal(values[:, 0], 4.0)
    np.testing.assert_array_equal(values[:, 1:], 1.0)
    assert space.as_dict(values[0], changed_only=True) == {"payload_mass": 4.0}
    assert len(space.as_dict(values[0])) == 7
    values[:] = 0.0
    assert space.nominal[0] == 1.0


@pytest.mark.parametrize(("value", "message"), [
    (11, r"payload_mass: 11 is outside the physical range \[0, 10\] kg"), (-0.1, "outside the physical range"),
    (float("nan"), "outside"), (float("inf"), "outside"),
    (10**400, "outside"), (-10**400, "outside"), ("heavy", "expected a number in kg, got 'heavy'"),
    (True, "expected a number"), (None, "expected a number")])
def test_impossible_values_are_refused_by_name(space, value, message):
    with pytest.raises(ParameterError, match=message):
        space.check("payload_mass", value)


@pytest.mark.parametrize("value", [0, 10, 2.5, np.float32(1), np.int64(3)])
def test_any_number_inside_is_fine(space, value):
    assert space.check("payload_mass", value) == float(value)


def test_names_must_be_unique_and_families_together():
    with pytest.raises(ParameterError, match="unique"):
        ParameterSpace([row("a"), row("a")])
    with pytest.raises(ParameterError, match="contiguous"):
        ParameterSpace([row("f"), row("f.a"), row("g"), row("f.b")])


def test_a_family_without_a_global_column_is_its_elements():
    space = ParameterSpace([row("f.a"), row("f.b")])
    assert space.family(np.array([[2.0, 3.0]]), "f").tolist() == [[2.0, 3.0]]


@pytest.mark.parametrize("change", [
    {"nominal": 3.0}, {"low": 3.0}, {"twin_high": 1.5}, {"twin_low": 0.75}, {"physical_high": 3.0},
    {"nominal": float("nan")}, {"distribution": "log_uniform", "twin_low": 0.0}])
def test_ranges_that_do_not_lie_in_one_another_are_refused(change):
    ROW.check_ranges()
    with pytest.raises(ParameterError, match="parameter payload_mass"):
        dataclasses.replace(ROW, **change).check_ranges()


def test_as_dict_has_the_promised_keys():
    keys = {"name", "unit", "nominal", "low", "high", "distribution", "engines"}
    assert keys <= ROW.as_dict().keys()
    assert ROW.as_dict()["engines"] == ["mujoco"] and ROW.as_dict()["low"] == 0.5


# ---------------------------------------------------------------------- a robot's own ranges
def with_overrides(**overrides):
    return ParameterSpace.for_robot(dataclasses.replace(load_robot("ur5e"), parameter_overrides=overrides))


def test_override_stretches_the_twin_range_around_it():
    p = with_overrides(payload_mass={"low": 1.0, "high": 2.0, "nominal": 1.5})["payload_mass"]
    assert (p.nominal, p.low, p.high) == (1.5, 1.0, 2.0)
    assert (p.twin_low, p.twin_high) == pytest.approx((0.9, 2.1))  # a tenth of the width on either side


def test_override_of_a_log_uniform_range_keeps_it_positive():
    p = with_overrides(joint_damping_scale={"low": 0.01, "high": 100.0})["joint_damping_scale"]
    factor = 10_000**0.1  # a tenth of the width in the logarithm
    assert (p.twin_low, p.twin_high) == pytest.approx((0.01 / factor, 100.0 * factor))


def test_nominal_alone_widens_the_range_to_hold_it():
    p = with_overrides(payload_mass={"nominal": 3.5})["payload_mass"]
    assert (p.low, p.nominal, p.high) == (0.0, 3.5, 3.5)


@pytest.mark.parametrize(("name", "change", "message"), [
    ("payload_mas", {"low": 1.0}, "unknown parameter 'payload_mas'; did you mean payload_mass"),
    ("payload_mass", {"low": 1.0}, "nominal 0, "),  # nominal is below low
    ("payload_mass", {"high": 1e4}, "inside one another"),
    ("joint_damping_scale", {"low": 0.0}, "log-uniform, so low and twin_low must be over 0"),
    ("payload_mass", {"high": 2.0, "twin_high": 1.0}, "inside one another")])
def test_bad_overrides_name_robot_and_parameter(name, change, message):
    with pytest.raises(ParameterError, match=message) as error:
        with_overrides(**{name: change})
    assert "robot ur5e" in str(error.value) and name in str(error.value) and "\n" not in str(error.value)
