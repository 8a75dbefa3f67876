"""The drive is its pilot and its stream, called in the right order, and nothing more."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2real.deployment.bundle import load_bundle
from sim2real.deployment.limits import CommandLimits, count_violations
from sim2real.deployment.replay import Transcript, replay
from sim2real.deployment.stream import CommandStream
from sim2real.errors import BadInputError
from sim2real.robots import load_robot
from sim2real.ros.drive import Drive
from sim2real.ros.pilot import Pilot
from sim2real.types import RobotState
from tests.ros.hand_policies import write_policy

FAR = np.array([0.05, -0.55, 0.3])


@pytest.fixture(scope="module")
def reach(tmp_path_factory):
    return load_bundle(write_policy(tmp_path_factory.mktemp("bundle") / "reach.s2r", "ur5e", "reach"))


def test_gives_what_pilot_and_stream_give_by_hand(reach):
    drive, pilot, stream = Drive(reach, 125.0), Pilot(reach), CommandStream(reach.task.control_period, 125.0)
    state = RobotState.zeros(1, 6)
    state.joint_position[0] = reach.robot.home
    goals = {0: [0.4, 0.1, 0.3], 6: [0.4, -0.2, 0.3]}
    for k in range(12):
        now = 0.04 * k
        state.time[0] = now
        if k in goals:
            for each in (drive, pilot):
                each.start(state, np.array(goals[k]), now)
            if k == 0:
                stream.reset(pilot.command[0])  # once: later goals go on from where the stream is
        if k == 9:
            for each in (drive, pilot):
                each.stop(state, "asked to stop")
        decision = drive.step(state, now)
        assert decision.command.tobytes() == pilot.step(state, now).command.tobytes()
        stream.push(decision.command[0])
        for _ in range(stream.ticks):
            assert drive.tick().tobytes() == stream.tick().tobytes()
    assert stream.ticks == 5 and decision.mode[0] == "STOP"


def moved(drive, speeds, steps=50):
    """Commands (T, C) towards a goal far away, with ``speeds`` set at the steps that they are given for."""
    state, rows = RobotState.zeros(1, 6), []
    state.joint_position[0] = load_robot("ur5e").home
    drive.start(state, FAR, 0.0)
    for k in range(steps):
        state.time[0] = now = 0.04 * k
        if k in speeds:
            drive.set_speed(speeds[k])
        decision = drive.step(state, now)
        assert decision.mode[0] == "ACTIVE", decision.cause
        rows += [drive.tick() for _ in range(drive.stream.ticks)]
        state.joint_velocity[0] = (rows[-1] - state.joint_position[0]) / 0.04
        state.joint_position[0] = rows[-1]  # a robot that follows at once
    return np.array(rows)


def test_the_speed_scales_the_velocity(reach):
    full, half = (np.abs(np.diff(moved(Drive(reach, 500.0), {0: speed}), axis=0)).max(axis=0) for speed in (1.0, 0.5))
    fast = full > 0.2 * full.max()  # joints that have to go far
    assert (half[fast] < 0.6 * full[fast]).all() and (half[fast] > 0.4 * full[fast]).all()
    assert np.abs(np.diff(moved(Drive(reach, 500.0), {0: 0.0}), axis=0)).max() == 0.0


@settings(max_examples=20, deadline=None)
@given(st.dictionaries(st.integers(0, 49), st.floats(0.0, 1.0), max_size=12))
def test_whatever_speeds_are_set_the_stream_stays_inside_its_bounds(reach, speeds):
    stream = moved(Drive(reach, 500.0), speeds)
    assert count_violations(stream[:, None], CommandLimits.from_robot(load_robot("ur5e")), 0.002) == 0


def test_a_speed_is_part_of_the_transcript(reach):
    transcript, drive = Transcript(), Drive(reach, 25.0)
    state, rows = RobotState.zeros(1, 6), [*transcript.made(25.0)]
    state.joint_position[0] = reach.robot.home
    drive.start(state, FAR, 0.0)
    rows += transcript.started(state, FAR, 0.0)
    for k in range(20):
        state.time[0] = 0.04 * k
        if k in (5, 12):
            drive.set_speed(1.0 / k)
            rows += transcript.slowed(1.0 / k)
        rows += transcript.stepped(state, 0.04 * k, drive.step(state, 0.04 * k))
        rows += transcript.ticked(drive.tick())
        rows = [(topic, {key: np.copy(v) if isinstance(v, np.ndarray) else v for key, v in row.items()})
                for topic, row in rows]
    rows = [(topic, {key: v.tolist() if isinstance(v, np.ndarray) else v for key, v in row.items()})
            for topic, row in rows]
    assert replay(rows, lambda rate: Drive(reach, rate)).equal == 40
    changed = [(topic, {**row, "speed": 1.0} if "speed" in row else row) for topic, row in rows]
    assert replay(changed, lambda rate: Drive(reach, rate)).different > 20  # from the first one on


@pytest.mark.parametrize("speed", [-0.1, 1.1, float("nan")])
def test_what_is_no_speed(reach, speed):
    with pytest.raises(BadInputError, match="expected a speed between 0 and 1"):
        Drive(reach, 500.0).set_speed(speed)


def test_a_drone_has_no_speed(tmp_path):
    hover = load_bundle(write_policy(tmp_path / "hover.s2r", "crazyflie", "hover"))
    with pytest.raises(BadInputError, match="a drone's speed cannot be scaled"):
        Drive(hover, 100.0).set_speed(0.5)


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), 1e12])
def test_rates(reach, rate):
    with pytest.raises(BadInputError, match="expected a rate over zero and up to 10000"):
        Drive(reach, rate)
