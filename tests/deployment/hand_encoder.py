"""An encoder that needs no training: the centroid of what is red, brought onto a plane by a homography."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from sim2real import rotations
from sim2real.cameras import CameraModel
from sim2real.deployment.encoder import write_encoder
from sim2real.robots import RobotDescription

THRESHOLD = 50.0  # of red over green and over blue, from which a pixel counts


def red_onnx(height: int, width: int, homography: np.ndarray | None = None, *, after: Sequence = (),
             numbers: Mapping[str, float] | None = None, image_type: int = TensorProto.UINT8) -> bytes:
    """Predictions (n, 2): where the red pixels' centre (u, v) lies by ``homography`` (3, 3); features (n, 3): their
    mean strength, u and v in [pixels].

    Without any red the centre is pixel (0, 0). ``after``: nodes that make "prediction" of "place", and the
    ``numbers`` that they need.
    """
    homography = np.eye(3) if homography is None else homography
    weights = {
        "over": np.array([[1, -1, 0], [1, 0, -1]]).reshape(2, 3, 1, 1),  # red over green, red over blue
        "threshold": np.array(-THRESHOLD),
        "u": np.tile(np.arange(width) + 0.5, (height, 1))[None, None],
        "v": np.tile(np.arange(height) + 0.5, (width, 1)).T[None, None],
        "least": np.array(1e-3), "one": np.ones((1, 1, 1, 1)), "area": np.array(1.0 / (height * width)),
        "H": homography.T, **{name: np.array(value) for name, value in (numbers or {}).items()}}
    node = helper.make_node
    nodes = [
        node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        node("Transpose", ["float"], ["planes"], perm=[0, 3, 1, 2]),
        node("Conv", ["planes", "over"], ["differences"], kernel_shape=[1, 1]),
        node("ReduceMin", ["differences"], ["both"], axes=[1], keepdims=1),
        node("Add", ["both", "threshold"], ["shifted"]), node("Relu", ["shifted"], ["red"]),
        node("ReduceSum", ["red", "axes"], ["mass"], keepdims=1), node("Add", ["mass", "least"], ["divisor"]),
        *[step for name in "uv" for step in (
            node("Mul", ["red", name], [f"{name}_red"]),
            node("ReduceSum", [f"{name}_red", "axes"], [f"{name}_sum"], keepdims=1),
            node("Div", [f"{name}_sum", "divisor"], [f"{name}_mean"]))],
        node("Mul", ["mass", "area"], ["strength"]),
        node("Sub", ["strength", "strength"], ["nothing"]), node("Add", ["nothing", "one"], ["ones"]),
        node("Concat", ["u_mean", "v_mean", "ones"], ["pixel_planes"], axis=1),
        node("Flatten", ["pixel_planes"], ["pixel"], axis=1),
        node("MatMul", ["pixel", "H"], ["homogeneous"]),
        node("Split", ["homogeneous", "parts"], ["xy", "w"], axis=1), node("Div", ["xy", "w"], ["place"]),
        *(after or [node("Identity", ["place"], ["prediction"])]),
        node("Concat", ["strength", "u_mean", "v_mean"], ["feature_planes"], axis=1),
        node("Flatten", ["feature_planes"], ["features"], axis=1)]
    stored = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()]
    stored += [numpy_helper.from_array(np.array(value, np.int64), name)
               for name, value in (("axes", [2, 3]), ("parts", [2, 1]))]
    graph = helper.make_graph(
        nodes, "encoder", [helper.make_tensor_value_info("image", image_type, ["n", height, width, 3])],
        [helper.make_tensor_value_info("prediction", TensorProto.FLOAT, ["n", 2]),
         helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", 3])], stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


def onto_plane(camera: CameraModel, z: float) -> np.ndarray:
    """The homography (3, 3) that brings pixels of ``camera`` to (x, y) on the plane at height ``z`` [m]."""
    axes = rotations.matrix(np.array(camera.quaternion)).T  # camera from world
    eye = np.array(camera.position)
    pixel_from_plane = camera.matrix @ np.stack([axes[:, 0], axes[:, 1], axes @ ([0.0, 0.0, z] - eye)], axis=1)
    return np.linalg.inv(pixel_from_plane)


def build_seeing_encoder(path, robot: RobotDescription, z: float = 0.045):
    """The encoder of a red block on a table, through the camera ``front`` of ``robot``'s description.

    ``z``: Height in [m] of what is seen of a block of 60 mm: more of its top, which is lit, than of its front.
    """
    camera = CameraModel.of(robot, "front")
    write_encoder(path, red_onnx(camera.height, camera.width, onto_plane(camera, z)), labels=["block_x", "block_y"],
                  unit="m", frame=robot.model.root, camera=camera.as_entry(), training={"method": "by hand"})
    return path


def camera_entry(width: int = 32, height: int = 24) -> dict:
    """A camera's entry as in a robot.yaml."""
    return {"name": "overview", "width": width, "height": height, "fx": 30.0, "fy": 30.0, "cx": width / 2,
            "cy": height / 2, "link": "base_link", "position": [0.6, 0.0, 1.0], "rpy": [3.1416, 0.0, 1.5708]}


def build_encoder(path, height: int = 24, width: int = 32, **changes):
    """The file of a small ``red_onnx`` at ``path``."""
    options = {"onnx": red_onnx(height, width), "labels": ["block_x", "block_y"], "unit": "m", "frame": "base_link",
               "camera": camera_entry(width, height), "training": {"method": "by hand"}, **changes}
    write_encoder(path, options.pop("onnx"), **options)
    return path
