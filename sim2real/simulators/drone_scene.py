"""The MuJoCo model of a drone over a floor, and where cameras outside stand.

Cameras: "overview" sees the region of the goals, "chase" flies with the drone without turning.
"""

from __future__ import annotations

from dataclasses import replace

import mujoco
import numpy as np

from sim2real.robot_model import Geom
from sim2real.robots import RobotDescription
from sim2real.simulators import scene
from sim2real.simulators.drone import GRAVITY, clearance


def view(robot: RobotDescription, camera: str) -> tuple[np.ndarray, np.ndarray]:
    """Eye and target in [m], (3,) each: in the world for "overview", from the drone for "chase"."""
    if camera == "chase":
        span = float(np.abs(robot.rotors.positions[:, :2]).max())
        return span * np.array([-9.0, -9.0, 7.0]), np.zeros(3)
    target = np.array([0.0, 0.0, float(np.mean(robot.goal.height))])
    size = float(robot.goal.radius[1] + robot.goal.height[1] - target[2])
    return target + size * np.array([-1.5, -1.5, 0.9]), target


def looks(robot: RobotDescription) -> list[Geom]:
    """The shapes that are drawn: the visual ones, or those of collision where there are no others."""
    geoms = robot.model.link(robot.model.root).geoms
    return [g for g in geoms if not g.collision] or list(geoms)


def drone_model(robot: RobotDescription) -> mujoco.MjModel:
    """The compiled model: one free body with the name and the shapes of the robot's base."""
    spec = mujoco.MjSpec()
    spec.modelname = robot.name
    scene.set_options(spec, robot.control_period / round(robot.control_period / robot.substep))
    # symplectic Euler, like the other engines; for a free body the implicit ones differ in the gyroscopic term
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_EULER
    spec.option.gravity = [0.0, 0.0, -GRAVITY]
    scene.add_floor(spec)
    spec.geom(scene.FLOOR).pos = [0.0, 0.0, -clearance(robot)]
    link = robot.model.link(robot.model.root)
    body = spec.worldbody.add_body(name=link.name, simple=0)  # its centre of mass moves with parameters
    body.add_freejoint()
    scene.add_inertia(body, link)
    body.iquat = [1.0, 0.0, 0.0, 0.0]  # parameters give the diagonal in body axes
    body.inertia = link.inertia.diagonal()
    drawn = looks(robot)
    for geom in link.geoms:
        seen = any(geom is other for other in drawn)
        scene.add_geom(spec, body, geom if seen else replace(geom, rgba=(0.0,) * 4), collide=geom.collision)
    return spec.compile()
