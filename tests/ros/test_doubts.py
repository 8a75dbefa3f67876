"""What a drive doubts, it doubts again in a replay."""

from __future__ import annotations

import json

import numpy as np
import pytest

from sim2real.deployment.bundle import load_bundle
from sim2real.deployment.replay import Transcript, replay
from sim2real.ros.drive import Drive
from sim2real.types import RobotState
from tests.ros.hand_policies import write_policy


@pytest.fixture(scope="module")
def reach(tmp_path_factory):
    return load_bundle(write_policy(tmp_path_factory.mktemp("bundle") / "reach.s2r", "ur5e", "reach"))


def written(rows):
    """As a log keeps them: JSON of what the arrays are now."""
    return [(topic, json.loads(json.dumps(row, default=np.ndarray.tolist))) for topic, row in rows]


def test_doubts_are_the_same_again_in_a_replay(reach):
    """Spikes, frozen states, a pause, a held robot and a joint that hangs back: the recorded calls decide alike."""
    drive, transcript = Drive(reach, 500.0), Transcript()
    rows = written(transcript.made(500.0))
    state = RobotState.zeros(1, 6)
    state.joint_position[0] = reach.robot.home
    goal, seen, modes = np.array([0.05, -0.55, 0.3]), None, set()
    drive.start(state, goal, 0.0)
    rows += written(transcript.started(state, goal, 0.0))
    for k in range(1, 60):
        now, hold = 0.04 * k, "the gate is closed" if 40 <= k < 42 else ""
        told = state.copy()
        told.time[0] = now
        if k in (5, 9, 10):
            told.joint_position[0, 2] += 1.0
        if 15 <= k < 20:
            told = seen.copy()
            told.time[0] = now
        if 24 <= k < 28:
            told.time[0] = seen.time[0]
        decision = drive.step(told, now, **({"hold": hold} if hold else {}))
        modes.add(str(decision.mode[0]))
        rows += written(transcript.stepped(told, now, decision, **({"hold": hold} if hold else {})))
        for _ in range(drive.stream.ticks):
            rows += written(transcript.ticked(drive.tick()))
        if k not in (5, 9, 10):
            seen = told
        state.joint_velocity[:] = (decision.command - state.joint_position) / 0.04
        state.joint_position[:] = decision.command
        if k > 45:
            state.joint_position[0, 0], state.joint_velocity[0, 0] = 0.0, 0.0
    assert modes == {"ACTIVE", "HOLD", "STOP"}
    found = replay(rows, lambda rate: Drive(reach, rate))
    assert found.different == 0 and found.steps == 59 and found.commands == 59 * 20
