"""Preparation: what can be used is used and said, and bad input is one line that names it."""

import numpy as np
import pytest

from sim2real.errors import BadInputError
from sim2real.recordings.preparation import on_period, prepare, split, white_noise
from sim2real.recordings.recording import Recording
from sim2real.robots import load_robot

UR5E, CRAZYFLIE = load_robot("ur5e"), load_robot("crazyflie")
TIME = 0.01 * np.arange(1000)


def log(robot=UR5E, time=TIME, **changes):
    """Ten seconds of all joints at 100 Hz; ``changes`` by channel, with _of_ for the dot; None takes it away."""
    noise, channels = np.random.default_rng(0), {}
    for k, joint in enumerate(robot.joint_names):
        path = robot.home[k] + 0.3 * np.sin((1.0 + 0.3 * k) * TIME)
        channels[f"command.{joint}"] = path
        channels[f"position.{joint}"] = path + 1e-4 * noise.normal(size=len(TIME))
        channels[f"velocity.{joint}"] = np.gradient(path, TIME) + 2e-3 * noise.normal(size=len(TIME))
    channels.update({name.replace("_of_", "."): value for name, value in changes.items()})
    return Recording("run.csv", time, {name: value for name, value in channels.items() if value is not None})


def test_a_clean_log_is_one_stretch_and_nothing_is_said():
    [stretch], notes = prepare(log(), UR5E)
    assert notes == [] and len(stretch) == 1000 and stretch.period == pytest.approx(0.01)
    assert stretch.command.shape == (1000, 6) and stretch.state.shape == (1000, 12)
    assert np.isfinite(stretch.state).all()


def planted(channel, rows, value):
    values = log().channels[channel].copy()
    values[rows] = value
    return values


@pytest.mark.parametrize(("changes", "words"), [
    ({"position_of_elbow_joint": None}, "expected channels position.elbow_joint; the log has command."),
    ({"command_of_elbow_joint": None}, "expected channels command.elbow_joint"),
    ({"position_of_elbow_joint": np.degrees(log().channels["position.elbow_joint"])}, "position.elbow_joint is not in "
     "rad: .* looks like degrees"),
    ({"velocity_of_elbow_joint": np.degrees(log().channels["velocity.elbow_joint"])}, "velocity.elbow_joint is not in "
     "rad.* degrees"),
    ({"command_of_wrist_3_joint": np.degrees(0.02 * np.sin(TIME)), "position_of_wrist_3_joint": 0.02 * np.sin(TIME),
      "velocity_of_wrist_3_joint": None}, "command.wrist_3_joint is not in rad: it moves 57.3 times as much as"),
    ({f"{quantity}_of_{joint}": np.full(1000, 0.1) for joint in UR5E.joint_names for quantity in
      ("command", "position", "velocity")}, "did not move: no joint moves more than 0 rad"),
    ({"time": np.linspace(0.0, 1.0, 1000)}, "1.00 s can be used; at least 3 s"),
    ({"time": np.zeros(1000)}, "its time never goes on"),
])
def test_what_cannot_be_used_is_named_in_one_line(changes, words):
    with pytest.raises(BadInputError, match=words) as caught:
        prepare(log(**changes), UR5E)
    assert str(caught.value).startswith("run.csv") and "\n" not in str(caught.value)


def test_grams_for_newtons():
    flight = {"command_thrust": 27.0 * (1.0 + 0.1 * np.sin(TIME)),
              **{f"command_rate.{axis}": 0.1 * np.sin(TIME) for axis in "xyz"},
              **{f"place.{axis}": np.sin(TIME) for axis in "xyz"},
              "quaternion.w": np.ones(1000), **{f"quaternion.{axis}": np.zeros(1000) for axis in "xyz"}}
    with pytest.raises(BadInputError, match=r"command_thrust is not in N: its values reach 29.* looks like grams"):
        prepare(Recording("flight", TIME, flight), CRAZYFLIE)
    flight["command_thrust"] = flight["command_thrust"] * 9.81e-3
    assert len(prepare(Recording("flight", TIME, flight), CRAZYFLIE)[0]) == 1


