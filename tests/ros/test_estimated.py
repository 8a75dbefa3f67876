"""Estimates of an identifier: when they count as outside, what is told of them, and all of it over ROS 2."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from sim2real.cli import main
from sim2real.deployment.decision import Decision
from sim2real.deployment.identifier_manifest import IdentifierSection
from sim2real.deployment.terms_manifest import ObservationSection
from sim2real.ros.context import message_class
from sim2real.ros.estimated import LASTING, Estimated
from sim2real.ros.log import read_log
from sim2real.tasks import load_task
from tests.deployment.hand_identifier import GAIN, PAYLOAD, identifying
from tests.ros.hand_policies import linear_onnx, reach_weight, write_policy
from tests.ros.rehearse import write

ARRAY = "diagnostic_msgs/msg/DiagnosticArray"


@pytest.fixture
def section():
    inputs = ObservationSection.of(load_task("ur5e-reach").dynamics_terms())
    return IdentifierSection(inputs=inputs, memory=2, context=2, parameters=[PAYLOAD, GAIN])


def decision(*mean: float, deviation: float = 0.1) -> Decision:
    estimate = (np.float32([mean]), np.full((1, len(mean)), deviation, np.float32)) if mean else None
    return Decision(np.zeros((1, 6)), np.array(["ACTIVE"]), np.array([""], object), np.zeros(1), np.zeros(1, bool),
                    np.zeros(1, bool), estimate)


def test_values_and_intervals_are_in_the_parameters_units(section):
    estimated = Estimated(section)
    assert estimated.row() == {} and estimated.statuses() == (-1, [])
    estimated.take(decision(0.0, 1.0), 0.0)
    row = estimated.row()
    # 90 %: 1.6449 deviations of a tenth; payload 0 to 3 kg, the gain's logarithm from ln 0.5 to ln 2
    assert row["payload_mass"] == pytest.approx({"value": 1.5, "low": 1.5 - 0.16449 * 1.5, "high": 1.5 + 0.16449 * 1.5})
    assert row["stiffness_scale"] == pytest.approx(
        {"value": 2.0, "low": 2.0 * math.exp(-0.16449 * math.log(2)), "high": 2.0 * math.exp(0.16449 * math.log(2))})


def test_outside_is_said_once_it_lasts(section):
    estimated = Estimated(section, hold=True)
    for now in np.arange(0.0, LASTING, 0.1):
        estimated.take(decision(1.2, 0.0), now)
        assert estimated.words == "" and estimated.judge() == ("", "")
    estimated.take(decision(1.2, 0.0), LASTING)
    assert "payload_mass is estimated at 3.3 kg [3.05, 3.55], the policy was trained for 0 to 3" in estimated.words
    assert estimated.judge() == ("hold", estimated.words)
    assert [outside for outside, *_ in estimated.statuses()[1]] == [True, False]
    estimated.take(decision(1.0, 0.0), LASTING + 0.1)  # back
    assert estimated.words == "" and estimated.judge() == ("", "")
    estimated.take(decision(1.2, 0.0), LASTING + 0.2)  # its time begins anew
    assert estimated.words == ""


def test_a_node_that_was_not_asked_to_hold_only_says_so(section):
    estimated = Estimated(section)
    for now in (0.0, LASTING):
        estimated.take(decision(0.0, -2.0), now)
    assert "stiffness_scale" in estimated.words and estimated.judge() == ("", "") and estimated.closed() == []


def test_a_new_activation_knows_nothing_of_the_last(section):
    estimated = Estimated(section, hold=True)
    for now in (0.0, LASTING):
        estimated.take(decision(2.0, 2.0), now)
    assert estimated.judge()[0] == "hold"
    estimated.start()
    assert estimated.judge() == ("", "") and estimated.row() == {}
    estimated.take(decision(), LASTING)  # a drone on its way to where the task begins has none
    assert estimated.row() == {}


@pytest.fixture(scope="module")
def strange_bundle(tmp_path_factory):
    """Reaches by the hand-written policy, and takes the first joint's angle off home for the payload."""
    task = load_task("ur5e-reach")
    weight = np.concatenate([reach_weight(task), np.zeros((2, task.action_size))])
    return identifying(tmp_path_factory.mktemp("bundle") / "strange.s2r", policy=linear_onnx(weight), gain=30.0)


