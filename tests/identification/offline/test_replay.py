"""Replays: what was recorded comes out again; dead time and age act between steps, by formula."""

import numpy as np
import pytest

from sim2real.errors import BadInputError
from sim2real.identification.offline.pieces import cut
from sim2real.identification.offline.replay import Pieces, Replay, _aged, step_of
from sim2real.parameters import ParameterSpace
from sim2real.recordings.preparation import prepare
from sim2real.robots import load_robot
from sim2real.types import RobotState
from tests.identification.twins import record_arm

UR5E = load_robot("ur5e")
SPACE = ParameterSpace.for_robot(UR5E)


def test_a_recording_without_noise_comes_out_again():
    values = {"actuator_delay": 0.010, "payload_mass": 1.5, "sensor_delay": 0.004}  # acts after 12 ms, on average
    [stretch], notes = prepare(record_arm(UR5E, values, noise=False), UR5E)
    pieces = cut([stretch], UR5E, 1.0, 0.5)
    replay = Replay(UR5E, "mujoco", pieces.pieces, threads=1)
    states = replay.run(np.concatenate([SPACE.batch(1, values), SPACE.batch(1)]))
    late = slice(pieces.warm_up + 1, None)
    errors = np.abs(states - pieces.measured)[:, :, late, :6]
    replay.close()
    assert not notes and np.nanmax(errors[0]) < 1e-6 and np.nanmax(errors[1]) > 5e-3


def test_commands_lie_between_rows_for_a_dead_time_between_steps():
    command = np.arange(10.0)[None, :, None].repeat(6, axis=2)  # u(k) = k, four rows before the start
    replay = Replay(UR5E, "mujoco", Pieces(command, RobotState.zeros(1, 6), 4, 0.002, 0.002), threads=1)
    lags = replay._lag(SPACE.batch(3) * 0.0 + np.where(np.arange(len(SPACE)) == SPACE.column("actuator_delay"), [
        [0.0], [0.001], [0.0035]], 0.0))
    assert lags == pytest.approx([0.5, 1.0, 2.25])  # half a cycle until the driver's next one
    assert replay._commands(2, lags)[:, 0] == pytest.approx([6 - 0.5, 6 - 1.0, 6 - 2.25])
    assert replay._commands(0, np.array([9.0]))[0, 0] == 0.0  # before what is known, the first holds


def test_measurements_age_between_rows():
    states = np.arange(5.0)[:, None].repeat(3, axis=1)
    old = _aged(states, np.array([0.0, 1.0, 1.5]))
    assert old[4].tolist() == [4.0, 3.0, 2.5] and old[0].tolist() == [0.0, 0.0, 0.0]


def test_an_unstable_simulation_is_nan_and_leaves_the_others_alone():
    [stretch], _ = prepare(record_arm(UR5E, {}), UR5E)
    replay = Replay(UR5E, "mujoco", cut([stretch], UR5E, 1.0, 0.2).pieces, threads=1)
    values = SPACE.batch(2)
    values[0, SPACE.column("payload_mass")] = np.inf
    states = replay.run(values)
    replay.close()
    assert np.isnan(states[0]).all() and np.isfinite(states[1]).all()


def test_steps_are_whole_parts_of_a_row():
    assert step_of(0.002, "arm") == (0.002, 1) and step_of(0.01, "drone") == (0.002, 5)
    step, count = step_of(0.01, "arm")
    assert count == 3 and step == pytest.approx(0.01 / 3)
    with pytest.raises(BadInputError, match="a row each 0.5 s"):
        step_of(0.5, "arm")
