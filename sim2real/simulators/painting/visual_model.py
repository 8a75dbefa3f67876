"""The MuJoCo model of a visual scene: shapes without mass, a material for each, every texture that may cover it."""

from __future__ import annotations

import mujoco
import numpy as np

from sim2real import rotations
from sim2real.robot_model import Geom
from sim2real.simulators import drone_scene
from sim2real.simulators.mujoco_shapes import SHAPES, half_sizes
from sim2real.simulators.painting import textures
from sim2real.simulators.scenes.visual_scene import FAR, MAX_LIGHTS, NEAR, ROBOT, Thing, VisualScene

RGB = mujoco.mjtTextureRole.mjTEXROLE_RGB.value
_CUTOFF = 75.0  # [deg] half angle of a lamp's cone


def visual_model(scene: VisualScene, shadow_size: int, samples: int, drawn: np.ndarray
             ) -> tuple[mujoco.MjModel, list[tuple[str, str, int]]]:
    """The model, and of each geom its name, group and index in ``scene.things`` (-1: the robot's)."""
    spec = mujoco.MjSpec()
    spec.compiler.degree = False
    spec.visual.quality.numslices, spec.visual.quality.numstacks = 16, 8  # software draws it: each corner costs
    spec.visual.quality.shadowsize, spec.visual.quality.offsamples = shadow_size, samples
    spec.visual.headlight.active = 1
    spec.visual.headlight.diffuse = spec.visual.headlight.specular = [0.0] * 3
    spec.visual.map.znear, spec.visual.map.zfar = NEAR, FAR
    spec.stat.extent, spec.stat.center = scene.extent, scene.centre
    geoms: list[tuple[str, str, int]] = []
    for thing in scene.things:
        spec.worldbody.add_geom(
            name=thing.name, type=SHAPES[thing.kind], size=half_sizes(thing.kind, thing.size),
            pos=thing.position, quat=thing.quaternion, contype=0, conaffinity=0, group=0,
            material=_add_material(spec, thing.name, thing.rgba, thing))
    if scene.robot is not None:
        _add_robot(spec, scene)
    for k in range(MAX_LIGHTS):  # a lamp more than the scene has fills in: shadows of each cost a pass
        spec.worldbody.add_light(name=f"s2r/light{k}", type=mujoco.mjtLightType.mjLIGHT_SPOT, cutoff=_CUTOFF,
                                 exponent=1.0, attenuation=[1.0, 0.0, 0.0], ambient=[0.0] * 3,
                                 castshadow=k < len(scene.lights) and scene.lights[k].shadow)
    for k, pixels in enumerate(drawn):
        _add_texture(spec, f"s2r/texture{k}", pixels)
    model = spec.compile()
    model.geom_sameframe[:] = mujoco.mjtSameFrame.mjSAMEFRAME_NONE.value  # poses are written later
    index = {thing.name: (thing.look, k) for k, thing in enumerate(scene.things)}
    for k in range(model.ngeom):
        name = model.geom(k).name
        geoms.append((name, *index.get(name, (ROBOT, -1))))
    return model, geoms


def _add_robot(spec: mujoco.MjSpec, scene: VisualScene) -> None:
    robot = scene.robot
    root = spec.worldbody.add_body(name=robot.model.root, pos=scene.robot_position, quat=scene.robot_quaternion)
    bodies = {robot.model.root: root}
    if robot.kind == "drone":
        root.add_freejoint()
        root.mass, root.inertia, root.explicitinertial = 1.0, [1.0] * 3, True
        for geom in drone_scene.looks(robot):
            _add_geom(spec, root, geom)
        return
    for geom in robot.model.link(robot.model.root).geoms:
        _add_geom(spec, root, geom)
    for joint in robot.model.joints:
        body = bodies[joint.parent].add_body(name=joint.child, pos=joint.xyz,
                                             quat=rotations.from_matrix(joint.rotation))
        bodies[joint.child] = body
        kind = mujoco.mjtJoint.mjJNT_SLIDE if joint.type == "prismatic" else mujoco.mjtJoint.mjJNT_HINGE
        body.add_joint(name=joint.name, type=kind, axis=joint.axis)
        body.mass, body.inertia, body.explicitinertial = 1.0, [1.0] * 3, True
        for geom in robot.model.link(joint.child).geoms:
            _add_geom(spec, body, geom)


def _add_geom(spec: mujoco.MjSpec, body: mujoco.MjsBody, geom: Geom) -> None:
    name = f"s2r/shape{len(spec.geoms)}"
    body.add_geom(name=name, type=SHAPES[geom.kind], size=half_sizes(geom.kind, geom.size),
                  pos=geom.xyz, quat=rotations.from_matrix(geom.rotation), mass=0.0, contype=0, conaffinity=0, group=0,
                  material=_add_material(spec, name, geom.rgba, None))


def _add_material(spec: mujoco.MjSpec, name: str, rgba: tuple[float, ...], thing: Thing | None) -> str:
    material = spec.add_material(name=f"s2r/of {name}", rgba=rgba)
    if thing is not None and thing.pattern:
        own = f"s2r/own {name}"
        _add_texture(spec, own, textures.texture(thing.pattern, 0, textures.OWN_SIZE))
        material.textures[RGB] = own
    return material.name


def _add_texture(spec: mujoco.MjSpec, name: str, pixels: np.ndarray) -> None:
    """The same picture on all six sides of a cube, which covers any shape."""
    height, width = pixels.shape[:2]
    spec.add_texture(name=name, type=mujoco.mjtTexture.mjTEXTURE_CUBE, width=width, height=height, nchannel=3,
                     data=pixels.ravel())
