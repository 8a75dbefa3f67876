"""What the launch files share: the robot's side (twin or real driver) and the policy node.

Imported by launch/*.launch.py only; ``launch`` and ``launch_ros`` come with a ROS 2 distribution, not from PyPI.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from sim2real.errors import RobotDescriptionError
from sim2real.robots import load_robot
from sim2real.ros.context import WITH_PARENT
from sim2real.ros.profiles import RosProfile

# name -> (default, description, choices); an empty default leaves the option out
ROBOT_SIDE: dict[str, tuple[str, str, tuple[str, ...] | None]] = {
    "robot": ("ur5e", "Name of a robot, or path to a robot.yaml or .urdf.", None),
    "hardware": ("twin", "twin: a simulated driver. real: the driver named in the robot's ros section.",
                 ("twin", "real")),
    "driver_arguments": ("", "Arguments for the real driver's launch file, as in 'robot_ip:=192.168.1.10'.", None),
    "engine": ("", "Simulator behind the twin; empty takes pybullet where it is installed.",
               ("", "mujoco", "pybullet", "quadrotor")),
    "seed": ("0", "Which twin is drawn.", None),
    "parameters": ("", "YAML file with the twin's parameters; empty draws them from the seed.", None),
    "interface": ("", "Command interface of the robot's ros section; empty takes the first.", None),
    "faults": ("", "YAML file with faults that the twin rehearses.", None),
    "defects": ("default", "Defects that the twin may have: default, none, or names joined by commas.", None),
}
POLICY: dict[str, tuple[str, str, tuple[str, ...] | None]] = {
    "policy": ("", "Policy bundle (.s2r).", None),
    "robot": ROBOT_SIDE["robot"],
    "interface": ROBOT_SIDE["interface"],
    "goal": ("", "One goal 'x,y,z' in [m]; empty waits for goals on the topic ~/goal.", None),
    "goals": ("", "YAML file with a list of goals.", None),
    "sample": ("", "How many goals to draw from the task's own distribution.", None),
    "guard": ("true", "Whether a guard is started too: a process that stops the robot when the policy's dies. Without "
              "it the policy does not move.", ("true", "false")),
    "arm": ("false", "true: your word that the robot has room; it drives at once and ends with it. false: it waits for "
            "the service ~/arm and for its activation.", ("true", "false")),
    "hold_outside": ("false", "true: hold the robot while an estimate of the bundle's identifier is outside the range "
                     "that the policy was trained in.", ("true", "false")),
    "duration": ("", "Stop after this many seconds; empty runs until the goals are done.", None),
    "log": ("auto", "MCAP file for inputs, outputs and decisions; auto: policy.mcap in this launch's own log folder; "
            "none: nothing is recorded.", None),
    "log_size": ("64", "MiB at which the log goes on in another file.", None),
    "log_states": ("true", "false: the log has the states of the policy's steps alone, not every one of the driver's.",
                   ("true", "false")),
}
# deploy.launch.py: the driver runs already unless told otherwise
DEPLOY = {
    **ROBOT_SIDE,
    "hardware": ("running", "running: a driver or twin that runs already. twin: start a simulated driver too. real: "
                 "start the driver named in the robot's ros section too.", ("running", "twin", "real")),
    **POLICY,
}


def declare(arguments: dict[str, tuple[str, str, tuple[str, ...] | None]]) -> list[Any]:
    """Launch arguments with their descriptions and choices."""
    from launch.actions import DeclareLaunchArgument

    return [DeclareLaunchArgument(name, default_value=default, description=text,
                                  **({"choices": list(choices)} if choices else {}))
            for name, (default, text, choices) in arguments.items()]


def options(values: dict[str, str], names: dict[str, str]) -> list[str]:
    """Command line options of the arguments ``names`` (argument -> flag) that are not empty."""
    return [part for name, flag in names.items() if values.get(name) for part in (flag, values[name])]


def twin_arguments(values: dict[str, str]) -> list[str]:
    """Command line of ``sim2real twin``."""
    flags = {"engine": "--engine", "seed": "--seed", "parameters": "--parameters", "defects": "--defects",
             "interface": "--interface", "faults": "--faults"}
    return ["twin", values["robot"], *options(values, flags)]


def deploy_arguments(values: dict[str, str]) -> list[str]:
    """Command line of ``sim2real deploy``."""
    if not values["policy"]:
        raise RobotDescriptionError("the launch argument 'policy' is missing; give policy:=policy.s2r")
    flags = {"robot": "--robot", "interface": "--interface", "goals": "--goals", "sample": "--sample",
             "duration": "--duration", "log": "--log", "log_size": "--log-size"}
    values = {**values, "log": "" if values.get("log") == "none" else values.get("log", "")}
    goal = [f"--goal={values['goal']}"] if values.get("goal") else []  # a goal may begin with a minus
    switches = [flag for name, flag in (("guard", "--require-guard"), ("arm", "--arm"),
                                           ("hold_outside", "--hold-outside")) if values.get(name) == "true"]
    switches += ["--no-log-states"] if values.get("log_states") == "false" else []
    return ["deploy", values["policy"], *options(values, flags), *goal, *switches]


def guard_arguments(values: dict[str, str]) -> list[str]:
    """Command line of ``sim2real guard``."""
    return ["guard", "--robot", values["robot"], *options(values, {"interface": "--interface"})]


def driver_arguments(values: dict[str, str]) -> tuple[str, str, dict[str, str]]:
    """Package, launch file and arguments of the real driver; the launch line's win over the profile's."""
    robot = load_robot(values["robot"])
    driver = RosProfile.for_robot(robot).launch
    if driver is None:
        raise RobotDescriptionError(f"robot {robot.name}: its ros section names no launch file of a real driver; add "
                                    "'ros.launch', or start the driver yourself and leave hardware out")
    given = dict(part.split(":=", 1) for part in shlex.split(values.get("driver_arguments", "")) if ":=" in part)
    return driver.package, driver.file, {**driver.arguments, **given}


def program(arguments: list[str], *, patience: int = 3) -> Any:
    """The action that runs ``sim2real ARGUMENTS``.

    Args:
        patience: Seconds after launch's own SIGINT at which it sends SIGTERM. Where it was interrupted itself, launch
            takes for granted that a terminal has interrupted everything, which is not so below a service manager.
    """
    from launch_ros.actions import Node

    # 40 s: a drone that lands, or an arm that brakes, is not to be killed on the way
    return Node(package="sim2real", executable="sim2real", arguments=arguments, output="screen",
                additional_env={WITH_PARENT: "1"}, sigterm_timeout=str(patience), sigkill_timeout="40")


def robot_side(context: Any, **_: Any) -> list[Any]:
    """The twin's node, the real driver's launch file, or nothing where it runs already."""
    from launch.actions import IncludeLaunchDescription
    from launch.launch_description_sources import AnyLaunchDescriptionSource
    from launch.substitutions import PathJoinSubstitution
    from launch_ros.substitutions import FindPackageShare

    values = context.launch_configurations
    if values["hardware"] == "running":
        return []
    if values["hardware"] == "twin":
        return [program(twin_arguments(values), patience=10)]  # a robot does not leave before its policy
    package, file, arguments = driver_arguments(values)
    path = PathJoinSubstitution([FindPackageShare(package), "launch", file])
    return [IncludeLaunchDescription(AnyLaunchDescriptionSource(path), launch_arguments=arguments.items())]


def policy_side(context: Any, *, ends_all: bool = False, **_: Any) -> list[Any]:
    """The policy node and its guard, which ends with it; with ``ends_all`` everything else is shut down then too."""
    from launch.actions import RegisterEventHandler, Shutdown
    from launch.event_handlers import OnProcessExit

    from launch import logging

    values = dict(context.launch_configurations)
    if values["log"] == "auto":
        values["log"] = str(Path(logging.launch_config.log_dir) / "policy.mcap")
    node = program(deploy_arguments(values))
    guarded = values["guard"] == "true"
    guard = [program(guard_arguments(values), patience=30)] if guarded else []  # a second signal would end it at once
    if not ends_all and not guarded and values.get("hardware", "running") == "running":
        return [node]
    done = OnProcessExit(target_action=node, on_exit=[Shutdown(reason="the policy node has ended")])
    return [*guard, node, RegisterEventHandler(done)]
