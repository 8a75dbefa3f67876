"""The SROS2 policy allows exactly what the running nodes create: nothing is missing, and nothing is too much."""

from __future__ import annotations

import importlib.util
import sys
import time
from dataclasses import fields, replace
from xml.etree import ElementTree

import pytest

from sim2real.errors import BadInputError
from sim2real.robots import load_robot
from sim2real.ros.access import PROCESSES, Access, accesses, enclave_path, policy_xml
from sim2real.ros.profiles import RosProfile
from tests.deployment.hand_identifier import identifying

KINDS = [field.name for field in fields(Access)[1:]]


def of(robot="ur5e", interface=None, arguments=()):
    robot = load_robot(robot)
    profile = RosProfile.for_robot(robot)
    return robot, profile, profile.command(interface), arguments


def installed_here(node: Access, robot, profile) -> Access:
    """Without what needs message packages that are not on this machine."""
    absent = set()
    types = {part.topic: part.type for command in profile.commands.values() for part in (command, *command.also)}
    absent |= {topic for topic, kind in types.items() if importlib.util.find_spec(kind.split("/")[0]) is None}
    if importlib.util.find_spec("controller_manager_msgs") is None:
        absent |= {"/controller_manager/switch_controller", "/controller_manager/list_controllers"}
    if importlib.util.find_spec("mavros_msgs") is None:
        absent.add("/mavros/set_mode")
    return replace(node, **{kind: getattr(node, kind) - absent for kind in KINDS})


def created(node, name: str, namespace: str) -> Access:
    """What a running node has, by what discovery says of it."""
    ask = {"publish": node.get_publisher_names_and_types_by_node,
           "subscribe": node.get_subscriber_names_and_types_by_node,
           "reply": node.get_service_names_and_types_by_node, "request": node.get_client_names_and_types_by_node}
    return Access(name, **{kind: frozenset(row[0] for row in asked(name, namespace)) for kind, asked in ask.items()})


def wait_for(ros, nodes: list[Access], namespace: str) -> list[Access]:
    """The running nodes once they have what is expected, or what they have after a minute."""
    end = time.monotonic() + 60.0
    while True:
        ros.spin_once(0.05)
        there = {(name, ns) for name, ns in ros.node.get_node_names_and_namespaces()}
        if all((node.node, namespace) in there for node in nodes):
            found = [created(ros.node, node.node, namespace) for node in nodes]
            if found == nodes or time.monotonic() > end:
                return found
        assert time.monotonic() < end + 5.0, f"expected {[node.node for node in nodes]}, got {sorted(there)}"


@pytest.mark.parametrize(("robot", "task", "interface", "arguments"), [
    ("ur5e", "reach", "forward_position", ()),
    ("so101", "reach", None, ("-r", "__ns:=/left", "-r", "/joint_states:=/follower/joint_states")),
    ("x500", "hover", "rates", ()),
    ("crazyflie", "hover", None, ("-r", "/cf/odom:=/cf231/odom", "-r", "/cf/cmd_vel_legacy:=/cf231/cmd_vel_legacy"))])
def test_the_running_nodes_have_exactly_that(robot, task, interface, arguments, ros, processes, tmp_path):
    what = of(robot, interface, arguments)
    expected = accesses(*what)
    bundle = identifying(tmp_path / "policy.s2r", f"{robot}-{task}")
    chosen = ["--interface", interface] if interface else []
    engine = "mujoco" if what[0].kind == "arm" else "quadrotor"
    cameras = [f"--require-camera={name}" for name in what[1].cameras]
    for verb in (("twin", robot, "--engine", engine, *(["--cameras"] if cameras else [])),
                 ("guard", "--robot", robot, *chosen), ("deploy", bundle, *chosen, *cameras)):
        processes.popen([sys.executable, "-m", "sim2real", *map(str, verb), "--domain-id", str(processes.domain),
                         *(["--ros-args", *arguments] if arguments else [])])
    namespace = "/left" if "__ns:=/left" in arguments else "/"
    for process in ("twin", "guard", "policy"):
        nodes = [installed_here(node, *what[:2]) for node in expected[process]]
        assert wait_for(ros, nodes, namespace) == nodes


def test_the_policy_file_says_the_same_in_the_format_of_sros2():
    what = of("ur5e", "forward_velocity")
    root = ElementTree.fromstring(policy_xml(*what))
    assert (root.tag, root.attrib) == ("policy", {"version": "0.2.0"})
    assert [child.tag for child in root] == ["enclaves"]
    enclaves = {enclave.get("path"): enclave for enclave in root.iterfind("enclaves/enclave")}
    assert list(enclaves) == [f"/sim2real/ur5e/{process}" for process in PROCESSES]
    for process, nodes in accesses(*what).items():
        found = []
        for section in enclaves[f"/sim2real/ur5e/{process}"].iterfind("profiles/profile"):
            assert section.get("ns") == "/"
            names = {}
            for group in section:
                (kind, word), = group.attrib.items()
                assert word == "ALLOW" and group.tag == ("topics" if kind in KINDS[:2] else "services")
                assert {child.tag for child in group} == {group.tag[:-1]}
                names[kind] = frozenset(child.text for child in group)
            found.append(Access(section.get("node"), **names))
        assert found == nodes


