"""What may be set, and when."""

from __future__ import annotations

import pytest

from sim2real.robots import load_robot
from sim2real.ros.settings import Settings


def test_the_speed_goes_down_at_any_time_and_up_at_rest():
    settings = Settings(load_robot("ur5e"))
    assert settings.speed == 1.0
    assert settings.set({"speed": 0.5}, active=True) == "" and settings.speed == 0.5
    assert settings.set({"speed": 0.5}, active=True) == ""
    refused = settings.set({"speed": 0.6}, active=True)
    assert "can only be lowered while the node is active: it is 0.5, not to become 0.6" in refused
    assert settings.speed == 0.5
    assert settings.set({"speed": 1}, active=False) == "" and settings.speed == 1.0


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), float("inf"), True, "0.5", None, [0.5]])
def test_what_is_no_speed(value):
    settings = Settings(load_robot("ur5e"))
    assert "expected a speed between 0 and 1" in settings.set({"speed": value}, active=False)
    assert settings.speed == 1.0


def test_all_or_none():
    settings = Settings(load_robot("ur5e"))
    refused = settings.set({"speed": 0.5, "qos": 1, "use_sim_time": True}, active=True)
    assert "qos is read-only while the node is active" in refused and "use_sim_time is settled" in refused
    assert settings.speed == 1.0
    assert settings.set({"speed": 0.5, "qos": 1}, active=False) == "" and settings.speed == 0.5


def test_simulation_time_is_settled_at_the_start():
    assert "use_sim_time is settled when the node starts" in Settings(load_robot("ur5e")).set({"use_sim_time": True},
                                                                                            active=False)


def test_a_drone_has_no_speed():
    settings = Settings(load_robot("crazyflie"))
    assert "a drone's speed cannot be scaled" in settings.set({"speed": 0.5}, active=False)
    assert settings.set({"speed": 1.0}, active=False) == ""
