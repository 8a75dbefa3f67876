"""The schema of robot.yaml: what may stand in it, checked field by field, every number converted to SI.

An error is one line that names the file, the field, the value and the fix.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from sim2real.units import quantity

SCHEMA = 1


def _si(dimension: str):
    return BeforeValidator(lambda value: quantity(value, dimension))


def _at_least(low: float, text: str):
    def check(value: float) -> float:
        if value < low:
            raise ValueError(f"must be {text}")
        return value
    return AfterValidator(check)


def _over_zero(value: float) -> float:
    if value <= 0.0:
        raise ValueError("must be over zero")
    return value


def _ordered(pair: tuple[float, float]) -> tuple[float, float]:
    if pair[0] > pair[1]:
        raise ValueError(f"lower limit {pair[0]:g} is over the upper limit {pair[1]:g}; swap them")
    return pair


_NONNEGATIVE = _at_least(0.0, "zero or more")
_POSITIVE = AfterValidator(_over_zero)
Angle = Annotated[float, _si("rad")]
Place = Annotated[float, _si("m")]
Length = Annotated[float, _si("m"), _NONNEGATIVE]
Time = Annotated[float, _si("s"), _NONNEGATIVE]
Period = Annotated[float, _si("s"), _POSITIVE]
Mass = Annotated[float, _si("kg"), _NONNEGATIVE]
Position = Annotated[float, _si("rad|m")]
Noise = Annotated[float, _si("rad|m"), _NONNEGATIVE]
Velocity = Annotated[float, _si("rad/s|m/s"), _POSITIVE]
RateNoise = Annotated[float, _si("rad/s|m/s"), _NONNEGATIVE]
Acceleration = Annotated[float, _si("rad/s2|m/s2"), _POSITIVE]
Jerk = Annotated[float, _si("rad/s3|m/s3"), _POSITIVE]
Effort = Annotated[float, _si("N m|N"), _POSITIVE]
Friction = Annotated[float, _si("N m|N"), _NONNEGATIVE]
Damping = Annotated[float, _si("N m s/rad|N m s|N s/m"), _NONNEGATIVE]
Stiffness = Annotated[float, _si("N m/rad|N m|N/m"), _POSITIVE]
Armature = Annotated[float, _si("kg m2|kg"), _NONNEGATIVE]
Number = Annotated[float, _si("1")]  # SI already: its unit is the parameter's
PositionRange = Annotated[tuple[Position, Position], AfterValidator(_ordered)]
LengthRange = Annotated[tuple[Length, Length], AfterValidator(_ordered)]
PlaceRange = Annotated[tuple[Place, Place], AfterValidator(_ordered)]
AngleRange = Annotated[tuple[Angle, Angle], AfterValidator(_ordered)]
Vector = tuple[Place, Place, Place]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Tool(_Section):
    """The frame that tasks move: a link, and a pose in it."""

    link: str
    offset: Vector = (0.0, 0.0, 0.0)
    rotation: tuple[Angle, Angle, Angle] = (0.0, 0.0, 0.0)


class Control(_Section):
    """Period of commands and of the engine's steps in [s]."""

    period: Period
    substep: Period

    @model_validator(mode="after")
    def _whole(self):
        steps = self.period / self.substep
        if not (1e-4 <= self.period <= 1.0 and 1 - 1e-9 <= steps < 1e4) or abs(steps - round(steps)) > 1e-6:
            raise ValueError(f"substep {self.substep:g} s must divide period {self.period:g} s (at most 1 s) evenly")
        return self


class JointDefaults(_Section):
    """What joints have in common; a joint may set each of them itself."""

    velocity: Velocity | None = None
    acceleration: Acceleration | None = None
    jerk: Jerk | None = None
    effort: Effort | None = None
    damping: Damping | None = None
    friction: Friction | None = None
    armature: Armature | None = None
    stiffness: Stiffness | None = None
    damping_gain: Damping | None = None


class JointSection(JointDefaults):
    """One actuated joint."""

    home: Position
    position: PositionRange | None = None


class SensorsSection(_Section):
    """What the robot reports: joints of an arm, or the state estimate of a drone.

    ``effort_noise``, over the joint's largest effort, says that an arm reports its drives' torques, too.
    """

    rate: Annotated[float, _si("1/s"), _POSITIVE] = 100.0
    position_noise: Noise = 0.0
    velocity_noise: RateNoise = 0.0
    position_quantum: Noise = 0.0
    delay: Time = 0.0
    attitude_noise: Annotated[float, _si("rad"), _NONNEGATIVE] = 0.0
    gyro_noise: Annotated[float, _si("rad/s"), _NONNEGATIVE] = 0.0
    effort_noise: Annotated[Number, _NONNEGATIVE] | None = None


class ActuatorSection(_Section):
    """Dead time and first-order lag between a command and the servo's target, in [s]."""

    delay: Time = 0.0
    time_constant: Time = 0.0


class PayloadSection(_Section):
    max: Mass = 0.0


class GoalSection(_Section):
    """Region of goals around the base: distance from its z axis [m], height [m], azimuth [rad]."""

    radius: LengthRange
    height: PlaceRange
    azimuth: AngleRange


class PidSection(_Section):
    """Gains from a body rate error to an angular acceleration: p [1/s], i [1/s2], d [-]."""

    p: Annotated[float, _si("1/s"), _NONNEGATIVE]
    i: Annotated[float, _si("1/s2"), _NONNEGATIVE] = 0.0
    d: Annotated[Number, _NONNEGATIVE] = 0.0


