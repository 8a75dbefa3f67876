"""The MuJoCo model of an arm: its links, joints and servos over a floor, with everything a parameter acts on.

Contacts are those of the robot with the floor only; links never collide with each other.
"""

from __future__ import annotations

import mujoco

from sim2real import rotations
from sim2real.robot_model import Geom, Link
from sim2real.robots import RobotDescription
from sim2real.simulators.layout import BACKGROUND, floor_links, principal_axes
from sim2real.simulators.mujoco_shapes import SHAPES, half_sizes

# names of a user's links cannot contain these
FLOOR, PAYLOAD, TOOL = "s2r/floor", "s2r/payload", "s2r/tool"
# a friction constraint as stiff as the step allows, so that a joint that sticks does not creep
_FRICTION_SOLIMP = (0.998, 0.999, 0.001, 0.5, 2.0)


def arm_model(robot: RobotDescription) -> mujoco.MjModel:
    """The compiled model; bodies carry the links' names, joints and actuators the joints'."""
    return arm_spec(robot).compile()


def arm_spec(robot: RobotDescription) -> mujoco.MjSpec:
    """What ``arm_model`` compiles."""
    spec = mujoco.MjSpec()
    spec.modelname = robot.name
    substep = robot.control_period / round(robot.control_period / robot.substep)
    set_options(spec, substep)
    add_floor(spec)
    bodies = _add_links(spec, robot)
    tool = bodies[robot.tool_link]
    quat = rotations.from_matrix(robot.tool_rotation)
    tool.add_site(name=TOOL, pos=robot.tool_offset, quat=quat, size=[0.005] * 3)
    # massless bodies: a push acts at the centre of mass of TOOL, which is the tool point; PAYLOAD carries the load
    for name in (TOOL, PAYLOAD):
        tool.add_body(name=name, pos=robot.tool_offset, quat=quat, mass=0.0, inertia=[0.0] * 3, ipos=[0.0] * 3,
                      explicitinertial=True)
    for joint in robot.joints:
        actuator = spec.add_actuator(
            name=joint.name, target=joint.name, trntype=mujoco.mjtTrn.mjTRN_JOINT,
            dyntype=mujoco.mjtDyn.mjDYN_FILTEREXACT, gaintype=mujoco.mjtGain.mjGAIN_FIXED,
            biastype=mujoco.mjtBias.mjBIAS_AFFINE, forcelimited=True,
            forcerange=[-joint.effort, joint.effort], nsample=round(robot.control_period / substep))
        actuator.dynprm[0] = robot.actuator.time_constant
        actuator.gainprm[0] = joint.stiffness
        actuator.biasprm[:3] = [0.0, -joint.stiffness, -joint.damping_gain]
    return spec


def set_options(spec: mujoco.MjSpec, substep: float) -> None:
    """Integrator and solver."""
    spec.compiler.degree = False
    spec.option.timestep = substep
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.option.solver = mujoco.mjtSolver.mjSOL_PGS
    spec.option.disableflags |= mujoco.mjtDisableBit.mjDSBL_AUTORESET.value | mujoco.mjtDisableBit.mjDSBL_ISLAND.value


def add_floor(spec: mujoco.MjSpec) -> None:
    """A plane at z = 0; what collides with it are the pairs of ``add_geom``."""
    spec.worldbody.add_geom(name=FLOOR, type=mujoco.mjtGeom.mjGEOM_PLANE, size=[0, 0, 0.05], contype=0, conaffinity=0,
                            rgba=BACKGROUND)


def add_inertia(body, link: Link) -> None:
    """Mass, centre of mass and inertia of ``link`` for a MuJoCo body."""
    moments, axes = principal_axes(link.inertia)
    body.mass, body.ipos = link.mass, link.com
    body.inertia, body.iquat = moments, rotations.from_matrix(axes)
    body.explicitinertial = True


def add_geom(spec: mujoco.MjSpec, body, geom: Geom, *, collide: bool) -> None:
    """A primitive shape without mass; it collides with the floor alone, if at all.

    By a named pair: a list of pairs costs a third of finding them among geoms that may collide.
    """
    name = f"s2r/shape{len(spec.geoms)}"
    body.add_geom(name=name, type=SHAPES[geom.kind], size=half_sizes(geom.kind, geom.size), pos=geom.xyz,
                  quat=rotations.from_matrix(geom.rotation), rgba=geom.rgba, mass=0.0, contype=0, conaffinity=0)
    if collide:
        spec.add_pair(geomname1=FLOOR, geomname2=name, condim=3)


def _add_links(spec: mujoco.MjSpec, robot: RobotDescription) -> dict:
    """MuJoCo bodies by link name."""
    model, solid = robot.model, floor_links(robot)
    root = spec.worldbody.add_body(name=model.root)
    bodies = {model.root: root}
    if model.link(model.root).mass > 0.0:
        add_inertia(root, model.link(model.root))
    for geom in model.link(model.root).geoms:
        add_geom(spec, root, geom, collide=False)
    actuated = {joint.name: joint for joint in robot.joints}
    for joint in model.joints:
        body = bodies[joint.parent].add_body(name=joint.child, pos=joint.xyz,
                                             quat=rotations.from_matrix(joint.rotation))
        bodies[joint.child] = body
        add_inertia(body, model.link(joint.child))
        for geom in model.link(joint.child).geoms:
            add_geom(spec, body, geom, collide=geom.collision and joint.child in solid)
        drive = actuated[joint.name]
        kind = mujoco.mjtJoint.mjJNT_SLIDE if joint.type == "prismatic" else mujoco.mjtJoint.mjJNT_HINGE
        hinge = body.add_joint(name=joint.name, type=kind, axis=joint.axis, limited=True, range=drive.position,
                               armature=drive.armature, frictionloss=drive.friction,
                               solref_friction=[2.0 * spec.option.timestep, 1.0], solimp_friction=_FRICTION_SOLIMP)
        hinge.damping[0] = drive.damping
    return bodies
