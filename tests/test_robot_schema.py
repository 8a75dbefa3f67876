"""The sections of a robot.yaml check themselves, with units."""

import pytest
from pydantic import ValidationError

from sim2real.robot_schema import RangeSection, SensorsSection


def test_a_range_must_be_ordered():
    assert RangeSection(low=1.0, high=2.0).high == 2.0
    with pytest.raises(ValidationError):
        RangeSection(low=2.0, high=1.0)


def test_sensors_take_units_and_refuse_negative_noise():
    assert SensorsSection(delay="5 ms").delay == pytest.approx(0.005)
    with pytest.raises(ValidationError):
        SensorsSection(position_noise=-1.0)
