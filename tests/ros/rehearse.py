"""Runs faults over the messages of a robot, in made-up time, without a network."""

from __future__ import annotations

import copy

import numpy as np
import yaml

from sim2real.robots import load_robot
from sim2real.ros.context import message_class
from sim2real.ros.driver_nature import Controllers
from sim2real.ros.fault_types import Stage
from sim2real.ros.faults import Rehearsal, load_faults
from sim2real.ros.messages import StateWriter
from sim2real.ros.profiles import RosProfile
from sim2real.types import RobotState

START = 1_000_000.0  # [s] on the wall clock: where stamps begin
AT, FOR = 0.1, 0.2  # [s]: the window of a fault under test


def write(folder, *entries):
    """A faults file of ``entries`` (mappings)."""
    path = folder / "faults.yaml"
    path.write_text(yaml.safe_dump(list(entries)))
    return path


def state_at(robot, k):
    """A state that is different in every message, so that none can be taken for another."""
    state = RobotState.zeros(1, robot.num_joints)
    if robot.kind == "arm":
        state.joint_position[0] = robot.home + 1e-3 * k
        state.joint_velocity[0] = 0.1 + 1e-3 * k + 0.01 * np.arange(robot.num_joints)
        state.joint_effort[0] = 1.0 + 1e-3 * k  # numbers: no message equals itself that has NaN in it
    else:
        state.position[0] = (1.0 + 1e-3 * k, 2.0, 3.0)
        state.quaternion[0] = np.array([0.9, 0.1, 0.2, 0.3]) / np.sqrt(0.95)
        state.linear_velocity[0] = (0.4, 0.5, 0.6)
    return state


def stage_of(name, *, plant=None, seed=0, interface=None):
    """A robot and its driver's profile as faults see them."""
    robot = load_robot(name)
    profile = RosProfile.for_robot(robot)
    return Stage(robot, profile, plant, Controllers(robot, profile, interface), seed)


def rehearse(folder, *entries, robot="ur5e", until=0.4, seed=0):
    """What goes out over ``until`` [s]: (time, the message as it would be, the messages in its place) a period."""
    stage = stage_of(robot, seed=seed)
    rehearsal = Rehearsal(load_faults(write(folder, *entries), stage.robot, stage.profile), stage)
    writer = StateWriter(stage.robot, stage.profile, lambda kind: message_class(kind)())
    period = 1.0 / stage.profile.state.rate
    rehearsal.start(0.0)
    out = []
    for k in range(round(until / period)):
        t = round(k * period, 6)
        rehearsal.advance(t)
        message = writer.write(state_at(stage.robot, k), START + t)
        out.append((t, copy.deepcopy(message), rehearsal.outgoing(message)))
    rehearsal.end()
    return out


def only_inside(rows, at=AT, duration=FOR):
    """The rows of the fault's window; outside of it every message has to be the untouched one."""
    inside = [row for row in rows if at - 1e-9 <= row[0] < at + duration - 1e-9]
    assert inside and len(inside) < len(rows)
    for t, message, batch in rows:
        if not at - 1e-9 <= t < at + duration - 1e-9:
            assert batch == [message], f"touched at {t} s"
    return inside


def entry(fault, **parameters):
    """An entry with the usual window."""
    return {"at": AT, "for": FOR, "fault": fault, **parameters}
