"""Each flaw is found where it is planted, and clean logs, made and recorded ones, pass."""

from pathlib import Path

import numpy as np
import pytest

from sim2real.recordings.channel_map import load_channels
from sim2real.recordings.flaws import find_duplicates, find_flaws
from sim2real.recordings.recording import Recording

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
TIME = np.arange(600) * 0.01


def arm(**changes):
    """Six seconds of one joint, with sensors that have noise."""
    noise = np.random.default_rng(0)
    channels = {"command.elbow": np.sin(2.0 * TIME), "position.elbow": np.sin(2.0 * TIME - 0.1) + 1e-3 * noise.normal(
        size=600), "velocity.elbow": 2.0 * np.cos(2.0 * TIME - 0.1), "effort.elbow": 3.0 * np.cos(2.0 * TIME)}
    time = changes.pop("time", TIME)
    return Recording("log", time, {**channels, **{name.replace("_elbow", ".elbow"): value
                                                  for name, value in changes.items()}})


def drone(**changes):
    """A flight of a metre."""
    channels = {"place.z": np.clip(TIME, 0.0, 1.0), "motor.m1": np.full(600, 0.6), "acceleration.z": np.full(600, 9.8),
                "quaternion.w": np.ones(600), **{f"quaternion.{a}": np.zeros(600) for a in "xyz"}}
    return Recording("flight", TIME, {**channels, **{name.replace("_", "."): value for name, value in changes.items()}})


def test_clean_ones_pass():
    assert find_flaws(arm()) == [] and find_flaws(drone()) == []


def planted(values, at, value):
    out = values.copy()
    out[at] = value
    return out


ANGLE = np.sin(2.0 * TIME)


@pytest.mark.parametrize(("recording", "kind", "words"), [
    (arm(time=planted(TIME, 300, 2.95)), "time goes back", "1 times, first after 2.990 s"),
    (arm(time=planted(TIME, 300, TIME[299])), "time stands still", "1 rows"),
    (arm(time=np.where(TIME > 3.0, TIME + 0.5, TIME)), "gap", "the longest 0.51 s after 3.00 s"),
    (arm(time=planted(TIME, 5, np.nan)), "no time", "1 of 600 rows"),
    (arm(position_elbow=planted(ANGLE, slice(0, 60), np.nan)), "missing", "10.0% of the rows"),
    (arm(position_elbow=planted(ANGLE, 7, 1e4)), "blown up", "-1 to 1e+04"),
    (arm(velocity_elbow=planted(1e-3 * ANGLE, 7, 30.0)), "blown up", "while 98 % are in"),
    (arm(position_elbow=1e-3 * ANGLE), "never moves", "no joint moves more than 0.00"),
    (drone(place_z=np.full(600, 0.1)), "never moves", "it has not flown"),
    (drone(motor_m1=np.zeros(600)), "never driven", "all motors are at 0"),
    (drone(motor_m1=planted(np.full(600, 0.6), 9, 29.0)), "blown up", "where 0 to 1 is possible"),
    (drone(acceleration_z=planted(np.full(600, 9.8), 9, 1200.0)), "blown up", "more than any robot's"),
    (drone(quaternion_w=np.full(600, 0.8)), "no rotation", "off one by 0.20"),
    (Recording("short", TIME[:90], {"position": ANGLE[:90]}), "short", "90 rows in 0.9 s"),
])
def test_each_flaw_is_named(recording, kind, words):
    found = find_flaws(recording)
    assert [flaw.kind for flaw in found] == [kind], found
    assert words in str(found[0]) and found[0].fatal


def test_a_current_that_is_taken_for_a_torque_is_a_caution():
    flaw, = find_flaws(arm(effort_elbow=np.abs(np.cos(2.0 * TIME))))
    assert flaw.kind == "unsigned" and flaw.channel == "effort.elbow" and not flaw.fatal
    assert find_flaws(arm(position_elbow=0.3 * TIME, effort_elbow=np.full(600, 2.0))) == []  # it moves one way only


def test_a_few_missing_values_are_a_caution():
    flaw, = find_flaws(arm(position_elbow=planted(ANGLE, 3, np.nan)))
    assert flaw.kind == "missing" and not flaw.fatal


@pytest.mark.filterwarnings("error")
def test_channels_and_times_without_numbers_bring_no_warnings():
    nothing = np.full(600, np.nan)
    assert {flaw.kind for flaw in find_flaws(arm(position_elbow=nothing, effort_elbow=nothing))} == {"missing"}
    assert {flaw.kind for flaw in find_flaws(drone(quaternion_w=nothing, place_z=nothing))} == {"missing"}
    log = arm(time=planted(TIME, 5, np.nan))
    assert log.duration == pytest.approx(5.99) and log.rate == pytest.approx(100.0)


def test_copies_under_other_names_are_found():
    other = Recording("other name", TIME, dict(arm().channels))
    assert find_duplicates([arm(), drone(), other, arm(effort_elbow=ANGLE)]) == {2: 0}


@pytest.mark.skipif(not (DATA / "crazyflie_flights").is_dir(), reason=f"no recordings in {DATA}")
def test_recorded_logs_pass_and_flawed_ones_are_flagged():
    flights, arms, servos = (load_channels(name) for name in ("nanobench_cf21", "sage_so101", "bam_servo"))
    for path in sorted((DATA / "crazyflie_flights").glob("*.csv.gz")):
        assert find_flaws(flights.read(path)) == [], path
    flawed = sorted((DATA / "crazyflie_flights/flawed").glob("*.csv.gz"))
    for path in flawed:
        assert any(flaw.fatal for flaw in find_flaws(flights.read(path))), path
    assert {flaw.kind for flaw in find_flaws(flights.read(DATA / "crazyflie_flights/flawed/B7_oval_slow_rep1.csv.gz"))
            } == {"short", "never moves", "never driven"}
    for path in sorted((DATA / "servo_pendulum").glob("*/**/20*.json")):
        assert find_flaws(servos.read(path)) == [], path
    found = {flaw.kind for path in sorted((DATA / "so101_logs").glob("*/")) for flaw in find_flaws(arms.read(path))}
    assert found == {"unsigned"}
