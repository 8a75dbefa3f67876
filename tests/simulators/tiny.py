"""Tiny robots as text, small enough that every number about them can be worked out by hand."""

from __future__ import annotations

from sim2real.robots import RobotDescription

MASS, LENGTH, INERTIA, TOOL = 2.0, 0.5, 0.02, 0.8  # [kg], [m] to the centre of mass, [kg m2] about it, [m] to the tool
GRAVITY = 9.81


def one_joint(axis: str, com: str, tool: str, *, substeps: int = 10, friction: float = 0.0, armature: float = 0.0,
              damping: float = 0.0, stiffness: float = 200.0, gain: float = 20.0, effort: float = 100.0,
              effort_noise: str = "null") -> RobotDescription:
    """A link on one revolute joint, 1 m above the floor."""
    urdf = f"""<robot name="tiny"><link name="base"/><link name="rod"><inertial><origin xyz="{com}"/>
<mass value="{MASS}"/><inertia ixx="{INERTIA}" iyy="{INERTIA}" izz="{INERTIA}" ixy="0" ixz="0" iyz="0"/></inertial>
<collision><origin xyz="{com}"/><geometry><sphere radius="0.05"/></geometry></collision></link>
<joint name="hinge" type="revolute"><parent link="base"/><child link="rod"/><origin xyz="0 0 1"/><axis xyz="{axis}"/>
<limit lower="-6" upper="6" effort="{effort}" velocity="50"/></joint></robot>"""
    yaml = f"""
schema: 1
name: tiny
kind: arm
model: tiny.urdf
tool: {{link: rod, offset: [{tool}]}}
control: {{period: 0.02, substep: {0.02 / substeps}}}
joints:
  hinge: {{home: 0.0, velocity: 50, acceleration: 1000, jerk: 100000, effort: {effort}, damping: {damping},
          friction: {friction}, armature: {armature}, stiffness: {stiffness}, damping_gain: {gain}}}
payload: {{max: 2.0}}
sensors: {{effort_noise: {effort_noise}}}
goal: {{radius: [0.1, 0.5], height: [0.5, 1.0], azimuth: [-1, 1]}}
"""
    return RobotDescription.from_files({"robot.yaml": yaml.encode(), "tiny.urdf": urdf.encode()})


def pendulum(**options) -> RobotDescription:
    """Hangs down at zero; a positive angle swings it towards -x: the centre of mass is at (-l sin q, -l cos q)."""
    return one_joint("0 1 0", f"0 0 {-LENGTH}", f"0, 0, {-TOOL}", **options)


def turntable(**options) -> RobotDescription:
    """Turns about the vertical, so that gravity does nothing; the centre of mass is at (l cos q, l sin q)."""
    return one_joint("0 0 1", f"{LENGTH} 0 0", f"{TOOL}, 0, 0", **options)
