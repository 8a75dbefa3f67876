"""The parts of a robot description: joints, sensors, goal region, rotors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ActuatedJoint:
    """One commanded joint; SI units (a prismatic joint has m and N in place of rad and N m).

    Attributes:
        name: Its name in the URDF.
        position: Lowest and highest position in [rad].
        velocity: Fastest in [rad/s].
        acceleration: Largest in [rad/s2].
        jerk: Largest in [rad/s3].
        effort: Largest torque of the drive in [N m].
        home: Position at the start in [rad].
        damping: Viscous friction in [N m s/rad].
        friction: Coulomb friction in [N m].
        armature: Inertia of the rotor seen through the gear in [kg m2].
        stiffness: Servo gain kp in [N m/rad].
        damping_gain: Servo gain kd in [N m s/rad].
    """

    name: str
    position: tuple[float, float]
    velocity: float
    acceleration: float
    jerk: float
    effort: float
    home: float
    damping: float
    friction: float
    armature: float
    stiffness: float
    damping_gain: float


@dataclass(frozen=True)
class Sensors:
    """Rate [Hz], standard deviations of noise, resolution and delay [s] of what the robot reports.

    ``effort_noise`` is a share of each joint's largest effort, None where the robot reports no efforts of its drives.
    """

    rate: float = 100.0
    position_noise: float = 0.0
    velocity_noise: float = 0.0
    position_quantum: float = 0.0
    delay: float = 0.0
    attitude_noise: float = 0.0
    gyro_noise: float = 0.0
    effort_noise: float | None = None


@dataclass(frozen=True)
class ActuatorDefaults:
    """Dead time and first-order lag between a command and the servo's target, in [s]."""

    delay: float = 0.0
    time_constant: float = 0.0


@dataclass(frozen=True)
class GoalRegion:
    """A cylindrical shell in the base frame: distance from the z axis [m], height [m], azimuth about z [rad]."""

    radius: tuple[float, float]
    height: tuple[float, float]
    azimuth: tuple[float, float]

    def sample(self, uniforms: np.ndarray) -> np.ndarray:
        """Points (n, 3) spread evenly over the region's volume, of uniforms (n, 3) in [0, 1)."""
        u = np.asarray(uniforms, float)
        radius = np.sqrt(self.radius[0]**2 + u[:, 0] * (self.radius[1]**2 - self.radius[0]**2))
        azimuth = self.azimuth[0] + u[:, 1] * (self.azimuth[1] - self.azimuth[0])
        height = self.height[0] + u[:, 2] * (self.height[1] - self.height[0])
        return np.stack([radius * np.cos(azimuth), radius * np.sin(azimuth), height], axis=-1)


@dataclass(frozen=True)
class RotorModel:
    """Rotors, body rate loop and battery of a multirotor.

    Attributes:
        positions: In the body frame (FLU) in [m], shape (rotors, 3).
        directions: +1 turns counter-clockwise seen from above, -1 clockwise, shape (rotors,). The body feels the
            opposite torque about +z: ``-direction * torque_ratio * thrust``.
        thrust_coefficient: Thrust over squared speed in [N/(rad/s)2].
        torque_ratio: Reaction torque over thrust in [m].
        max_speed: Fastest rotor speed in [rad/s].
        time_constant_up: First-order lag of a rising speed in [s].
        time_constant_down: The same of a falling one in [s].
        mass: Of the whole vehicle in [kg].
        inertia: Principal terms Ixx, Iyy, Izz of the whole vehicle in [kg m2], shape (3,).
        drag: Linear drag along body x, y, z in [N s/m], shape (3,).
        rate_gains: PID per axis (x, y, z) from a rate error to an angular acceleration: columns p [1/s], i [1/s2],
            d [-], shape (3, 3).
        rate_period: Period of that loop in [s].
        max_rate: Largest commanded body rates in [rad/s], shape (3,).
        max_collective: Largest commanded collective thrust over the rotors' largest.
        battery_voltage: Nominal voltage in [V].
    """

    positions: np.ndarray
    directions: np.ndarray
    thrust_coefficient: float
    torque_ratio: float
    max_speed: float
    time_constant_up: float
    time_constant_down: float
    mass: float
    inertia: np.ndarray
    drag: np.ndarray
    rate_gains: np.ndarray
    rate_period: float
    max_rate: np.ndarray
    max_collective: float
    battery_voltage: float

    @property
    def allocation(self) -> np.ndarray:
        """Rotor thrusts [N] -> collective thrust [N] and body torques [N m] about x, y, z; shape (4, rotors)."""
        x, y = self.positions[:, 0], self.positions[:, 1]
        return np.stack([np.ones_like(x), y, -x, -self.directions * self.torque_ratio])

    @property
    def max_thrust(self) -> float:
        """Largest collective thrust in [N] that may be commanded."""
        return self.max_collective * len(self.positions) * self.thrust_coefficient * self.max_speed**2

    @property
    def hover_speed(self) -> float:
        """Rotor speed in [rad/s] that carries the weight (g = 9.81 m/s2)."""
        return float(np.sqrt(self.mass * 9.81 / (len(self.positions) * self.thrust_coefficient)))