def test_time_that_goes_back_cuts_the_log():
    time = TIME.copy()
    time[600:] -= 3.0
    stretches, notes = prepare(log(time=time), UR5E)
    assert [len(stretch) for stretch in stretches] == [600, 400]
    assert notes == ["run.csv: time goes back 1 times, the log was cut there"]


def test_gaps_repeats_and_rows_without_a_command_are_left_out():
    time = TIME.copy()
    time[700:] += 0.5
    time[100] = time[99]
    broken = planted("command.elbow_joint", slice(300, 320), np.nan)
    stretches, notes = prepare(log(time=time, command_of_elbow_joint=broken), UR5E)
    assert [len(stretch) for stretch in stretches] == [300, 380, 300]
    assert len(notes) == 4 and "20 of 1000 rows have no time or no command" in notes[0]
    assert "1 rows have the time of the one before" in notes[1] and "2 gaps of up to 0.51 s" in notes[2]


def test_spikes_are_left_out_and_counted_and_motion_is_not():
    spiked = planted("position.elbow_joint", [100, 500, 501], 3.0)
    [stretch], notes = prepare(log(position_of_elbow_joint=spiked), UR5E)
    assert notes == ["run.csv: 1 spikes of position.elbow_joint were left out"]  # two in a row are no single spike
    assert np.flatnonzero(np.isnan(stretch.state[:, 2])).tolist() == [100]


def test_uneven_rows_are_brought_to_a_grid_and_that_is_said():
    time = TIME + 0.002 * np.random.default_rng(1).uniform(-1, 1, 1000)
    path = UR5E.home[0] + 0.3 * np.sin(time)
    [stretch], notes = prepare(log(time=time, position_of_shoulder_pan_joint=path), UR5E)
    assert len(notes) == 1 and "came unevenly" in notes[0]
    grid = stretch.begin + stretch.period * np.arange(len(stretch))
    assert stretch.state[:, 0] == pytest.approx(UR5E.home[0] + 0.3 * np.sin(grid), abs=2e-5)
    # what was sent holds: each row has the command of the last row before it
    held = np.searchsorted(time, grid + 1e-9, side="right") - 1
    assert np.array_equal(stretch.command[:, 1], log().channels["command.shoulder_lift_joint"][held])


def test_other_periods_and_shares():
    [stretch], _ = prepare(log(), UR5E)
    half = on_period(stretch, 0.02)
    assert half.period == 0.02 and np.array_equal(half.command, stretch.command[::2])
    first, last = split([stretch], 0.25)
    assert [len(each[0]) for each in (first, last)] == [750, 250] and last[0].begin == pytest.approx(7.5)
    assert np.array_equal(last[0].earlier, stretch.command[:750]) and split([stretch], 0.0)[1] == []


def test_noise_is_told_from_motion():
    noise = np.random.default_rng(2).normal(size=(5000, 2)) * [1e-3, 0.1]
    motion = np.sin(0.01 * np.arange(5000))[:, None]
    assert white_noise(motion + noise) == pytest.approx([1e-3, 0.1], rel=0.1)
    assert white_noise(np.full((10, 1), np.nan)) == [0.0]


def test_roll_pitch_and_yaw_become_a_quaternion_that_goes_on():
    yaw = np.linspace(0.0, 4.0 * np.pi, 1000)
    flight = {"command_thrust": np.full(1000, 0.3), **{f"command_rate.{axis}": np.zeros(1000) for axis in "xyz"},
              **{f"place.{axis}": np.sin(TIME) for axis in "xyz"}, "attitude.roll": np.zeros(1000),
              "attitude.pitch": np.zeros(1000), "attitude.yaw": yaw}
    [stretch], _ = prepare(Recording("flight", TIME, flight), CRAZYFLIE)
    assert stretch.state[:, 6] == pytest.approx(np.cos(yaw / 2), abs=1e-9)
    assert stretch.state[:, 9] == pytest.approx(np.sin(yaw / 2), abs=1e-9)


def test_noise_of_quantised_values():
    values = np.round(np.random.default_rng(3).normal(size=(20_000, 1)) * 1e-4 / 1e-4) * 1e-4
    assert white_noise(values) == pytest.approx(1e-4 * np.sqrt(1 + 1 / 12), rel=0.02)
