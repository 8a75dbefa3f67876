"""The drive is its pilot and its stream, called in the right order, and nothing more."""

from __future__ import annotations

import numpy as np
import pytest

from sim2real.deployment.bundle import load_bundle
from sim2real.deployment.stream import CommandStream
from sim2real.errors import BadInputError
from sim2real.ros.drive import Drive
from sim2real.ros.pilot import Pilot
from sim2real.types import RobotState
from tests.ros.hand_policies import write_policy


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


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), 1e12])
def test_rates(reach, rate):
    with pytest.raises(BadInputError, match="expected a rate over zero and up to 10000"):
        Drive(reach, rate)
