"""What an identifier sees of one instant: how the robot answers its commands. No goal and no clock are in it.

The same terms in training and in deployment, built by the same ``ObservationBuilder`` as the policy's observation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim2real import rotations
from sim2real.tasks.observations import Context, Term

if TYPE_CHECKING:
    from sim2real.robots import RobotDescription


EFFORT = "joint_effort"


def dynamics_terms(robot: RobotDescription, effort: bool = True) -> tuple[Term, ...]:
    """The terms of an arm or a drone, each of the present alone: the identifier's network has a memory of its own.

    Args:
        robot: The robot description.
        effort: Whether torques of the joints' drives are among them, of an arm that reports any. A load moves a stiff
            arm by less than its encoders' errors, but has to be carried.
    """
    if robot.kind != "arm":
        return _drone(robot)
    limit = robot.effort_limit
    efforts = (Term(EFFORT, robot.num_joints, lambda c: c.state.joint_effort / limit, scale=4.0),)
    return (*_arm(robot), *(efforts if effort and robot.sensors.effort_noise is not None else ()))


def _arm(robot: RobotDescription) -> tuple[Term, ...]:
    n, home, limit = robot.num_joints, robot.home, robot.velocity_limit
    step = limit * robot.control_period  # [rad] at the velocity limit in one period
    return (
        Term("joint_position", n, lambda c: c.state.joint_position - home, scale=0.5),
        Term("joint_velocity", n, lambda c: c.state.joint_velocity / limit, scale=3.0),
        Term("lead", n, lambda c: (c.command - c.state.joint_position) / step),
        Term("command_velocity", n, lambda c: c.command_velocity / limit, scale=3.0),
    )


def _drone(robot: RobotDescription) -> tuple[Term, ...]:
    rotors = robot.rotors
    hover, rates = robot.hover_thrust, np.asarray(rotors.max_rate)

    def in_body(c: Context) -> dict[str, np.ndarray]:
        if "dynamics" not in c.cache:
            matrix = rotations.matrix(c.state.quaternion)
            c.cache["dynamics"] = {"velocity": np.einsum("nij,ni->nj", matrix, c.state.linear_velocity),
                                   "up": matrix[:, 2]}
        return c.cache["dynamics"]

    return (
        Term("body_velocity", 3, lambda c: in_body(c)["velocity"]),
        Term("up", 3, lambda c: in_body(c)["up"]),
        Term("body_rate", 3, lambda c: c.state.angular_velocity, scale=0.25),
        Term("thrust", 1, lambda c: c.command[:, :1] / hover - 1.0, scale=2.0),
        Term("rate_command", 3, lambda c: c.command[:, 1:] / rates, scale=2.0),
    )
