"""The ``ros:`` section of a robot.yaml: which topics, types and conventions the robot's driver speaks.

A robot without one gets the profile of a plain ros2_control robot: ``/joint_states`` in,
``/forward_position_controller/commands`` out.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError, model_validator

from sim2real.errors import RobotDescriptionError, unknown
from sim2real.robots import RobotDescription
from sim2real.ros.section_errors import one_line
from sim2real.ros.sections import POSITIVE, MessageType, Qos, Rate, Section, Time, Topic, si
from sim2real.ros.sensor_sections import CameraTopic, FramesSection
from sim2real.units import parse_unit

JOINT_STATE = "sensor_msgs/msg/JointState"
ODOMETRY = "nav_msgs/msg/Odometry"
POSE = "geometry_msgs/msg/PoseStamped"
MULTI_ARRAY = "std_msgs/msg/Float64MultiArray"
TRAJECTORY = "trajectory_msgs/msg/JointTrajectory"
_STATES = {"arm": (JOINT_STATE,), "drone": (ODOMETRY, POSE)}
_QUANTITIES = {"thrust": None, "rate_x": "rad/s", "rate_y": "rad/s", "rate_z": "rad/s"}
_FIELD = re.compile(r"^(?P<sign>[+-]?)\s*(?P<value>[a-z_]+)\s*(?P<unit>.*)$")


class StateTopic(Section):
    """Where the driver reports the robot's state.

    Attributes:
        rate: Messages per second.
        qos: What the driver's publisher offers.
        velocity: "message", or "differentiated" where the driver leaves joint velocities out (arms); poses always are.
        frame: World and body axes of a drone's message.
        twist_frame: Axes of the linear velocity in an Odometry: "body" by its definition, "world" by crazyswarm2.
        angular_velocity: "message", or "differentiated" from the attitude where the driver leaves it out.
        filter: Time constant of each differentiation's filter in [s].
    """

    topic: Topic
    type: MessageType
    rate: Rate
    qos: Qos = "reliable"
    velocity: Literal["message", "differentiated"] = "message"
    frame: Literal["enu_flu", "ned_frd"] = "enu_flu"
    twist_frame: Literal["body", "world"] = "body"
    angular_velocity: Literal["message", "differentiated"] = "message"
    filter: Time = 0.01


class JointMapping(Section):
    """How the driver calls and counts one joint: ``ours = sign * scale * driver's + offset``.

    Attributes:
        name: The driver's name of the joint; None is our own.
        sign: -1 where the driver turns the other way.
        scale: Our unit per driver's unit: ``1 deg`` for a driver that speaks degrees.
        offset: Our position at the driver's zero in [rad] or [m].
        effort: Our effort per driver's unit, in our axis' sense but for ``sign``: a torque constant times the gear
            ratio, ``12.6 N m``, for a driver that reports a motor's current in ampere.
    """

    name: str | None = None
    sign: Literal[1, -1] = 1
    scale: Annotated[float, si("1|rad|m"), POSITIVE] = 1.0
    offset: Annotated[float, si("rad|m")] = 0.0
    effort: Annotated[float, si("1|N m|N"), POSITIVE] = 1.0


class Thrust(Section):
    """From collective thrust in [N] to the driver's number, which ends in [0, ``max``].

    Attributes:
        map: "linear": ``full * T / newton``. "rotor_speed": ``full * (w - idle) / (top - idle)`` with w the rotor
            speed that gives T. "voltage": ``full * V / battery voltage`` where ``curve`` (c0 + c1 V + c2 V2 + c3 V3)
            is the thrust [N] of one rotor at motor voltage V: a Crazyflie without battery compensation.
        full: The number that stands for full scale.
        max: The largest number the driver takes.
        newton: Collective thrust at full scale in [N] (linear).
        idle, top: Rotor speeds at 0 and at full scale in [rad/s] (rotor_speed).
        curve: Coefficients (voltage).
    """

    map: Literal["linear", "rotor_speed", "voltage"]
    full: Annotated[float, POSITIVE] = 1.0
    max: Annotated[float, POSITIVE] = 1.0
    newton: Annotated[float, si("N"), POSITIVE] | None = None
    idle: Annotated[float, si("rad/s")] = 0.0
    top: Annotated[float, si("rad/s"), POSITIVE] | None = None
    curve: tuple[float, float, float, float] | None = None

    @model_validator(mode="after")
    def _complete(self):
        needed = {"linear": "newton", "rotor_speed": "top", "voltage": "curve"}[self.map]
        if getattr(self, needed) is None:
            raise ValueError(f"thrust map {self.map!r} needs the field {needed!r}; add it")
        return self


def _check_field(text: str) -> str:
    match = _FIELD.match(text)
    if not match or match["value"] not in _QUANTITIES:
        raise ValueError(f"expected '[-]<value> <unit>' with a value of {', '.join(_QUANTITIES)}")
    dimension = _QUANTITIES[match["value"]]
    if dimension is None and (match["unit"] or match["sign"]):
        raise ValueError("thrust takes no sign and no unit here; its 'thrust' section says what the number means")
    if dimension is not None and parse_unit(match["unit"] or dimension)[1] != parse_unit(dimension)[1]:
        raise ValueError(f"expected a unit of {dimension}, as in '{match['value']} deg/s'")
    return text


def parse_field(text: str) -> tuple[str, float]:
    """``"-rate_z deg/s"`` -> ("rate_z", message number per SI unit): (value, factor)."""
    match = _FIELD.match(_check_field(text))
    assert match is not None
    per_unit = parse_unit(match["unit"])[0] if match["unit"] else 1.0
    return match["value"], (-1.0 if match["sign"] == "-" else 1.0) / per_unit


class MessageFields(Section):
    """One message of a drone's command: which of its fields carry what.

    Attributes:
        fields: ``{"linear.y": "rate_x deg/s", "linear.z": "thrust"}``: message field, then value and unit in it.
        constants: Fields with fixed numbers, as a type mask.
        optional: Left out without an error where its message package is not installed.
    """

    topic: Topic
    type: MessageType
    qos: Qos = "reliable"
    fields: dict[str, Annotated[str, AfterValidator(_check_field)]] = {}
    constants: dict[str, float | int | bool] = {}
    optional: bool = False


class CommandTopic(MessageFields):
    """Where the driver takes commands.

    Attributes:
        joints: The controller's ``joints`` parameter, in its own order and the driver's names (arms); None is the
            robot description's order.
        hold: Joints in that list that the policy does not move, with the driver's number to send for them.
        quantity: What an array's numbers are: joint positions, or joint velocities that the driver keeps up until the
            next message, with no end (arms).
        rate: Commands per second that the driver takes; None: one for each of the policy's.
        thrust: What the number for thrust means (drones).
        also: Further messages that leave in the same tick.
        needs: What has to be switched on at the driver first, for people.
    """

    joints: tuple[str, ...] | None = None
    hold: dict[str, float] = {}
    quantity: Literal["position", "velocity"] = "position"
    rate: Rate | None = None
    thrust: Thrust | None = None
    also: tuple[MessageFields, ...] = ()
    needs: str = ""


class WatchdogStage(Section):
    """What the vehicle does by itself once no setpoint came for ``after`` [s]."""

    after: Time
    action: Literal["level", "hold", "motors_off"]


class ExtraTopic(Section):
    """What the driver publishes besides, and the twin as well; rate 0 is latched.

    Attributes:
        value: Where all is well.
        gate: What the policy does while it is anything else: "stop" (latched), "hold" (until all is well), or None.
        least: With that much (Float64) all is well enough.
    """

    topic: Topic
    type: Literal["std_msgs/msg/Float64", "std_msgs/msg/Bool"]
    value: float | bool
    rate: Annotated[float, si("1/s")] = 0.0
    gate: Literal["stop", "hold"] | None = None
    least: float | None = None


class DriverLaunch(Section):
    """The launch file that starts the real driver, and its arguments."""

    package: str
    file: str
    arguments: dict[str, str] = {}


class RosProfile(Section):
    """A whole ``ros:`` section.

    Attributes:
        commands: Interfaces by name; the first is the default.
        joints: Only joints that the driver names or counts differently.
        watchdog: Stages of the vehicle's own setpoint watchdog, soonest first.
        unlock: The vehicle ignores thrust until it has seen one setpoint with zero thrust (Crazyflie).
        cameras: By the names in the description's ``cameras``.
        frames: Where goals in other frames than the robot's find their transforms.
    """

    driver: str = "ros2_control"
    state: StateTopic
    commands: dict[str, CommandTopic] = Field(min_length=1)
    joints: dict[str, JointMapping] = {}
    watchdog: tuple[WatchdogStage, ...] = ()
    unlock: bool = False
    extras: tuple[ExtraTopic, ...] = ()
    cameras: dict[str, CameraTopic] = {}
    frames: FramesSection = FramesSection()
    launch: DriverLaunch | None = None

    @classmethod
    def for_robot(cls, robot: RobotDescription) -> RosProfile:
        """The profile of ``robot``, checked against its joints; the default one where its description has none."""
        where = f"robot {robot.name}, robot.yaml"
        if not robot.ros and robot.kind == "drone":
            raise RobotDescriptionError(f"{where}: a drone needs a 'ros' section; copy the one of crazyflie or x500")
        try:
            profile = cls.model_validate(robot.ros or DEFAULT)
        except ValidationError as error:
            raise RobotDescriptionError(f"{where}: {one_line(error, cls, 'ros')}") from None
        _check(profile, robot, where)
        return profile

    def command(self, interface: str | None = None) -> CommandTopic:
        """The command interface of that name, or the first."""
        if interface is None:
            return next(iter(self.commands.values()))
        if interface not in self.commands:
            raise RobotDescriptionError(unknown("command interface", interface, self.commands))
        return self.commands[interface]


DEFAULT: dict[str, Any] = {
    "state": {"topic": "/joint_states", "type": JOINT_STATE, "rate": 100.0},
    "commands": {
        "forward_position": {"topic": "/forward_position_controller/commands", "type": MULTI_ARRAY},
        "joint_trajectory": {"topic": "/joint_trajectory_controller/joint_trajectory", "type": TRAJECTORY},
    },
}


def _check(profile: RosProfile, robot: RobotDescription, where: str) -> None:
    """What the schema alone cannot see."""
    if profile.state.type not in _STATES[robot.kind]:
        raise RobotDescriptionError(f"{where}: field 'ros.state.type': expected {' or '.join(_STATES[robot.kind])} "
                                    f"for a {robot.kind}, got {profile.state.type!r}")
    for name in profile.joints:
        if name not in robot.joint_names:
            raise RobotDescriptionError(f"{where}: field 'ros.joints': {unknown('joint', name, robot.joint_names)}")
    driver_names = [profile.joints.get(name, JointMapping()).name or name for name in robot.joint_names]
    for interface, command in profile.commands.items():
        place = f"{where}: field 'ros.commands.{interface}"
        if robot.kind == "arm":
            if command.type not in (MULTI_ARRAY, TRAJECTORY):
                raise RobotDescriptionError(f"{place}.type': expected {MULTI_ARRAY} or {TRAJECTORY}, "
                                            f"got {command.type!r}")
            if command.quantity == "velocity" and command.type != MULTI_ARRAY:
                raise RobotDescriptionError(f"{place}.quantity': velocities go as {MULTI_ARRAY}, not as "
                                            f"{command.type}; correct 'type', or leave 'quantity' out")
            given = sorted(command.joints or driver_names)
            if given != sorted([*driver_names, *command.hold]):
                raise RobotDescriptionError(
                    f"{place}.joints': expected each of {', '.join(sorted([*driver_names, *command.hold]))} once, "
                    f"got {', '.join(given)}; joints that the policy leaves alone belong into 'hold' too")
            continue
        found = [parse_field(text)[0] for message in (command, *command.also) for text in message.fields.values()]
        if set(found) != set(_QUANTITIES) or command.thrust is None:
            raise RobotDescriptionError(f"{place}.fields': expected {', '.join(_QUANTITIES)} in the message's fields "
                                        f"and a 'thrust' section, got {', '.join(found) or 'none'}")
