"""Faults of the robot itself, of its driver, and of the commands on their way to it."""

from __future__ import annotations

import time
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from sim2real.errors import BadInputError, RobotDescriptionError, unknown
from sim2real.parameters import ParameterSpace
from sim2real.robots import RobotDescription
from sim2real.ros.context import message_class
from sim2real.ros.fault_types import Angle, Fault, Mass, Rate, Share, Stage, Time, joint_column
from sim2real.ros.joint_faults import JointFault
from sim2real.ros.messages import CommandWriter
from sim2real.ros.profiles import RosProfile
from sim2real.ros.twin_plant import TRANSPORT


class Parameter(Fault):
    """A parameter of the twin has another value."""

    acts_on: ClassVar[str] = "robot"
    name: str = Field(description="its name, as sim2real list parameters prints it")
    value: float = Field(description="its value, in the parameter's unit")

    def check(self, robot: RobotDescription, profile: RosProfile) -> None:
        space = ParameterSpace.for_robot(robot)
        known = [name for name in space.names if name not in TRANSPORT]
        if self.name not in known:
            raise BadInputError(unknown("parameter", self.name, known))
        space.check(self.name, self.value)

    def begin(self, stage: Stage, now: float) -> None:
        stage.plant.override(self.who, self.name, self.value)

    def end(self, stage: Stage, now: float) -> None:
        stage.plant.override(self.who, self.name, None)


class Payload(Fault):
    """The payload changes: something is picked up, lost or hangs on."""

    acts_on: ClassVar[str] = "robot"
    mass: Mass = Field(description="the payload's mass in [kg]")

    def check(self, robot: RobotDescription, profile: RosProfile) -> None:
        ParameterSpace.for_robot(robot).check("payload_mass", self.mass)

    def begin(self, stage: Stage, now: float) -> None:
        stage.plant.override(self.who, "payload_mass", self.mass)

    def end(self, stage: Stage, now: float) -> None:
        stage.plant.override(self.who, "payload_mass", None)


class RotorLoss(Fault):
    """A rotor loses thrust."""

    robots: ClassVar[tuple[str, ...]] = ("drone",)
    acts_on: ClassVar[str] = "robot"
    rotor: Annotated[int, Field(ge=1)] = Field(1, description="its number, from 1")
    loss: Share = Field(0.3, description="share of its thrust that is lost")

    def check(self, robot: RobotDescription, profile: RosProfile) -> None:
        count = len(robot.rotors.positions) if robot.rotors else 0
        if self.rotor > count:
            raise BadInputError(f"field 'rotor': expected 1 to {count}, got {self.rotor}")
        self._parameter(ParameterSpace.for_robot(robot))

    def begin(self, stage: Stage, now: float) -> None:
        name, value = self._parameter(ParameterSpace.for_robot(stage.robot))
        stage.plant.override(self.who, name, value)

    def end(self, stage: Stage, now: float) -> None:
        stage.plant.override(self.who, f"rotor_thrust_scale.{self.rotor}", None)

    def _parameter(self, space: ParameterSpace) -> tuple[str, float]:
        name = f"rotor_thrust_scale.{self.rotor}"
        return name, space.check(name, 1.0 - self.loss)


class BlockedJoint(JointFault):
    """A joint is stuck: its friction is over what its motor can do."""

    acts_on: ClassVar[str] = "robot"

    def check(self, robot: RobotDescription, profile: RosProfile) -> None:
        super().check(robot, profile)
        self._parameter(robot)

    def begin(self, stage: Stage, now: float) -> None:
        stage.plant.override(self.who, *self._parameter(stage.robot))

    def end(self, stage: Stage, now: float) -> None:
        stage.plant.override(self.who, self._parameter(stage.robot)[0], None)

    def _parameter(self, robot: RobotDescription) -> tuple[str, float]:
        column = joint_column(self.joint, robot)
        name, friction = f"joint_friction_scale.{robot.joint_names[column]}", float(robot.friction[column])
        space = ParameterSpace.for_robot(robot)
        most = space[name].physical_high
        scale = 3.0 * float(robot.effort_limit[column]) / friction if friction > 0.0 else np.inf
        if scale > most:
            raise RobotDescriptionError(f"joint {robot.joint_names[column]}: its friction of {friction:g} N m times "
                                        f"{most:g} does not block it; give it more in robot.yaml")
        return name, scale


class EStop(Fault):
    """The robot's program stops (emergency or protective stop); then it runs again, as if its operator started it."""

    robots: ClassVar[tuple[str, ...]] = ("arm",)
    acts_on: ClassVar[str] = "robot"
    chatter: Time = Field(0.0, description="pressed and released in turn for so long each in [s]; 0: pressed")

    def begin(self, stage: Stage, now: float) -> None:
        stage.plant.stop(self.who, now)

    def tick(self, stage: Stage, now: float, elapsed: float) -> None:
        if self.chatter:
            pressed = int(elapsed / self.chatter) % 2 == 0
            if pressed:
                stage.plant.stop(self.who, now)
            else:
                stage.plant.run(self.who)

    def end(self, stage: Stage, now: float) -> None:
        stage.plant.run(self.who)


