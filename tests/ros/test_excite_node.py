"""An excitation's bundle on the real nodes: the policy node follows it on the twin, ends at rest, and brakes."""

from __future__ import annotations

import importlib
import json

import numpy as np
import pytest

from sim2real.deployment.limits import CommandLimits, count_violations
from sim2real.identification.excitation.bundle import write_excitation
from sim2real.identification.excitation.limits import ExcitationLimits
from sim2real.identification.excitation.plan import play, set_points
from sim2real.robots import load_robot
from sim2real.ros.any_log import read_recording
from sim2real.ros.context import message_class
from sim2real.ros.log import read_log
from sim2real.tasks.joint_series import JointSeries, rest_basis

ARRAY, JOINTS = "std_msgs/msg/Float64MultiArray", "sensor_msgs/msg/JointState"
ROBOT = load_robot("ur5e")
LEAD_IN = 0.4


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    """A bundle of a short, small series, and the stream it should give."""
    sine, cosine = rest_basis(3)
    free = np.random.default_rng(1).standard_normal((2, 6, 2))
    series = JointSeries(ROBOT.home, 0.2 * free[0] @ sine.T, 0.2 * free[1] @ cosine.T, 4.0)
    said, _, stream = play(set_points(series, ROBOT.control_period), ExcitationLimits(ROBOT))
    assert not said
    path = tmp_path_factory.mktemp("excite") / "excite.s2r"
    write_excitation(path, ROBOT, series, lead_in=LEAD_IN, rest=0.4)
    return path, stream


@pytest.fixture
def listen(ros):
    """Commands and states as the driver's topics carry them."""
    commands, states = [], []
    ros.node.create_subscription(message_class(ARRAY), "/forward_position_controller/commands",
                                 lambda m: commands.append(list(m.data)), ros.qos("reliable", depth=10_000))
    ros.node.create_subscription(message_class(JOINTS), "/joint_states", states.append, ros.qos("best_effort"))
    return commands, states


def test_it_is_followed_and_ends_at_rest_by_itself(processes, wait, listen, planned, tmp_path, run_cli):
    (path, stream), (commands, states) = planned, listen
    twin = processes.start("twin", "ur5e", "--engine", "mujoco", "--nominal")
    wait(lambda: states)
    node = processes.start("deploy", path, "--robot", "ur5e", "--arm", "--json", "--log", tmp_path / "run.mcap")
    wait(lambda: node.poll() is not None, timeout=40.0)
    out, err = node.communicate()
    row = json.loads(out)
    assert node.returncode == 0, err
    assert (row["goals"], row["reached"], row["limit_violations"]) == (1, 1, 0)
    wait(lambda: len(commands) >= row["commands"])
    sent = np.array(commands)
    assert count_violations(sent[:, None], CommandLimits.from_robot(ROBOT), 0.002) == 0
    assert not np.ptp(sent[-25:], axis=0).any() and np.abs(sent[-1] - ROBOT.home).max() < 2e-3  # at rest, at home
    assert np.ptp(sent, axis=0).max() > 0.3  # it moved
    rows = read_log(tmp_path / "run.mcap")
    modes = [r["mode"] for r in rows["/decision"]]
    assert modes[0] == "ACTIVE" and "the goals are done" in rows["/decision"][-1]["cause"]
    if not row["skipped"] and "HOLD" not in modes:  # a machine that is busy elsewhere plays the rest later
        start = round(LEAD_IN / ROBOT.control_period) * 20
        off = min(np.abs(sent[start + k:start + k + 2000] - stream[1:2001]).max() for k in range(0, 61, 20))
        assert off < 5e-3  # it began where the twin sags, not quite at home
    measured = np.array([r["joint_position"] for r in rows["/state"]])
    assert np.ptp(measured, axis=0).max() > 0.3
    every = np.array([(r["stamp"], r["time"]) for r in rows["/measured"]])  # all that the driver sent, not the steps'
    assert np.median(np.diff(every[:, 0])) == pytest.approx(0.002, rel=0.1) and len(every) > 5 * len(measured)
    assert (np.diff(every, axis=0) > 0.0).all()
    assert {tuple(r["joint_position"]) for r in rows["/state"][1:]} <= {tuple(r["joint_position"])
                                                                        for r in rows["/measured"]}
    recording = read_recording(tmp_path / "run.mcap", ROBOT)
    assert np.isfinite(recording.matrix("position")).all(axis=1).mean() > 0.5  # of rows at the driver's rate
    code, out, err = run_cli("replay", tmp_path / "run.mcap", "--bundle", path, "--json")
    assert code == 0, (out, err)
    processes.end(twin)


def test_a_disarm_in_the_middle_brakes_it(processes, ros, wait, listen, planned):
    (path, _), (commands, states) = planned, listen
    trigger = importlib.import_module("std_srvs.srv").Trigger
    disarm = ros.node.create_client(trigger, "/sim2real_policy/disarm")
    twin = processes.start("twin", "ur5e", "--engine", "mujoco", "--nominal")
    wait(lambda: states)
    node = processes.start("deploy", path, "--robot", "ur5e", "--arm", "--json")
    wait(lambda: len(commands) > 900 and np.abs(states[-1].velocity).max() > 0.1, timeout=30.0)
    answer = disarm.call_async(trigger.Request())
    wait(answer.done)
    assert answer.result().success
    wait(lambda: len(commands) > 50 and not np.ptp(np.array(commands[-25:]), axis=0).any(), timeout=10.0)
    wait(lambda: np.abs(states[-1].velocity).max() < 0.02, timeout=5.0)
    sent = np.array(commands)
    assert len(sent) < round((LEAD_IN + 4.0) / 0.002)  # well before its end
    assert count_violations(sent[:, None], CommandLimits.from_robot(ROBOT), 0.002) == 0
    if node.poll() is None:
        processes.end(node)
    processes.end(twin)