@pytest.mark.ros
def test_they_are_published_logged_and_replayed(processes, ros, wait, tmp_path, strange_bundle):
    told, diagnosed = [], []
    ros.node.create_subscription(message_class(ARRAY), "/sim2real_policy/parameters", told.append,
                                 ros.qos("reliable", depth=50))
    ros.node.create_subscription(message_class(ARRAY), "/diagnostics",
                                 lambda m: diagnosed.extend(s.message for s in m.status), ros.qos("reliable", depth=50))
    twin = processes.start("twin", "ur5e", "--engine", "mujoco", "--nominal")
    node = processes.start("deploy", strange_bundle, "--arm", "--goal=0.05,-0.55,0.3", "--goal=0.05,0.55,0.3",
                           "--duration", "5", "--log", tmp_path / "run.mcap", "--json")
    wait(lambda: node.poll() is not None, timeout=60.0)
    out, err = node.communicate()
    assert node.returncode == 0, err
    assert len(told) > 20
    status = told[-1].status[0]
    figures = {pair.key: pair.value for pair in status.values}
    assert status.name == "payload_mass" and figures["unit"] == "kg" and figures["training high"] == "3"
    assert float(figures["low"]) < float(figures["value"]) < float(figures["high"])
    assert any("payload_mass is estimated at" in words for words in diagnosed), diagnosed
    rows = read_log(tmp_path / "run.mcap")
    assert len(rows["/parameters"]) == len(rows["/decision"]) and json.loads(out)["commands"] > 100
    assert set(rows["/parameters"][0]["stiffness_scale"]) == {"value", "low", "high"}
    assert main(["replay", str(tmp_path / "run.mcap"), "--bundle", str(strange_bundle)]) == 0
    processes.end(twin)


@pytest.mark.ros
def test_a_node_that_was_asked_to_holds_and_then_stops_for_good(processes, tmp_path, strange_bundle):
    twin = processes.start("twin", "ur5e", "--engine", "mujoco", "--nominal")
    node = processes.start("deploy", strange_bundle, "--arm", "--hold-outside", "--goal=0.05,-0.55,0.3",
                           "--goal=0.05,0.55,0.3", "--log", tmp_path / "run.mcap", "--json")
    _, err = node.communicate(timeout=60)
    assert node.returncode == 1 and "is estimated at" in err, err
    rows = read_log(tmp_path / "run.mcap")
    assert "HOLD" in [row["mode"] for row in rows["/decision"]]
    assert main(["replay", str(tmp_path / "run.mcap"), "--bundle", str(strange_bundle)]) == 0
    processes.end(twin)


@pytest.mark.ros
def test_a_driver_without_the_efforts_that_an_identifier_looks_at_is_named(processes, tmp_path, strange_bundle):
    """Such a node does not arm; a policy without an identifier never asks for efforts."""
    twin = processes.start("twin", "ur5e", "--engine", "mujoco", "--nominal", "--faults",
                           write(tmp_path, {"at": 0.0, "fault": "empty", "field": "effort"}))
    node = processes.start("deploy", strange_bundle, "--arm", "--goal=0.05,-0.55,0.3", "--wait", "8")
    _, err = node.communicate(timeout=60)
    assert node.returncode != 0 and "its efforts cannot be used" in err and "--without-effort" in err, err
    plain = processes.start("deploy", write_policy(tmp_path / "plain.s2r", "ur5e", "reach"), "--arm",
                            "--goal=0.05,-0.55,0.3", "--duration", "2", "--json")
    out, err = plain.communicate(timeout=60)
    assert plain.returncode == 0 and json.loads(out)["commands"] > 100, err
    processes.end(twin)


def test_holding_by_estimates_asks_for_an_identifier(tmp_path, capsys):
    from tests.deployment.tiny_policy import build

    pytest.importorskip("rclpy")
    assert main(["deploy", str(build(tmp_path / "b.s2r")), "--hold-outside"]) == 2
    assert "estimates no parameters" in capsys.readouterr().err