class RotorsSection(_Section):
    """Places and turning directions (ccw or cw, seen from above), in the order of the autopilot's motors."""

    positions: list[Vector] = Field(min_length=3)
    directions: list[Literal["ccw", "cw"]]

    @model_validator(mode="after")
    def _same_count(self):
        if len(self.positions) != len(self.directions):
            raise ValueError(f"{len(self.positions)} positions but {len(self.directions)} directions; "
                             "give one direction per rotor")
        return self


class DroneSection(_Section):
    """Rotors, rate loop and battery of a multirotor."""

    rotors: RotorsSection
    thrust_coefficient: Annotated[float, _si("N s2/rad2|N s2"), _POSITIVE]
    torque_ratio: Annotated[float, _si("m"), _POSITIVE]
    max_speed: Annotated[float, _si("rad/s"), _POSITIVE]
    time_constant_up: Period
    time_constant_down: Period
    drag: tuple[Annotated[float, _si("N s/m"), _NONNEGATIVE], Annotated[float, _si("N s/m"), _NONNEGATIVE],
                Annotated[float, _si("N s/m"), _NONNEGATIVE]] = (0.0, 0.0, 0.0)
    rate_gains: dict[Literal["roll", "pitch", "yaw"], PidSection] = Field(min_length=3)
    rate_period: Period = 0.002
    max_rate: tuple[Annotated[float, _si("rad/s"), _POSITIVE], Annotated[float, _si("rad/s"), _POSITIVE],
                    Annotated[float, _si("rad/s"), _POSITIVE]]
    max_collective: Annotated[Number, _POSITIVE] = 1.0
    battery_voltage: Annotated[float, _si("V"), _POSITIVE] = 3.7


class RangeSection(_Section):
    """A robot's own nominal and ranges of a parameter, in that parameter's SI unit; what is left out stays."""

    nominal: Number | None = None
    low: Number | None = None
    high: Number | None = None
    twin_low: Number | None = None
    twin_high: Number | None = None

    @model_validator(mode="after")
    def _inside(self):
        given = [value for value in (self.twin_low, self.low, self.nominal, self.high, self.twin_high)
                 if value is not None]
        if given != sorted(given):
            raise ValueError("expected twin_low <= low <= nominal <= high <= twin_high, got "
                             + ", ".join(f"{value:g}" for value in given))
        return self


def _ground(value: object) -> float:
    return -math.inf if value == "none" else quantity(value, "m")


class WorkspaceSection(_Section):
    """Where an arm's tool may be in the base frame in [m]; an axis that is left out is open."""

    x: PlaceRange | None = None
    y: PlaceRange | None = None
    z: PlaceRange | None = None


class GeofenceSection(_Section):
    """Where a drone may be in the world in [m]; an axis that is left out is open."""

    x: PlaceRange | None = None
    y: PlaceRange | None = None


class SafetySection(_Section):
    """What a deployed robot keeps to; what is left out follows from the goal region (sim2real.deployment.envelope).

    Arms: tool's workspace, distance kept from joint limits [rad], height of the ground [m] (``none``: there is none),
    smallest gap between links and to the ground [m], how much thicker than its shapes the robot is [m], and how long
    [s] and how far [rad] or [m] a joint may be from where it is told to be (sim2real.deployment.tracking). Drones:
    geofence, altitude [m], largest tilt [rad].
    """

    workspace: WorkspaceSection | None = None
    joint_margin: Noise | None = None
    ground: Annotated[float, BeforeValidator(_ground)] | None = None
    clearance: Length | None = None
    padding: Length = 0.0
    tracking_time: Period | None = None
    tracking_error: Annotated[float, _si("rad|m"), _POSITIVE] | None = None
    geofence: GeofenceSection | None = None
    altitude: PlaceRange | None = None
    tilt: Annotated[float, _si("rad"), _POSITIVE] | None = None

    def misplaced(self, kind: str) -> list[str]:
        """Fields that were given and that a robot of another kind than ``kind`` has."""
        other = ("geofence", "altitude", "tilt") if kind == "arm" else (
            "workspace", "joint_margin", "ground", "clearance", "padding", "tracking_time", "tracking_error")
        return sorted(self.model_fields_set & set(other))


class RobotYaml(_Section):
    """A whole robot.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)
    schema_version: Literal[1] = Field(alias="schema")
    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")
    kind: Literal["arm", "drone"]
    description: str = ""
    model: str = Field(pattern=r"\.urdf$")
    tool: Tool | None = None
    control: Control
    defaults: JointDefaults = JointDefaults()
    joints: dict[str, JointSection] = {}
    locked: dict[str, Position] = {}
    sensors: SensorsSection = SensorsSection()
    actuator: ActuatorSection = ActuatorSection()
    payload: PayloadSection = PayloadSection()
    goal: GoalSection | None = None
    safety: SafetySection = SafetySection()
    drone: DroneSection | None = None
    parameters: dict[str, RangeSection] = {}
    cameras: list[dict[str, Any]] = []
    ros: dict[str, Any] = {}
    sources: dict[str, str] = {}

    @model_validator(mode="after")
    def _complete(self):
        if self.kind == "arm":
            for field in ("tool", "goal"):
                if getattr(self, field) is None:
                    raise ValueError(f"an arm needs a {field!r} section")
            if not self.joints:
                raise ValueError("an arm needs at least one joint in 'joints'")
            if self.drone is not None:
                raise ValueError("an arm has no 'drone' section; remove it or set kind: drone")
        elif self.drone is None:
            raise ValueError("a drone needs a 'drone' section with its rotors")
        elif self.joints:
            raise ValueError("a drone has no actuated joints; remove 'joints' (its rotors stand in 'drone')")
        if misplaced := self.safety.misplaced(self.kind):
            raise ValueError(f"field 'safety.{misplaced[0]}' is for {'drones' if self.kind == 'arm' else 'arms'}, "
                             f"this is {'an arm' if self.kind == 'arm' else 'a drone'}; remove it")
        return self
