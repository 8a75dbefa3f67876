"""Parameter values of an arm as the physical quantities that an engine is given, always from the nominal ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim2real import rotations
from sim2real.parameters import ParameterSpace
from sim2real.robots import RobotDescription

GRAVITY = np.array([0.0, 0.0, -9.81])
STRIBECK_VELOCITY = 0.02  # [rad/s] at which the excess of breakaway friction has fallen to 1/e


@dataclass(frozen=True)
class ArmValues:
    """Physical quantities of ``k`` simulations of an arm with J joints and L moving links.

    Attributes:
        link_scale: Mass and inertia over nominal, shape (k, L), order of ``RobotDescription.moving_links``.
        payload_mass: In [kg], shape (k,).
        payload_position: In the frame of the tool link in [m], shape (k, 3).
        damping: Viscous joint friction in [N m s/rad], shape (k, J).
        friction: Coulomb joint friction in [N m], shape (k, J).
        armature: Reflected rotor inertia in [kg m2], shape (k, J).
        stiffness: Servo gain kp in [N m/rad], shape (k, J).
        damping_gain: Servo gain kd in [N m s/rad], shape (k, J).
        effort: Largest servo torque in [N m], shape (k, J).
        time_constant: Lag of the servo's set point in [s], shape (k,).
        stiction: Excess of breakaway over Coulomb friction, shape (k,).
        gravity: In the base frame in [m/s2], shape (k, 3).
        contact_friction: Sliding friction coefficient, shape (k,).
    """

    link_scale: np.ndarray
    payload_mass: np.ndarray
    payload_position: np.ndarray
    damping: np.ndarray
    friction: np.ndarray
    armature: np.ndarray
    stiffness: np.ndarray
    damping_gain: np.ndarray
    effort: np.ndarray
    time_constant: np.ndarray
    stiction: np.ndarray
    gravity: np.ndarray
    contact_friction: np.ndarray

    @classmethod
    def of(cls, robot: RobotDescription, space: ParameterSpace, values: np.ndarray) -> ArmValues:
        """The quantities of ``values`` (k, P)."""
        def column(name):
            return values[:, space.column(name)]

        def scaled(nominal, family):
            return nominal * space.family(values, family)

        offset = np.stack([column(f"payload_offset_{axis}") for axis in "xyz"], axis=1)
        tilt = np.stack([column("gravity_tilt_x"), column("gravity_tilt_y"), np.zeros(len(values))], axis=1)
        return cls(
            link_scale=space.family(values, "link_mass_scale"),
            payload_mass=column("payload_mass"),
            payload_position=robot.tool_offset + offset @ robot.tool_rotation.T,
            damping=scaled(robot.damping, "joint_damping_scale"),
            friction=scaled(robot.friction, "joint_friction_scale"),
            armature=scaled(robot.armature, "armature_scale"),
            stiffness=scaled(robot.stiffness, "stiffness_scale"),
            damping_gain=scaled(robot.damping_gain, "damping_gain_scale"),
            effort=scaled(robot.effort_limit, "effort_limit_scale"),
            time_constant=column("motor_time_constant"),
            stiction=column("stiction"),
            gravity=rotations.rotate_inverse(rotations.from_axis_angle(tilt), np.tile(GRAVITY, (len(values), 1))),
            contact_friction=column("contact_friction"))


def servo_effort(kp: np.ndarray, kd: np.ndarray, target: np.ndarray, q: np.ndarray, v: np.ndarray, limit: np.ndarray
                 ) -> tuple[np.ndarray, np.ndarray]:
    """What a joint's servo wants and what its drive gives, clip(kp (x - q) - kd v, +- limit), each (n, J)."""
    wanted = kp * (target - q) - kd * v
    return wanted, np.minimum(np.maximum(wanted, -limit), limit)


def breakaway(friction: np.ndarray, stiction: np.ndarray, velocity: np.ndarray) -> np.ndarray:
    """Coulomb friction (n, J) with the Stribeck excess: Fc (1 + s exp(-(qd / vs)^2)); stiction (n,)."""
    return friction * (1.0 + stiction[:, None] * np.exp(-(velocity / STRIBECK_VELOCITY) ** 2))
