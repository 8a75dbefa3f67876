"""Bounds of an excitation: each is found where it breaks, by name, and what cannot be is refused."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from sim2real.errors import BadInputError, RobotDescriptionError
from sim2real.identification.excitation.limits import ExcitationLimits, Margin, first_violation
from sim2real.robots import load_robot
from sim2real.simulators import scene

UR5E = load_robot("ur5e")
LIMITS = ExcitationLimits(UR5E)
DT = 0.002


def ramped(size, seconds=1.0, joint=0, dt=DT):
    """Home, then joint ``joint`` goes by ``size`` and back, smoothly: size sin^4(pi t / seconds)."""
    time = np.arange(0.0, seconds + 1e-9, dt)
    q = np.tile(UR5E.home, (len(time), 1))
    q[:, joint] += size * np.sin(np.pi * time / seconds) ** 4
    return q


def broken(q, limits=LIMITS, dt=DT):
    return first_violation(limits.margins(q, dt))


def test_home_is_inside_everything():
    margins = LIMITS.margins(np.tile(UR5E.home, (50, 1)), DT)
    assert first_violation(margins) is None
    assert {margin.quantity for margin in margins} == {"position", "velocity", "acceleration", "jerk", "effort",
                                                       "workspace", "clearance"}
    assert len(margins) == 5 * 6 + 3 + 1


def test_a_small_motion_is_inside_and_its_figures_are_right():
    margins = {(m.quantity, m.element): m for m in LIMITS.margins(ramped(0.2), DT)}
    assert first_violation(list(margins.values())) is None
    # d/dt sin^4(x): 4 sin^3 x cos x, largest at tan x = sqrt 3: 4 (3/4)^1.5 / 2
    fastest = 0.2 * np.pi * 4 * 0.75**1.5 * 0.5
    velocity = margins["velocity", "shoulder_pan_joint"]
    assert abs(velocity.value) == pytest.approx(fastest, rel=1e-4) and velocity.left == pytest.approx(np.pi - fastest,
                                                                                                     rel=1e-3)
    assert min(abs(velocity.time - t) for t in (1 / 3, 2 / 3)) < 0.01
    assert margins["position", "shoulder_pan_joint"].left == pytest.approx(2 * np.pi - 0.1 - 0.2, abs=1e-6)


@pytest.mark.parametrize(("stream", "quantity", "element", "when"), [
    (ramped(3.3), "acceleration", "shoulder_pan_joint", None),
    (ramped(1.2, joint=5), "acceleration", "wrist_3_joint", None),
    (ramped(-2.0, 3.0, joint=1), "workspace", "the tool", None),
    (ramped(1.6, 3.0, joint=1), "clearance", "ground", None),
    (np.concatenate([ramped(0.1)[:250], ramped(0.1)[250:] + 0.01]), "velocity", "shoulder_pan_joint", 0.5),
])
def test_the_first_broken_bound_is_named(stream, quantity, element, when):
    found = broken(stream)
    assert found.quantity == quantity and element in found.element
    assert found.left < 0.0 and found.broken
    if when is not None:
        assert found.time == pytest.approx(when, abs=1e-6)


def test_a_position_over_the_margin_is_found_at_its_row():
    q = ramped(1.55, 4.0, joint=2)  # 1.5708 + 1.55 > pi - 0.1
    row = np.argmax(q[:, 2] > np.pi - 0.1)
    found = {m.element: m for m in LIMITS.margins(q, DT) if m.quantity == "position"}["elbow_joint"]
    assert found.broken and found.time == pytest.approx(row * DT) and found.limit == pytest.approx(np.pi - 0.1)
    assert "position of elbow_joint is 3.04" in str(found) and "the limit is 3.042 rad" in str(found)


def test_a_stream_may_not_jump_off_or_stop_dead():
    q = UR5E.home + 0.01 * np.arange(100)[:, None] * DT * np.ones(6)
    fast = UR5E.home + 0.5 * np.arange(300)[:, None] * DT * [1, 0, 0, 0, 0, 0]
    assert broken(q).quantity == "jerk"  # 0.01 rad/s at once: 2500 rad/s3
    at = {m.quantity: m for m in LIMITS.margins(fast, DT) if m.element == "shoulder_pan_joint"}
    assert at["acceleration"].broken and at["acceleration"].value == pytest.approx(250.0) and not at["velocity"].broken


def test_efforts_are_those_of_the_payload():
    reached = UR5E.home.copy()
    reached[1:3] = -0.2, 0.2  # the arm stretched out
    q = np.tile(reached, (50, 1))
    at = {payload: {m.element: m.value for m in ExcitationLimits(UR5E, payload=payload).margins(q, DT)
                    if m.quantity == "effort"} for payload in (0.0, 3.0)}
    data_model = scene.arm_model(UR5E)
    import mujoco
    data = mujoco.MjData(data_model)
    data.qpos[:] = reached
    mujoco.mj_forward(data_model, data)
    assert at[0.0]["shoulder_lift_joint"] == pytest.approx(abs(data.qfrc_bias[1]), rel=1e-6)
    lever = data.site_xpos[0] - data.xanchor[1]
    more = 3.0 * 9.81 * np.hypot(lever[0], lever[1])
    assert at[3.0]["shoulder_lift_joint"] - at[0.0]["shoulder_lift_joint"] == pytest.approx(more, rel=0.05)
    heavy = ExcitationLimits(UR5E, payload=15.0)
    assert {m.element for m in heavy.margins(q, DT) if m.quantity == "effort" and m.broken} >= {"shoulder_lift_joint"}
    assert not any(m.broken for m in LIMITS.margins(q, DT) if m.quantity == "effort")


def test_braking_counts_too():
    """A tool that would leave the box by braking from here has no room, though it is inside now."""
    q, still = UR5E.home[None], np.zeros((1, 6))
    fast = still.copy()
    fast[0, 0] = 3.0
    gaps, left = LIMITS.room(q, still, still)
    _, less = LIMITS.room(q, fast, still)
    assert (less <= left + 1e-12).all() and (less < left - 1e-3).any() and gaps.shape == (1, 28)


@pytest.mark.parametrize(("arguments", "words"), [
    ({"box": [[0.6, -0.5, 0.0], [0.8, 0.5, 0.8]]}, "cannot begin at home"),
    ({"box": [[5.0, 5.0, 5.0], [6.0, 6.0, 6.0]]}, "lies outside the workspace"),
    ({"box": [[0.5, 0.0, 0.0], [0.4, 1.0, 1.0]]}, "low under high"),
    ({"box": [0.5, 0.4]}, "low and high of x, y and z"),
    ({"box": [[np.nan] * 3, [1.0] * 3]}, "low under high"),
    ({"payload": -1.0}, "payload: expected 0 to"),
    ({"payload": 1e4}, "payload: expected 0 to"),
    ({"payload": 40.0}, "wrist_1_joint of ur5e cannot hold 40 kg at home: that needs 1.5 times"),
])
def test_impossible_bounds(arguments, words):
    with pytest.raises(BadInputError, match=words):
        ExcitationLimits(UR5E, **arguments)


def test_drones_and_joints_without_limits():
    with pytest.raises(BadInputError, match="crazyflie, a drone; an excitation of drones is not built"):
        ExcitationLimits(load_robot("crazyflie"))
    endless = dataclasses.replace(UR5E, joints=tuple(
        dataclasses.replace(joint, jerk=np.inf) if joint.name == "elbow_joint" else joint for joint in UR5E.joints))
    with pytest.raises(BadInputError, match="joint elbow_joint has no jerk limit"):
        ExcitationLimits(endless)
    turning = dataclasses.replace(UR5E, joints=tuple(
        dataclasses.replace(joint, position=(-np.inf, np.inf)) for joint in UR5E.joints))
    with pytest.raises(BadInputError, match="joint shoulder_pan_joint has no low limit"):
        ExcitationLimits(turning)


def test_a_description_without_limits_says_so(tmp_path):
    folder = tmp_path / "bad"
    folder.mkdir()
    text = UR5E.files["robot.yaml"].decode().replace("  jerk: 500 rad/s3\n", "")
    (folder / "robot.yaml").write_text(text)
    (folder / "ur5e.urdf").write_bytes(UR5E.files["ur5e.urdf"])
    with pytest.raises(RobotDescriptionError, match="jerk' is missing"):
        load_robot(folder)


@pytest.mark.parametrize(("q", "words"), [
    (np.zeros((50, 5)), "6 joints at 8 or more times, got shape \\(50, 5\\)"),
    (np.zeros((4, 6)), "8 or more times"),
    (np.full((20, 6), np.nan), "finite joint positions, row 0"),
])
def test_streams_that_are_none(q, words):
    with pytest.raises(BadInputError, match=words):
        LIMITS.margins(q, DT)


def test_of_several_the_earliest_counts():
    a = Margin("jerk", "a", "rad/s^3", 2.0, 1.0, -1.0, 0.7)
    b = Margin("velocity", "b", "rad/s", 2.0, 1.0, -1.0, 0.3)
    c = Margin("velocity", "c", "rad/s", 0.5, 1.0, 0.5, 0.1)
    assert first_violation([a, b, c]) is b and first_violation([c]) is None