def test_only_the_runner_and_the_guard_may_command_and_only_by_their_interface():
    what = of("ur5e", "forward_velocity")
    topics = {command.topic for command in what[1].commands.values()}
    for process, nodes in accesses(*what).items():
        commands = set().union(*(node.publish for node in nodes)) & topics
        assert commands == ({"/forward_velocity_controller/commands"} if process in ("policy", "guard") else set())
    text = policy_xml(*what)
    assert "DENY" not in text and not any(f"<{kind}>/*</{kind}>" in text for kind in ("topic", "service"))


@pytest.mark.parametrize("robot", ["ur5e", "fr3", "so101", "crazyflie", "x500"])
def test_every_robot_and_interface_has_a_policy(robot):
    for interface in RosProfile.for_robot(load_robot(robot)).commands:
        what = of(robot, interface)
        publish = accesses(*what)["policy"][0].publish
        assert {what[2].topic, *(part.topic for part in what[2].also)} <= publish
        ElementTree.fromstring(policy_xml(*what))


def test_an_operator_may_ask_what_the_policy_node_answers():
    found = accesses(*of())
    (operator,), policy = found["operator"], found["policy"][1]
    assert operator.request < policy.reply and "/sim2real_policy/arm" in operator.request
    assert operator.publish & policy.subscribe == {"/sim2real_policy/goal"}
    assert "/sim2real_policy/status" in operator.subscribe


def test_cameras_frames_and_simulation_time_are_part_of_it():
    robot, profile, _, _ = of("ur5e")
    profile = RosProfile.model_validate({
        **profile.model_dump(), "cameras": {"wrist-1": {"image": "/wrist/image", "info": "/wrist/camera_info"}},
        "frames": {"tf": True, "topics": [{"topic": "/table", "type": "geometry_msgs/msg/TransformStamped"}]}})
    found = accesses(robot, profile, profile.command(), ["-p", "use_sim_time:=true"])
    assert {"/table", "/tf", "/tf_static", "/clock"} <= found["policy"][0].subscribe
    assert (found["policy"][2].node, found["twin"][1].node) == ("camera_wrist_1", "ur5e_twin_cameras")
    assert found["policy"][2].subscribe == {"/wrist/image", "/wrist/camera_info", "/clock"}
    assert {"/wrist/image", "/wrist/camera_info"} <= found["twin"][1].publish
    assert not {"/wrist/image", "/tf"} & found["guard"][0].subscribe


def test_a_changed_profile_changes_the_policy():
    robot, profile, _, _ = of("so101")
    before = accesses(robot, profile, profile.command())["policy"][0].subscribe
    other = RosProfile.model_validate({**profile.model_dump(), "state": {**profile.state.model_dump(),
                                                                         "topic": "arm/states"}})
    after = accesses(robot, other, other.command(), ["-r", "__ns:=/left"])["policy"][0].subscribe
    assert after - before == {"/left/arm/states"} and before - after == {"/joint_states"}


@pytest.mark.parametrize("arguments", [["-r", "__node:=x"], ["-r", "/a:="], ["-r", "x"], ["--enclave", "/x"], ["-r"],
                                       ["-r", "a:b:=c"], ["-p"], ["-r", "-p"]])
def test_what_cannot_be_foreseen_is_refused(arguments):
    with pytest.raises(BadInputError, match="remap|of the form -r FROM:=TO"):
        accesses(*of(arguments=arguments))


def test_enclaves_have_names_that_are_allowed():
    assert enclave_path(replace(load_robot("so101"), name="my-arm.2"), "guard") == "/sim2real/my_arm_2/guard"


def test_the_command_writes_the_file_and_says_what_to_do_with_it(run_cli, tmp_path):
    code, out, err = run_cli("security", "--robot", "ur5e", "-o", "policy.xml")
    assert (code, err) == (0, "")
    assert (tmp_path / "policy.xml").read_text() == policy_xml(*of())
    assert "ros2 security create_permission KEYSTORE /sim2real/ur5e/guard policy.xml" in out
    assert run_cli("security", "--robot", "ur5e")[1] == policy_xml(*of())
    code, out, err = run_cli("security", "--robot", "ur5e", "--interface", "nonsense")
    assert code == 2 and "unknown command interface 'nonsense'" in err
