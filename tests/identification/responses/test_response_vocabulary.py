"""Responses in the vocabulary's words, and a simulator that is set to them and moves as the model says."""

import numpy as np
import pytest

from sim2real.errors import BadInputError, ParameterError
from sim2real.identification.responses.arm_replay import replay
from sim2real.identification.responses.gravity import GravityLoad
from sim2real.identification.responses.joint_response import ResponseModel
from sim2real.identification.responses.log_fit import Estimate
from sim2real.identification.responses.response_vocabulary import as_parameters, stiffness_scale
from sim2real.recordings.recording import Recording
from sim2real.robots import load_robot

JOINTS = {"a": "shoulder_pan", "b": "shoulder_lift"}
TIME = np.arange(300) * 0.02
ROBOT = load_robot("so101")


def model(known=(False, True)):
    estimates = {joint: [Estimate("compliance", "rad/(N m)", 0.08 if told else None, 0.075, 0.085, told)]
                 for joint, told in zip("ab", known, strict=True)}
    return ResponseModel(("a", "b"), "first order with load friction", {
        "dead_time": np.array([0.02, 0.04]), "time_constant": np.array([0.08, 0.06]),
        "compliance": np.array([0.05, 0.08]), "friction": np.array([0.01, 0.005]),
        "load_friction": np.array([0.0, 0.5])}, 0.02, GravityLoad(ROBOT, tuple(JOINTS.values())), estimates)


def log():
    command = 0.1 * (1.0 - np.cos(2.0 * np.pi * TIME / 4.0))  # slow: a response of first order has no inertia
    return Recording("log", TIME, {"command.a": command, "command.b": command - 0.4, "position.a": 0.0 * TIME,
                                   "position.b": 0.0 * TIME - 0.4})


def test_stiffness_by_hand():
    # 1 / 0.08 = 12.5 N m/rad over the description's 18
    assert stiffness_scale(model(), ROBOT) == pytest.approx((12.5 / 18, 1 / 0.085 / 18, 1 / 0.075 / 18))
    with pytest.raises(BadInputError, match="a joint whose compliance is known"):
        stiffness_scale(model((False, False)), ROBOT)


def test_parameters_by_hand():
    pose = np.array([0.0, 0.0])
    found, torque = as_parameters(model(), ROBOT, pose), model().load.torque(pose[None])[0, 1]
    assert found["actuator_delay"] == pytest.approx(0.03)
    assert found["stiffness_scale.shoulder_lift"] == pytest.approx(12.5 / 18)
    assert found["stiffness_scale.shoulder_pan"] == pytest.approx(12.5 / 18)  # its own 0.05 is not known: the other's
    assert found["joint_friction_scale.shoulder_pan"] == pytest.approx(12.5 * 0.01 / 0.052)
    assert found["joint_friction_scale.shoulder_lift"] == pytest.approx(12.5 * (0.005 + 0.5 * 0.08 * torque) / 0.052)
    assert found["damping_gain_scale.shoulder_lift"] == found["joint_damping_scale.shoulder_lift"]
    assert found["joint_damping_scale.shoulder_lift"] == pytest.approx(12.5 * 0.06 / 1.2)


def test_a_simulator_moves_as_the_response_says():
    """Set to the response's values MuJoCo's arm follows it within 5 mrad; with the description's it does not."""
    set_to, as_described = (replay([log()], ROBOT, JOINTS, values, lift=0.2)[0]
                            for values in (as_parameters(model(), ROBOT, np.array([0.1, -0.3])), {}))
    expected = model().predict(log())
    errors = [np.sqrt(((found - expected)[TIME > 0.5, 1] ** 2).mean()) for found in (set_to, as_described)]
    assert errors[0] < 0.005 and errors[1] > 2.0 * errors[0], errors


def test_logs_are_replayed_together_as_alone_and_lengths_are_their_own():
    short = Recording("short", TIME[:150], {name: values[:150] for name, values in log().channels.items()})
    both, alone = replay([log(), short], ROBOT, JOINTS, {}), replay([short], ROBOT, JOINTS, {})
    assert [len(each) for each in both] == [300, 150]
    np.testing.assert_allclose(both[1], alone[0], atol=1e-9)


def test_what_is_not_there_is_named():
    with pytest.raises(BadInputError, match="robot so101: unknown joint 'knee'"):
        replay([log()], ROBOT, {"a": "knee"}, {})
    with pytest.raises(BadInputError, match="log: expected a channel command.c without gaps"):
        replay([log()], ROBOT, {"c": "shoulder_pan"}, {})
    with pytest.raises((ParameterError, BadInputError), match="stiffnes"):
        replay([log()], ROBOT, JOINTS, {"stiffnes_scale": 1.0})