class SpeedScaling(Fault):
    """Somebody moves the speed slider down, and up again before the end."""

    robots: ClassVar[tuple[str, ...]] = ("arm",)
    acts_on: ClassVar[str] = "robot"
    to: Share = Field(0.0, description="the lowest speed, 0 to 1 or in %")
    ramp: Time = Field(0.5, description="time from full speed to there, and back, in [s]")

    def check(self, robot: RobotDescription, profile: RosProfile) -> None:
        if 2.0 * self.ramp > self.duration:
            raise BadInputError(f"field 'ramp': two of {self.ramp:g} s do not fit into 'for' of {self.duration:g} s")

    def tick(self, stage: Stage, now: float, elapsed: float) -> None:
        edge = min(elapsed, self.duration - elapsed)
        share = min(max(edge / self.ramp, 0.0), 1.0) if self.ramp else 1.0
        stage.plant.slow(self.who, 1.0 + (self.to - 1.0) * share)

    def end(self, stage: Stage, now: float) -> None:
        stage.plant.slow(self.who, None)


class Restart(JointFault):
    """The driver is away: no states, no commands taken; then it is back with the robot in another place."""

    robots: ClassVar[tuple[str, ...]] = ("arm", "drone")
    acts_on: ClassVar[str] = "robot"
    by: Angle = Field(0.3, description="how far a joint has moved in [rad] or [m]; a drone: along x in [m]")

    def check(self, robot: RobotDescription, profile: RosProfile) -> None:
        super().check(robot, profile)
        if self.for_ is None:
            raise BadInputError("field 'for' is missing: how long the driver is away; add it")

    @property
    def takes_commands(self) -> bool:
        return False

    def messages(self, batch: list[Any], elapsed: float, stage: Stage) -> list[Any]:
        return []

    def end(self, stage: Stage, now: float) -> None:
        offset = np.zeros(stage.robot.num_joints or 3)
        offset[joint_column(self.joint, stage.robot)] = self.by
        stage.plant.restart(offset, now)


class Mute(Fault):
    """A topic beside the state says nothing: speed scaling, whether the program runs."""

    acts_on: ClassVar[str] = "state"
    topic: str = Field(description="the topic, or the last part of its name")

    def check(self, robot: RobotDescription, profile: RosProfile) -> None:
        if not any(self.mutes(extra.topic) for extra in profile.extras):
            known = [extra.topic.rsplit("/", 1)[-1] for extra in profile.extras]
            raise BadInputError(unknown("topic beside the state", self.topic, known))

    def mutes(self, topic: str) -> bool:
        return self.topic in (topic, topic.rsplit("/", 1)[-1])


class LinkLoss(Fault):
    """Commands do not reach the robot."""

    acts_on: ClassVar[str] = "commands"

    @property
    def takes_commands(self) -> bool:
        return False


class _AtInterface(Fault):
    acts_on: ClassVar[str] = "commands"
    interface: str | None = Field(None, description="command interface; default: the profile's first")

    def check(self, robot: RobotDescription, profile: RosProfile) -> None:
        profile.command(self.interface)


class SwitchController(_AtInterface):
    """Somebody switches to another controller, and back at the end."""

    robots: ClassVar[tuple[str, ...]] = ("arm",)
    interface: str = Field(description="the interface that becomes active")
    _before: str | None = None

    def begin(self, stage: Stage, now: float) -> None:
        self._before = stage.controllers.active
        stage.controllers.switch(self.interface)

    def end(self, stage: Stage, now: float) -> None:
        if self._before is not None:
            stage.controllers.switch(self._before)


class Rival(_AtInterface):
    """Another node sends commands, too: an arm to a pose beside where it is, a drone to turn while it hovers."""

    rate: Rate = Field(50.0, description="messages per second")
    by: Angle = Field(0.2, description="how far the first joint is to move in [rad] or [m], or in a second by a "
                                       "velocity interface; a drone: yaw rate in [rad/s]")
    _node: Any = None
    _sent: int = 0

    def begin(self, stage: Stage, now: float) -> None:
        if stage.ros is None:
            raise BadInputError("the fault rival is a ROS node; run it with sim2real twin --faults")
        command = stage.profile.command(self.interface)
        self._node = stage.ros.rclpy.create_node(f"rival_{self._place + 1}", context=stage.ros.context)
        parts = [command, *(part for part in command.also if not part.optional)]
        self._publishers = {part.topic: self._node.create_publisher(message_class(part.type), part.topic,
                                                                    stage.ros.qos(part.qos)) for part in parts}
        self._writer = CommandWriter(stage.robot, stage.profile, command, lambda name: message_class(name)(),
                                     [part.topic for part in command.also if part.optional], period=1.0)
        if stage.robot.kind == "drone":
            self._from = self._to = np.array([stage.robot.hover_thrust, 0.0, 0.0, self.by])
        else:
            self._from = stage.plant.true_state().joint_position[0].copy()
            self._to = self._from.copy()
            self._to[0] += self.by

    def tick(self, stage: Stage, now: float, elapsed: float) -> None:
        if elapsed * self.rate < self._sent:
            return
        self._sent += 1
        for part, message in self._writer.write(self._to, self._from, time.time()):
            self._publishers[part.topic].publish(message)

    def end(self, stage: Stage, now: float) -> None:
        if self._node is not None:
            self._node.destroy_node()
            self._node = None
