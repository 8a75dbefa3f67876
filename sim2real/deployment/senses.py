"""What one sample of a robot's sensors may be after another one: how far anything can have come in the time between.

Bounds are what the robot itself could do, half as much again, and room for noise: a sample outside is wrong, or the
robot was moved by something else. In plain numbers, as numpy's overhead is many times the work for one robot.
"""

from __future__ import annotations

import math

import numpy as np

from sim2real.robots import RobotDescription
from sim2real.types import RobotState

Row = tuple[list[float], ...]  # one sample's numbers

_MORE = 1.5  # times what is commanded at most: servos overshoot
_LATE = 0.5  # of a control period: how unevenly states may come
_SIGMAS = 20.0  # of the description's noise; twins have up to 2.5 times as much
_FASTEST = 2.0  # times the velocity limit: what a joint may report
_MOVING = 0.05  # of the velocity limit: such a joint is on its way
_ROOM = {"joint": 0.02, "position": 0.05, "velocity": 0.3, "attitude": 0.1}  # [rad], [m], [m/s], [rad]
_DRONE_MOVING = 0.02  # [m/s] and [rad/s]


class ArmSenses:
    """An arm's joint positions and velocities."""

    def __init__(self, robot: RobotDescription, period: float):
        sensors = robot.sensors
        self._names = robot.joint_names
        self._rate = (_MORE * robot.velocity_limit).tolist()
        self._room = (_LATE * period * robot.velocity_limit + _ROOM["joint"] + sensors.position_quantum
                      + _SIGMAS * sensors.position_noise).tolist()
        self._fastest = (_FASTEST * robot.velocity_limit + _SIGMAS * sensors.velocity_noise).tolist()
        self._moving = (_MOVING * robot.velocity_limit).tolist()

    def take(self, state: RobotState) -> Row:
        """The numbers of one robot's state."""
        return state.joint_position[0].tolist(), state.joint_velocity[0].tolist()

    def excess(self, row: Row, before: Row, dt: float) -> str:
        """What is impossible about ``row``, ``dt`` [s] after the row ``before``; "" if nothing is."""
        i = 0
        for q, v, old, rate, room, fastest in zip(*row, before[0], self._rate, self._room, self._fastest, strict=True):
            if not abs(q - old) <= rate * dt + room:
                return (f"{self._names[i]} jumped by {q - old:.3f} in {1e3 * dt:.0f} ms; it can do "
                        f"{rate * dt + room:.3f}")
            if not abs(v) <= fastest:
                return f"{self._names[i]} is said to move at {v:.2f} per second; its limit is {fastest / _FASTEST:.2f}"
            i += 1
        return ""

    def moving(self, row: Row) -> str:
        """Which joint is on its way by ``row``, "" if none is."""
        for name, v, least in zip(self._names, row[1], self._moving, strict=True):
            if abs(v) > least:
                return name
        return ""


class DroneSenses:
    """A drone's position, attitude and velocities."""

    def __init__(self, robot: RobotDescription, period: float):
        sensors, rotors = robot.sensors, robot.rotors
        assert rotors is not None
        self._late = _LATE * period
        self._acceleration = _MORE * (rotors.max_thrust / rotors.mass + 9.81)
        self._fastest = float(np.linalg.norm(rotors.max_rate))
        self._turn = _MORE * self._fastest
        self._spin = _FASTEST * self._fastest + _SIGMAS * sensors.gyro_noise
        self._position_room = _ROOM["position"] + _SIGMAS * sensors.position_noise
        self._velocity_room = _ROOM["velocity"] + _SIGMAS * sensors.velocity_noise
        self._attitude_room = _ROOM["attitude"] + _SIGMAS * sensors.attitude_noise

    def take(self, state: RobotState) -> Row:
        """The numbers of one robot's state."""
        return (state.position[0].tolist(), state.quaternion[0].tolist(), state.linear_velocity[0].tolist(),
                state.angular_velocity[0].tolist())

    def excess(self, row: Row, before: Row, dt: float) -> str:
        """What is impossible about ``row``, ``dt`` [s] after the row ``before``; "" if nothing is."""
        (p, q, v, w), (p0, q0, v0, _) = row, before
        time = dt + self._late
        speed = max(math.hypot(*v), math.hypot(*v0))
        for name, unit, moved, most in (
                ("position", "m", math.dist(p, p0),
                 (_MORE * speed + 0.5 * self._acceleration * time) * time + self._position_room),
                ("velocity", "m/s", math.dist(v, v0), self._acceleration * time + self._velocity_room),
                ("attitude", "rad", _angle(q, q0), self._turn * time + self._attitude_room)):
            if not moved <= most:
                return f"the {name} jumped by {moved:.2f} {unit} in {1e3 * dt:.0f} ms; the drone can do {most:.2f}"
        if not math.hypot(*w) <= self._spin:
            return f"the drone is said to turn at {math.hypot(*w):.1f} rad/s; its limit is {self._fastest:.1f}"
        return ""

    def moving(self, row: Row) -> str:
        """What moves by ``row``, "" if nothing does."""
        return "the drone" if math.hypot(*row[2]) > _DRONE_MOVING or math.hypot(*row[3]) > _DRONE_MOVING else ""


def senses_of(robot: RobotDescription, period: float) -> ArmSenses | DroneSenses:
    """The senses of an arm or a drone whose states are looked at every ``period`` [s]."""
    return (ArmSenses if robot.kind == "arm" else DroneSenses)(robot, period)


def contradiction(robot: RobotDescription, before: RobotState, state: RobotState) -> str:
    """Why a ``state`` of one robot cannot follow the one ``before``, "" if it can: one of the two is wrong then.

    Two that agree are needed to begin with: what is commanded first is where the robot is said to be.
    """
    senses = senses_of(robot, robot.control_period)
    return senses.excess(senses.take(state), senses.take(before), max(float(state.time[0] - before.time[0]), 0.0))


def _angle(q: list[float], q0: list[float]) -> float:
    """Between two attitudes in [rad], whatever the length and sign of their quaternions."""
    dot = sum(a * b for a, b in zip(q, q0, strict=True))
    return 2.0 * math.acos(min(abs(dot) / max(math.hypot(*q) * math.hypot(*q0), 1e-12), 1.0))
