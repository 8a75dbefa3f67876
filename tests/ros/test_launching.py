"""Command lines that the launch files put together, checked against the commands' own parsers."""

from __future__ import annotations

import argparse

import pytest

from sim2real.cli import deploy, twin
from sim2real.errors import RobotDescriptionError
from sim2real.robots import list_robots
from sim2real.ros import launching


def parse(module, arguments):
    parser = argparse.ArgumentParser(exit_on_error=False)
    module.configure(parser)
    return parser.parse_args([*arguments, "--ros-args", "-r", "__node:=x"])  # as launch_ros adds them


def defaults(arguments, **given):
    return {**{name: default for name, (default, _, _) in arguments.items()}, **given}


def test_twin_command_line():
    args = launching.twin_arguments(defaults(launching.ROBOT_SIDE, seed="4", engine="mujoco", parameters="p.yaml"))
    parsed = parse(twin, args[1:])
    assert args[0] == "twin" and (parsed.robot, parsed.engine, parsed.seed) == ("ur5e", "mujoco", 4)
    assert (parsed.parameters, parsed.defects, parsed.duration) == ("p.yaml", "default", None)
    assert parsed.ros_args == ["-r", "__node:=x"]


def test_deploy_command_line():
    args = launching.deploy_arguments(defaults(launching.POLICY, policy="p.s2r", goal="-0.3,0,1", sample="3",
                                               interface="joint_trajectory", duration="5", log="l.mcap"))
    parsed = parse(deploy, args[1:])
    assert (parsed.bundle, parsed.robot, parsed.goal, parsed.sample) == ("p.s2r", "ur5e", ["-0.3,0,1"], 3)
    assert (parsed.interface, parsed.duration, parsed.log) == ("joint_trajectory", 5.0, "l.mcap")


def test_empty_arguments_are_left_out():
    arguments = launching.deploy_arguments(defaults(launching.POLICY, policy="p.s2r", log="none"))
    assert arguments == ["deploy", "p.s2r", "--robot", "ur5e", "--log-size", "64", "--require-guard"]
    alone = launching.deploy_arguments(defaults(launching.POLICY, policy="p.s2r", log="none", log_size="",
                                                guard="false"))
    assert alone == ["deploy", "p.s2r", "--robot", "ur5e"]
    few = launching.deploy_arguments(defaults(launching.POLICY, policy="p.s2r", log="none", log_states="false"))
    assert few == [*arguments, "--no-log-states"] and not parse(deploy, few[1:]).log_states
    armed = launching.deploy_arguments(defaults(launching.POLICY, policy="p.s2r", log="none", arm="true"))
    assert armed == [*arguments, "--arm"] and parse(deploy, armed[1:]).arm
    with pytest.raises(RobotDescriptionError, match="launch argument 'policy' is missing"):
        launching.deploy_arguments(defaults(launching.POLICY))


def test_the_real_driver_and_who_wins():
    package, file, arguments = launching.driver_arguments(
        {"robot": "ur5e", "driver_arguments": "robot_ip:=192.168.1.10 launch_rviz:=true"})
    assert (package, file) == ("ur_robot_driver", "ur_control.launch.py")
    assert arguments["robot_ip"] == "192.168.1.10" and arguments["launch_rviz"] == "true"
    assert arguments["ur_type"] == "ur5e"
    with pytest.raises(RobotDescriptionError, match="robot so101: its ros section names no launch file"):
        launching.driver_arguments({"robot": "so101"})


def test_every_argument_is_described_and_engines_are_real():
    from sim2real.simulators import list_engines

    for text, choices in ((text, choices) for arguments in (launching.ROBOT_SIDE, launching.DEPLOY)
                          for _, text, choices in arguments.values()):
        assert text.endswith(".") and (choices is None or len(choices) > 1)
    assert set(launching.ROBOT_SIDE["engine"][2]) - {""} == set(list_engines())
    assert launching.ROBOT_SIDE["robot"][0] in list_robots()
    assert launching.ROBOT_SIDE["hardware"][2] == ("twin", "real")


def test_guard_command_line():
    from sim2real.cli import guard

    arguments = launching.guard_arguments(defaults(launching.POLICY, interface="forward_velocity"))
    parsed = parse(guard, arguments[1:])
    assert arguments[0] == "guard" and (parsed.robot, parsed.interface) == ("ur5e", "forward_velocity")


def test_the_twin_gets_the_interface_and_its_faults():
    arguments = launching.twin_arguments(defaults(launching.ROBOT_SIDE, interface="joint_trajectory", faults="f.yaml"))
    assert arguments[-4:] == ["--interface", "joint_trajectory", "--faults", "f.yaml"]
