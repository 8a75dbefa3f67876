"""What ``sim2real doctor --robot R --live`` says of a driver: of made-up messages, and of a twin on the network."""

from __future__ import annotations

import types

import numpy as np
import pytest

from sim2real.robots import load_robot
from sim2real.ros.live import Heard, judge
from sim2real.ros.profiles import JOINT_STATE, ODOMETRY, RosProfile

UR5E, CRAZYFLIE = load_robot("ur5e"), load_robot("crazyflie")
NOW = 1.7e9


def header(stamp):
    return types.SimpleNamespace(stamp=types.SimpleNamespace(sec=int(stamp), nanosec=round(1e9 * (stamp - int(stamp)))))


CARRYING = np.array([0.0, -20.3, -20.3, -1.8, 0.0, 0.0])  # [N m] at home
AMPERE = np.array([12.6, 12.6, 12.6, 9.3, 9.3, 9.3])  # [N m] each


def joints(n=200, rate=500.0, names=UR5E.joint_names, q=None, v=None, age=0.002, stamped=True,
           effort=CARRYING / AMPERE):
    """A JointState driver's messages as a listener has them: at ``rate`` [Hz], ``q`` and ``v`` (n, J)."""
    q = np.tile(UR5E.home, (n, 1)) if q is None else q
    v = np.zeros_like(q) if v is None else v
    samples = []
    for k in range(n):
        t = k / rate
        message = types.SimpleNamespace(header=header(NOW + t - age if stamped else 0.0), name=list(names),
                                        position=q[k].tolist(), velocity=v[k].tolist(),
                                        effort=list(effort))
        samples.append((t, NOW + t, message))
    return samples


def heard(samples, robot=UR5E, kind=JOINT_STATE, **changes):
    topics = [command.topic for command in RosProfile.for_robot(robot).commands.values()]
    return Heard(**{"types": [kind], "samples": samples, "listeners": dict.fromkeys(topics, 1),
                    "commanders": dict.fromkeys(topics, 0), **changes})


def rows(found, robot=UR5E):
    return {f.name: f for f in judge(robot, RosProfile.for_robot(robot), found)}


def test_a_good_driver_has_nothing_to_mend():
    found = rows(heard(joints()))
    assert {f.status for f in found.values()} == {"ok"} and not any(f.remedy for f in found.values())
    assert "500 Hz" in found["rate"].detail and "2 ms old" in found["clock"].detail


@pytest.mark.parametrize(("changes", "name", "status", "words"), [
    ({"types": [], "similar": ["/left/joint_states"]}, "state topic", "missing", "/left/joint_states"),
    ({"types": ["std_msgs/msg/String"]}, "state topic", "missing", "carries std_msgs/msg/String, not sensor_msgs"),
    ({"samples": []}, "state topic", "missing", "0 messages"),
    ({"samples": joints(rate=125.0)}, "rate", "warn", "125 Hz"),
    ({"samples": joints(names=("a", *UR5E.joint_names[1:]))}, "content", "missing", "shoulder_pan_joint"),
    ({"samples": joints(q=np.tile(np.degrees(UR5E.home), (200, 1)))}, "units", "missing", "outside"),
    ({"samples": joints(age=3.0)}, "clock", "warn", "3000 ms"),
    ({"samples": joints(stamped=False)}, "clock", "warn", "no stamps"),
    ({"listeners": {}}, "commands forward_position", "warn", "nobody listens"),
    ({"commanders": {"/forward_position_controller/commands": 2}}, "commands forward_position", "warn", "2 other"),
])
def test_each_fault_has_its_row_and_its_remedy(changes, name, status, words):
    finding = rows(heard(**{"samples": joints(), **changes}))[name]
    assert finding.status == status and words in finding.detail and finding.remedy


@pytest.mark.parametrize(("effort", "status", "words"), [
    (CARRYING / AMPERE, "ok", "gives -20.3 N m, its links weigh -20.3 N m"),
    (3.0 * CARRYING / AMPERE, "ok", "gives -60.9 N m"),  # with a payload
    (CARRYING, "warn", "gives -255.8 N m"),  # newton metres taken for ampere
    (0.0 * CARRYING, "warn", "gives 0.0 N m"),  # without gravity's share
    (-CARRYING / AMPERE, "warn", "gives 20.3 N m"), ([], "warn", "no efforts")])
