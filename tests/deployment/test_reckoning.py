"""Numbers worked by hand; what it does for an arm that moves is in tests/ros/test_velocities.py."""

from __future__ import annotations

import numpy as np
import pytest

from sim2real.deployment.reckoning import Reckoning
from sim2real.robots import load_robot
from sim2real.types import RobotState

UR5E = load_robot("ur5e")
TICK, POLICY = 0.002, 0.04
WAY = np.array([1e-3, -2e-3, 0.0, 0.0, 0.0, 0.0])  # of a tick: 0.5 and -1 rad/s


def at(q, time):
    state = RobotState.zeros(1, 6)
    state.joint_position[0], state.time[0] = q, time
    return state


def started(q=0.0, **options):
    reckoning = Reckoning(UR5E, TICK, **options)
    reckoning.start(np.full(6, q))
    return reckoning


def test_a_command_leads_on_until_the_next_one():
    reckoning = started(drawn=np.inf)
    reckoning.sent(WAY, 5.0)
    reckoning.sent(WAY, 5.002)
    reckoning.sent(0.5 * WAY, 5.010)  # three ticks were skipped: 3 WAY
    state = at(np.zeros(6), 0.0)
    np.testing.assert_allclose(reckoning.offset(state, 2.5 * WAY, 5.012), 3.0 * WAY, atol=1e-12)
    reckoning.moved(3.0 * WAY)
    reckoning.sent(WAY, 5.013)  # half a tick late: 0.25 WAY
    np.testing.assert_allclose(reckoning.offset(state, 6.5 * WAY, 5.015), 0.25 * WAY, atol=1e-12)
    reckoning.moved(0.25 * WAY)
    np.testing.assert_allclose(reckoning.offset(state, 6.75 * WAY, 5.015), 0.0, atol=1e-12)


def test_at_rest_it_creeps_to_where_the_joints_are():
    reckoning, command, q = started(1.0), np.full(6, 1.0), np.full(6, 1.0)
    q[0], q[1], q[2] = 1.002, 0.98, 1.5  # the last is more than tracking explains
    for k in range(200):
        offset = reckoning.offset(at(q, 3.0 + POLICY * k), command, 3.0 + POLICY * k)
        assert np.abs(offset).max() <= 0.002 * np.pi * POLICY + 1e-15
        reckoning.moved(offset)
        command = command + offset
    assert command[:3] == pytest.approx([1.002, 0.98, 1.0], abs=1e-4) and (command[2:] == 1.0).all()


@pytest.mark.parametrize("state", [at(np.full(6, np.nan), 3.0), at(np.full(6, 0.01), 2.8), at(np.full(6, 0.01), 3.3)],
                         ids=["not finite", "old", "of the future"])
def test_states_that_cannot_be_used_draw_nothing(state):
    reckoning = started()
    assert (reckoning.offset(state, np.zeros(6), 3.0) == 0.0).all()


def test_the_same_state_draws_once():
    reckoning, state = started(), at(np.full(6, 0.01), 3.0)
    assert (reckoning.offset(state, np.zeros(6), 3.0) > 0.0).all()
    reckoning.moved(np.zeros(6))
    assert (reckoning.offset(state, np.zeros(6), 3.04) == 0.0).all()
