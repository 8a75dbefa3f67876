import math

import pytest

from sim2real.errors import BadInputError
from sim2real.units import parse_unit, quantity


@pytest.mark.parametrize(("text", "dimension", "expected"), [
    ("180 deg/s", "rad/s", math.pi), ("50 ms", "s", 0.05), ("3 kg", "kg", 3.0), ("12 N m", "N m", 12.0),
    ("12 Nm", "N m|N", 12.0), ("500 Hz", "1/s", 500.0), ("60 rpm", "rad/s", 2 * math.pi), ("1e-5", "kg m2", 1e-5),
    ("2 g cm2", "kg m2", 2e-7), ("3 kg·m²", "kg m2", 3.0), ("3 kg*m**2", "kg m2", 3.0),
    ("4 N m s/rad", "N m s/rad", 4.0),
    ("-0.25 °", "rad", -math.pi / 720), ("3.7 V", "V", 3.7), ("2.88e-8 N s2/rad2", "N s2/rad2", 2.88e-8),
    ("5 %", "1", 0.05), (7, "m", 7.0), (0.5, "rad|m", 0.5), ("20 mm", "rad|m", 0.02), ("180deg", "rad", math.pi),
])
def test_values_come_out_in_si(text, dimension, expected):
    assert quantity(text, dimension) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("value", "dimension", "words"), [
    ("5 m^99999", "m", ["powers of units up to 9", "m^99999"]),
    ("5 parsec", "m", ["unknown unit 'parsec'", "known: "]),
    ("5 degs", "rad", ["unknown unit 'degs'", "did you mean deg"]),
    ("5 m/parsec", "m/s", ["'parsec'", "'m/parsec'"]),
    ("3 kg", "s", ["'3 kg'", "wrong dimension", "[s]"]),
    ("3 deg", "rad/s|m/s", ["wrong dimension", "[rad/s] or [m/s]"]),
    ("fast", "m/s", ["expected a number", "'fast'"]),
    ("nan", "m", ["finite"]), (10**400, "m", ["finite"]), (math.inf, "m", ["finite"]), (".inf", "m", ["finite"]),
    (True, "m", ["expected a number", "True"]), (None, "m", ["None"]), ([1], "m", ["[1]"]),
])
def test_what_cannot_be_used_is_named_in_one_line(value, dimension, words):
    with pytest.raises(BadInputError) as caught:
        quantity(value, dimension)
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_a_slash_divides_by_one_factor_only():
    assert parse_unit("kg/s m") == parse_unit("kg m/s")
    assert parse_unit("N/m/s")[1] == parse_unit("kg/s3")[1]