def test_efforts_are_compared_with_what_the_links_weigh(effort, status, words):
    finding = rows(heard(joints(effort=effort)))["effort"]
    assert finding.status == status and words in finding.detail and bool(finding.remedy) == (status == "warn")


def test_an_arm_straight_up_carries_nothing_to_compare():
    q = np.tile([0.0, -np.pi / 2, 0.0, -np.pi / 2, 0.0, 0.0], (200, 1))
    assert "no joint carries enough" in rows(heard(joints(q=q)))["effort"].detail


def test_degrees_are_recognised():
    finding = rows(heard(joints(q=np.tile(np.degrees(UR5E.home), (200, 1)))))["units"]
    assert "scale: 1 deg" in finding.remedy


@pytest.mark.parametrize(("factor", "status"), [(1.0, "ok"), (-1.0, "warn"), (57.3, "warn"), (0.0, "warn")])
def test_velocities_are_compared_with_the_way_of_a_moving_joint(factor, status):
    t = np.arange(400)[:, None] / 500.0
    q = UR5E.home + np.array([0, 0, 0.2, 0, 0, 0]) * np.sin(3.0 * t)
    v = factor * np.array([0, 0, 0.6, 0, 0, 0]) * np.cos(3.0 * t)
    finding = rows(heard(joints(n=400, q=q, v=v)))["velocity"]
    assert finding.status == status and f"{factor:.1f}" in finding.detail and "elbow_joint" in finding.detail


def test_without_velocities_the_remedy_is_named():
    samples = joints()
    for _, _, message in samples:
        message.velocity = []
    assert "differentiated" in rows(heard(samples))["content"].detail


@pytest.mark.parametrize(("quaternion", "status"), [((0, 0, 0, 1), "ok"), ((1, 0, 0, 0), "warn")])
def test_a_drone_on_its_head_is_a_matter_of_frames(quaternion, status):
    xyzw = types.SimpleNamespace(**dict(zip("xyzw", map(float, quaternion), strict=True)))
    point = types.SimpleNamespace(x=0.0, y=0.0, z=1.0)
    twist = types.SimpleNamespace(linear=point, angular=point)
    samples = [(k / 100.0, NOW + k / 100.0, types.SimpleNamespace(
        header=header(NOW + k / 100.0), pose=types.SimpleNamespace(pose=types.SimpleNamespace(
            position=point, orientation=xyzw)), twist=types.SimpleNamespace(twist=twist))) for k in range(50)]
    found = rows(heard(samples, CRAZYFLIE, ODOMETRY), CRAZYFLIE)
    assert found["pose"].status == status and "height 1.00 m" in found["pose"].detail


def test_a_twin_on_the_network(processes, run_cli, domain):
    import json

    processes.start("twin", "ur5e", "--engine", "mujoco", "--nominal", "--json")
    code, out, err = run_cli("doctor", "--robot", "ur5e", "--live", "--seconds", "2", "--domain-id", str(domain),
                             "--json")
    found = {row["name"]: row for row in json.loads(out)}
    assert code == 0, (out, err)
    assert {row["status"] for row in found.values()} <= {"ok", "warn"}
    assert found["joints"]["status"] == found["units"]["status"] == found["state topic"]["status"] == "ok"
    assert found["commands forward_position"]["status"] == "ok"
    code, out, _ = run_cli("doctor", "--robot", "crazyflie", "--live", "--seconds", "0.5", "--domain-id", str(domain))
    assert code == 1 and "nobody publishes /cf/odom" in out


@pytest.mark.parametrize("arguments", [("--live",), ("--robot", "ur5e"), ("--robot", "ur6", "--live"),
                                       ("--robot", "ur5e", "--live", "--seconds", "0")])
def test_bad_input_is_one_line(run_cli, arguments):
    code, out, err = run_cli("doctor", *arguments)
    assert code == 2 and out == "" and err.count("\n") == 1
